"""Monaco with monaco-languageclient on a page, speaking to `hone-lsp --ws`.

Knows how the page is built, served and connected. Does not know what is tested.
"""

import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.e2e.browser.chromium import Page, chromium
from tests.e2e.browser.desk import Desk
from tests.e2e.browser.packages import installed, run
from tests.e2e.stack import ROOT

HERE = Path(__file__).parent / "monaco"
SOURCES = ("main.js", "index.html", "build.mjs")
STOP_S = 30.0


def built() -> Path:
    """Return the folder of the page."""
    there = installed(HERE)
    for name in SOURCES:
        shutil.copy(HERE / name, there)
    run(("node", "build.mjs"), there)
    return there / "page"


@contextmanager
def monaco(desk: Desk, page_folder: Path) -> Iterator[Page]:
    """Show the desk's file in Monaco, with a language server of its own."""
    with _served(page_folder) as origin, _language_server(desk, origin) as address:
        asked = {"server": address, "uri": desk.file.as_uri(), "text": desk.file.read_text()}
        with chromium(desk.folder) as page:
            page.open(f"{origin}/index.html#{quote(json.dumps(asked))}")
            page.wait("globalThis.hone?.ready", "a connected editor")
            yield page


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(STOP_S)


@contextmanager
def _language_server(desk: Desk, origin: str) -> Iterator[str]:
    """Run `hone-lsp --ws` for pages from `origin`; yield its address with the token."""
    command = [sys.executable, "-m", "lsp.cli", "--ws", "--ws.origins", origin]
    with (desk.folder / "lsp.log").open("wb") as log:
        running = subprocess.Popen(
            command, cwd=ROOT, env=desk.env, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert running.stdout
        yield running.stdout.readline().strip()
    finally:
        running.terminate()
        running.communicate(timeout=STOP_S)
