"""Neovim with Hone's plugin in a terminal.

Knows how a user sets it up and what can be read from it. Does not know what is tested.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.editors.desk import Desk
from tests.e2e.editors.documented import block
from tests.e2e.editors.terminal import Terminal
from tests.e2e.stack import ROOT


class Neovim:
    """One Neovim; `terminal` has its keys and screen."""

    def __init__(self, desk: Desk, terminal: Terminal) -> None:
        self.desk = desk
        self.terminal = terminal
        self.press, self.type = terminal.press, terminal.type

    def evaluate(self, expression: str) -> str:
        """Return the value of a Vim expression in the running editor."""
        socket = str(self.desk.folder / "nvim.sock")
        command = ["nvim", "--server", socket, "--remote-expr", expression]
        done = subprocess.run(
            command, env=self.desk.env, cwd=self.desk.folder,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def lines(self) -> list[str]:
        """Return the buffer's lines."""
        found: list[str] = json.loads(self.evaluate("json_encode(getline(1, '$'))"))
        return found

    def rename(self, line: int) -> None:
        """Make the edit that the next one follows from."""
        self.type(f":{line + 1}\nzz0cwtotal_{line}")
        self.press("Escape")

    def append(self, line: int, text: str) -> None:
        """Type at the end of a line."""
        self.type(f":{line + 1}\nA{text}")
        self.press("Escape")

    def is_served(self) -> bool:
        """Whether the language server has the buffer."""
        return self.evaluate("luaeval(\"require('hone.server').client(0) ~= nil\")") == "true"

    def has_offer(self) -> bool:
        """Whether an edit is on offer."""
        return self.evaluate("luaeval(\"require('hone').offer() ~= nil\")") == "true"

    def wait_offer(self) -> str:
        """Return the suggestion on offer, once there is one."""
        self.terminal.wait(self.has_offer, "an edit on offer")
        return self.evaluate("luaeval(\"require('hone').offer().id\")")

    def quit(self) -> None:
        """Leave as a user does, and wait for the language server to have ended."""
        self.press("Escape")
        self.type(":qa!\n")
        self.terminal.wait(self.terminal.ended, "Neovim's end")


@contextmanager
def neovim(desk: Desk, *changes: tuple[str, str]) -> Iterator[Neovim]:
    """Run Neovim with the plugin, on the desk's file, set up as documented but for `changes`."""
    command = ", ".join(json.dumps(part) for part in desk.server)
    mine = (("/path/to/hone", str(ROOT)), ('"hone-lsp"', command), *changes)
    config = desk.folder / "init.lua"
    config.write_text("vim.opt.swapfile = false\n" + block('require("hone").setup', *mine))
    socket = str(desk.folder / "nvim.sock")
    arguments = ("--clean", "--listen", socket, "-u", str(config), str(desk.file))
    with desk.terminal("nvim", *arguments) as terminal:
        running = Neovim(desk, terminal)
        terminal.wait(running.is_served, "an attached server")
        yield running
