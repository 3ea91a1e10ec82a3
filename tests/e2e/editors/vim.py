"""Vim with ALE in a terminal, set up as deploy/docs/editors.md says.

Vim here has no socket to ask it by, so its text is what it writes to the file. Does not know what
is tested.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.editors.desk import Desk
from tests.e2e.editors.documented import block
from tests.e2e.editors.terminal import Terminal

INIT = """
set nocompatible noswapfile
filetype plugin on
"""


class Vim:
    """One Vim; `terminal` has its keys and screen."""

    def __init__(self, desk: Desk, terminal: Terminal) -> None:
        self.desk = desk
        self.terminal = terminal
        self.press, self.type = terminal.press, terminal.type

    def rename(self, line: int) -> None:
        """Make the edit that the next one follows from."""
        self.type(f":{line + 1}\nzz0cwtotal_{line}")
        self.press("Escape")

    def append(self, line: int, text: str) -> None:
        """Type at the end of a line."""
        self.type(f":{line + 1}\nA{text}")
        self.press("Escape")

    def choose(self, line: int, action: str | None) -> str:
        """Choose a code action at a line, or none, once ALE marks the line; the suggestion."""
        before = len(self.desk.offers())
        self.type(f":{line + 1}\n")
        self.terminal.wait_for(f"--value_{line} =")
        self.type(":ALECodeAction\n")
        self.terminal.wait_for("Type number and <Enter>")
        shown = self.terminal.screen().split("\n")
        number = next((row.split(")")[0] for row in shown if action and action in row), "")
        self.type(f"{number}\n")
        [name] = self.desk.offers()[before:]
        return name

    def text(self) -> str:
        """Return the buffer's text, by saving it."""
        self.type(":w!\n")
        return self.desk.file.read_text(encoding="utf-8")

    def quit(self) -> None:
        """Leave as a user does."""
        self.press("Escape")
        self.type(":qa!\n")
        self.terminal.wait(self.terminal.ended, "Vim's end")


@contextmanager
def vim(desk: Desk) -> Iterator[Vim]:
    """Run Vim on the desk's file."""
    config = desk.folder / "vimrc"
    program, *rest = desk.server
    mine = (("'hone-lsp'", f"'{program}'"), ("'%e'", f"'%e {shlex.join(rest)}'"))
    config.write_text(INIT + block("packadd ale", *mine))
    with desk.terminal("vim", "-u", str(config), str(desk.file)) as terminal:
        running = Vim(desk, terminal)
        opened = "textDocument/didOpen"
        terminal.wait(lambda: desk.sent(opened), "an attached server")
        yield running
