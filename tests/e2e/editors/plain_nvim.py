"""Neovim's own LSP client without any plugin of ours: the code action's face.

Knows how a user sets it up. Does not know what is tested.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.editors.desk import Desk
from tests.e2e.editors.documented import block
from tests.e2e.editors.nvim import Neovim


class PlainNeovim(Neovim):
    """One Neovim without the plugin."""

    def choose(self, line: int, action: str | None) -> str:
        """Ask for the code actions of a line and choose one by its title, or none; the
        suggestion's id."""
        before = len(self.desk.offers())
        self.type(f":{line + 1}\nga")
        self.terminal.wait_for("Type number and <Enter>")
        shown = self.terminal.screen().split("\n")
        number = next((row.split(":")[0] for row in shown if action and action in row), "")
        self.type(f"{number}\n")
        self.terminal.wait(lambda: self.evaluate("mode()") == "n", "the end of the choice")
        [name] = self.desk.offers()[before:]
        return name


@contextmanager
def plain_neovim(desk: Desk) -> Iterator[PlainNeovim]:
    """Run Neovim on the desk's file."""
    config = desk.folder / "init.lua"
    command = ", ".join(json.dumps(part) for part in desk.server)
    setup = block("vim.lsp.start_client", ('"hone-lsp"', command))
    config.write_text("vim.opt.swapfile = false\n" + setup)
    socket = str(desk.folder / "nvim.sock")
    arguments = ("--clean", "--listen", socket, "-u", str(config), str(desk.file))
    with desk.terminal("nvim", *arguments) as terminal:
        running = PlainNeovim(desk, terminal)
        ready = 'luaeval("#vim.lsp.get_active_clients() > 0")'
        terminal.wait(lambda: running.evaluate(ready) == "true", "an attached server")
        yield running
