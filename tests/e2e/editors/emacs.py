"""Emacs with eglot in a terminal, set up as deploy/docs/editors.md says.

Knows what can be read from it. Does not know what is tested.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.editors.desk import APPLY, Desk
from tests.e2e.editors.documented import block
from tests.e2e.editors.terminal import Terminal

INIT = """
(setq inhibit-startup-screen t make-backup-files nil auto-save-default nil
      confirm-kill-processes nil native-comp-deferred-compilation nil
      server-socket-dir "{socket}" server-name "emacs")
(server-start)
"""


class Emacs:
    """One Emacs; `terminal` has its keys and screen."""

    def __init__(self, desk: Desk, terminal: Terminal) -> None:
        self.desk = desk
        self.terminal = terminal
        self.press, self.type = terminal.press, terminal.type

    def evaluate(self, expression: str) -> str:
        """Return the printed value of an expression in the file's buffer."""
        inside = f'(with-current-buffer "{self.desk.file.name}" {expression})'
        socket = str(self.desk.folder / "socket" / "emacs")
        done = subprocess.run(
            ["emacsclient", "--socket-name", socket, "--eval", inside],
            env=self.desk.env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def text(self) -> str:
        """Return the buffer's text."""
        printed = self.evaluate("(json-encode (buffer-substring-no-properties 1 (point-max)))")
        return str(json.loads(json.loads(printed)))

    def command(self, name: str) -> None:
        """M-x."""
        self.press("M-x")
        self.type(f"{name}\n")

    def go(self, line: int) -> None:
        """Go to the beginning of a line, counted from 0."""
        self.press("M-g", "g")
        self.type(f"{line + 1}\n")

    def rename(self, line: int) -> None:
        """Make the edit that the next one follows from."""
        self.go(line)
        self.press("M-d", "M-d")
        self.type(f"total_{line}")

    def append(self, line: int, text: str) -> None:
        """Type at the end of a line."""
        self.go(line)
        self.press("C-e")
        self.type(text)

    def choose(self, line: int, action: str | None) -> str:
        """Choose a code action at a line, or only look, once Flymake marks it; the suggestion."""
        self.terminal.wait(lambda: str(line) in self._marks(), f"a mark at line {line}")
        self.go(line)
        self.command("eglot-code-actions")
        self.terminal.wait_for(f"default {APPLY}")
        if action:
            self.type(f"{action}\n")
        else:
            self.press("C-g")
        return self.desk.offers()[-1]

    def _marks(self) -> list[str]:
        """Return the lines where Flymake shows something of Hone's."""
        marks = """(mapconcat (lambda (found)
            (if (string-match "Hone" (flymake-diagnostic-text found))
                (number-to-string (1- (line-number-at-pos (flymake-diagnostic-beg found)))) ""))
            (flymake-diagnostics) " ")"""
        return self.evaluate(marks).strip('"').split()

    def quit(self) -> None:
        """Leave as a user does, who wants none of his changes kept. Emacs then ends the server
        without a word, so what eglot holds back is sent before."""
        sent = "(null eglot--recent-changes)"
        self.terminal.wait(lambda: self.evaluate(sent) == "t", "the last change on its way")
        self.evaluate("(set-buffer-modified-p nil)")
        self.press("C-x", "C-c")
        self.terminal.wait(self.terminal.ended, "Emacs' end")


@contextmanager
def emacs(desk: Desk) -> Iterator[Emacs]:
    """Run Emacs on the desk's file."""
    config = desk.folder / "init.el"
    command = " ".join(json.dumps(part) for part in desk.server)
    socket = desk.folder / "socket"
    socket.mkdir(mode=0o700)
    setup = block("(require 'eglot)", ('"hone-lsp"', command))
    config.write_text(INIT.format(socket=socket) + setup)
    with desk.terminal("emacs", "-nw", "-q", "-l", str(config), str(desk.file)) as terminal:
        running = Emacs(desk, terminal)
        managed = "(and (eglot-managed-p) t)"
        terminal.wait(lambda: running.evaluate(managed) == "t", "an attached server")
        yield running
