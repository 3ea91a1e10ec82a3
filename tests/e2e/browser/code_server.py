"""VS Code in a browser with Hone's extension: the server part of a real VS Code, from npm.

Knows how a user sets it up and what can be read from its screen. Does not know what is tested.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from server.engine.process import free_port
from tests.e2e.browser.chromium import Page, chromium
from tests.e2e.browser.desk import Desk
from tests.e2e.browser.packages import installed, run
from tests.e2e.stack import ROOT, poll

HERE = Path(__file__).parent
VSIX = ROOT / "build" / "hone-vscode.vsix"
INNER = "node_modules/code-server/lib/vscode"
QUIET = {
    # Only what is tested is to appear on the screen.
    "editor.quickSuggestions": {"other": "off"},
    "editor.minimap.enabled": False,
    "editor.autoClosingBrackets": "never",
    "telemetry.telemetryLevel": "off",
    "files.autoSave": "off",
    "workbench.editor.enablePreview": False,
}


STATUS = r"#hone\\.hone-vscode\\.hone\\.status"
"""Hone's item in the status bar."""


class VsCode:
    """One window of VS Code on one file."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.file = file

    def trust(self) -> None:
        """Say that the authors of the folder are trusted, when VS Code asks."""
        self.page.click(".monaco-dialog-box .monaco-button:not(.secondary)")

    def wait_untrusted(self) -> None:
        """Return once Hone's item in the status bar says that it waits for trust."""
        icon = f"document.querySelector('{STATUS} .codicon-circle-slash')"
        self.page.wait(f"!!{icon}", "the status of a folder that is not trusted")

    def wait_status(self, text: str) -> None:
        """Return once Hone's item in the status bar says `text`."""
        script = f"document.querySelector('{STATUS}')?.textContent"
        self.page.wait(f"({script} ?? '').includes({json.dumps(text)})", f"status {text!r}")

    def wait_cursor(self, line: int, column: int | None = None) -> None:
        """Return once the cursor is in a line, or at a place in it, counted from 0."""
        script = "document.querySelector('#status\\\\.editor\\\\.selection')?.textContent"
        where = f"Ln {line + 1}, Col " + ("" if column is None else str(column + 1))
        test = "includes" if column is None else "endsWith"
        self.page.wait(f"({script} ?? '').{test}({json.dumps(where)})", f"the cursor at {where}")

    def go(self, line: int) -> None:
        """Put the cursor at the beginning of a line, counted from 0."""
        self.page.click(".monaco-editor .view-line")
        self.page.press("Control+Home", *["ArrowDown"] * line, "Home")

    def wait_line(self, text: str) -> None:
        """Return once there is a line with this text, decorations apart."""
        lines = "[...document.querySelectorAll('.view-line')].map(e => e.textContent)"
        plain = f"{lines}.map(t => t.replaceAll('\\u00a0', ' '))"
        self.page.wait(f"{plain}.includes({json.dumps(text)})", f"the line {text!r}")

    def save(self, text: str) -> None:
        """Save the file; return once it holds this text on the disk."""
        self.page.press("Control+s")
        poll(lambda: self.file.read_text(encoding="utf-8") == text, "the text on the disk")


@dataclass(frozen=True)
class Installed:
    """VS Code's server, and a folder with Hone's extension in it."""

    program: Path
    extensions: Path

    @property
    def command(self) -> list[str]:
        """How the server is started."""
        flags = ["--accept-server-license-terms", "--extensions-dir", str(self.extensions)]
        return ["node", str(self.program), *flags]


def install(folder: Path) -> Installed:
    """Build the extension, and install it as a user does."""
    run(("make", "--no-print-directory", "vscode"), ROOT)
    program = installed(HERE / "vscode", INNER) / INNER / "out" / "server-main.js"
    there = Installed(program, folder / "extensions")
    data = ("--server-data-dir", str(folder / "data"))
    run((*there.command, *data, "--install-extension", str(VSIX)), folder)
    return there


@contextmanager
def vscode(there: Installed, desk: Desk, settings: Mapping[str, Any]) -> Iterator[VsCode]:
    """Run VS Code as the desk's user has it, on the desk's file in its folder."""
    data = desk.folder / "vscode"
    machine = data / "data" / "Machine" / "settings.json"
    machine.parent.mkdir(parents=True)
    machine.write_text(json.dumps({**QUIET, "hone.command": desk.server, **settings}))
    start = [*there.command, "--server-data-dir", str(data)]
    with _serving(start, desk.folder, desk.env) as url, chromium(desk.folder) as page:
        remote = f"vscode-remote://{url.removeprefix('http://')}{desk.file}"
        payload = quote(json.dumps([["openFile", remote]]))
        page.open(f"{url}/?folder={quote(str(desk.file.parent))}&payload={payload}")
        yield VsCode(page, desk.file)


@contextmanager
def _serving(start: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[str]:
    port = free_port()
    options = ("--without-connection-token", "--telemetry-level", "off", "--port", str(port))
    with (folder / "vscode.log").open("wb") as log:
        running = subprocess.Popen(
            [*start, *options, "--host", "127.0.0.1"],
            env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        poll(lambda: _answers(url), "VS Code's server", 60)
        yield url
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/version", trust_env=False).is_success
    except httpx.TransportError:
        return False
