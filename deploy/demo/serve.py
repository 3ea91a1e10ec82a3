"""`make serve`: the demo's stack, kept up for real editors, with training on a schedule.

python -m deploy.demo.serve [--folder FOLDER] [--port PORT] [--engine-url URL]
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from deploy.demo.screen import Screen
from deploy.demo.stack import Gateway, Place, StackError

EVERY_S = 6 * 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 0 after an orderly end."""
    given = _parser().parse_args(arguments)
    screen = Screen()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        _serve(given, screen, stop)
    except StackError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(given: argparse.Namespace, screen: Screen, stop: threading.Event) -> None:
    place = Place(given.folder.resolve())
    with Gateway(place, given.engine_url, port=given.port) as gateway:
        with screen.phase("starting vLLM and the gateway"):
            gateway.wait_ready(lambda: None)
        # As it is: brackets are the editors' own, and a folded line could not be copied.
        print(how_to(gateway.url, Path(sys.executable).parent / "hone-lsp"), flush=True)
        trainer = _trainer(place, gateway.url)
        try:
            while not stop.wait(1.0):
                gateway.check()
        finally:
            trainer.terminate()
            trainer.wait()


def _trainer(place: Place, url: str) -> subprocess.Popen[bytes]:
    """`hone-trainer watch`, which waits for feedback and trains when there is enough."""
    command = [sys.executable, "-m", "trainer.cli", "watch", "--watch.interval_s", str(EVERY_S)]
    command += ["--gateway.url", url, "--data.folder", str(place.data)]
    with (place.folder / "trainer.log").open("ab") as log:
        env = {**os.environ, "HONE_TRAINER_CONFIG": str(place.empty_config)}
        return subprocess.Popen(command, stdout=log, stderr=log, env=env)


def how_to(url: str, program: Path) -> str:
    """Return what to tell a person: where it is, and what each editor needs to be told."""
    return f"""
Hone is serving at {url} (open it in a browser).
It trains every {EVERY_S // 3600} hours, given enough feedback.

The language server is {program}
It finds this gateway by HONE_LSP_GATEWAY__URL={url}
or by two lines in ~/.config/hone/lsp.toml:
    [gateway]
    url = "{url}"

Neovim 0.12, init.lua:
    vim.lsp.config("hone", {{ cmd = {{ "{program}" }} }})
    vim.lsp.enable("hone")
    vim.lsp.inline_completion.enable()
Emacs, init.el:
    (add-to-list 'eglot-server-programs '(python-mode . ("{program}")))
Helix, languages.toml:
    [language-server.hone]
    command = "{program}"
    [[language]]
    name = "python"
    language-servers = ["hone"]
VS Code:
    make vscode, install build/hone-vscode.vsix, set hone.command to ["{program}"]

More in deploy/docs/editors.md. Ctrl-C ends everything.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo.serve",
        description="Serve suggestions on this machine and learn from the feedback on a schedule.",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("build/serve"), help="data and logs (%(default)s)"
    )
    parser.add_argument("--port", type=int, default=8765, help="of the gateway (%(default)s)")
    parser.add_argument("--engine-url", help="use the vLLM at this address instead of starting one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
