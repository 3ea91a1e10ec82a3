"""A headless Chromium and one page in it, driven over its own debugging protocol.

Knows keys, scripts and pictures. Does not know which editor the page holds.
"""

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.e2e.stack import ROOT, poll

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1200,800",
)
WAIT_S = 90.0
POLL_S = 0.1
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}
KEYS = {
    "Enter": ("Enter", 13), "Tab": ("Tab", 9), "Escape": ("Escape", 27), "]": ("BracketRight", 221),
    "Home": ("Home", 36), "End": ("End", 35), "ArrowDown": ("ArrowDown", 40),
    "ArrowRight": ("ArrowRight", 39), " ": ("Space", 32),
}  # fmt: skip
"""Keys that are no letters: their place on the keyboard, and their number in Windows."""


class Page:
    """One tab of a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._session = ""
        self.said: list[str] = []
        """What the page wrote to its console, and what was thrown in it."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Load a page."""
        failed = self._call("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, what: str) -> Any:
        """Return the first value of the expression that is true; fail with a picture."""
        until = time.monotonic() + WAIT_S
        while not (value := self.evaluate(script)):
            if time.monotonic() > until:
                picture = self.picture("failed")
                raise AssertionError(f"waited for {what}; see {picture}; {self.said[-5:]}")
            time.sleep(POLL_S)
        return value

    def press(self, *keys: str) -> None:
        """Press keys such as `Tab` or `Alt+Enter`."""
        for key in keys:
            *modifiers, name = key.split("+")
            bits = sum(MODIFIERS[modifier] for modifier in modifiers)
            code, number = KEYS.get(name) or (f"Key{name.upper()}", ord(name.upper()))
            named = {"key": name, "code": code, "windowsVirtualKeyCode": number}
            event = {**named, "modifiers": bits}
            self._call("Input.dispatchKeyEvent", type="rawKeyDown", **event)
            self._call("Input.dispatchKeyEvent", type="keyUp", **event)

    def insert(self, text: str) -> None:
        """Enter a text at once, as an input method does."""
        self._call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click into the middle of an element."""
        box = json.dumps(selector)
        at = self.wait(
            f"(() => {{ const e = document.querySelector({box});"
            " e?.scrollIntoView({block: 'nearest'}); const r = e?.getBoundingClientRect();"
            " return r && r.width && {x: r.x + r.width / 2, y: r.y + r.height / 2}; })()",
            selector,
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def picture(self, name: str) -> Path:
        """Save what is on the screen below build/screens; return where."""
        path = ROOT / "build" / "screens" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))
        return path

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._connection.send(json.dumps(message))
        while True:
            answer = json.loads(self._connection.recv(WAIT_S))
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._heard(answer)

    def _heard(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.consoleAPICalled":
            parts = [str(a.get("value", a.get("description"))) for a in params["args"]]
            self.said.append(" ".join(parts))
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", details["text"])
            self.said.append(f"thrown: {thrown}")


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """Run a browser with a profile of its own below `folder`; yield its page."""
    program = shutil.which("chromium")
    assert program, "there is no chromium here"
    profile = folder / "chromium"
    profile.mkdir(parents=True)
    command = [program, *FLAGS, f"--user-data-dir={profile}"]
    with (folder / "chromium.log").open("wb") as log:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        port_file = profile / "DevToolsActivePort"
        port, path = poll(lambda: _lines(port_file), "the browser's port", WAIT_S)[:2]
        url = f"ws://127.0.0.1:{port}{path}"
        with connect(url, max_size=None, proxy=None, compression=None) as connection:
            yield Page(connection)
            connection.send(json.dumps({"id": 0, "method": "Browser.close"}))
        running.wait(WAIT_S)
    finally:
        running.kill()
        running.wait()


def _lines(path: Path) -> list[str] | None:
    lines = path.read_text().split("\n") if path.exists() else []
    return lines if len(lines) > 1 else None
