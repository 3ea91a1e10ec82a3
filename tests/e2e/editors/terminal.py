"""A terminal with a program in it: keys go in, a screen comes out. tmux is the terminal.

Knows keys and characters. Does not know which editor runs.
"""

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

WIDTH, HEIGHT = 100, 32
WAIT_S = 60.0
POLL_S = 0.05
KEYSTROKE_S = 0.06
"""Between two keys of one who types: no two of them arrive as one."""

T = TypeVar("T")


class Terminal:
    """One program in a terminal of its own."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        tmux = shutil.which("tmux")
        assert tmux, "there is no tmux here"
        self._tmux = [tmux, "-L", f"hone-{uuid.uuid4().hex[:12]}", "-f", "/dev/null"]
        size = ("-x", str(WIDTH), "-y", str(HEIGHT))
        self._env = dict(env)
        self._call("new-session", "-d", *size, "-c", str(cwd), "--", *command)
        self._call("set-option", "-g", "remain-on-exit", "on")
        self._call("set-option", "-g", "escape-time", "0")

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, such as Escape, Enter, C-x, M-l."""
        for key in keys:
            self._call("send-keys", key)
            time.sleep(KEYSTROKE_S)

    def type(self, text: str) -> None:
        """Type characters, one by one."""
        for character in text:
            self._call("send-keys", "-l", "--", character)
            time.sleep(KEYSTROKE_S)

    def screen(self) -> str:
        """Return what is to be seen, without colours."""
        return self._call("capture-pane", "-p")

    def coloured(self) -> str:
        """Return what is to be seen, with the escape sequences of its colours."""
        return self._call("capture-pane", "-p", "-e")

    def wait(self, condition: Callable[[], T | None], what: str) -> T:
        """Return the first value of `condition()` that is true; fail with the screen."""
        until = time.monotonic() + WAIT_S
        while not (value := condition()):
            assert time.monotonic() < until, f"waited for {what}; the screen:\n{self.screen()}"
            time.sleep(POLL_S)
        return value

    def wait_for(self, text: str) -> None:
        """Return once `text` is on the screen."""
        self.wait(lambda: text in self.screen(), f"{text!r} on the screen")

    def close(self) -> None:
        """End it and everything in it."""
        self._call("kill-server")

    def ended(self) -> bool:
        """Whether the program has ended by itself."""
        return self._call("display-message", "-p", "#{pane_dead}").strip() == "1"

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments],
            env=self._env, capture_output=True, text=True, check=True, timeout=WAIT_S,
        )  # fmt: skip
        return done.stdout
