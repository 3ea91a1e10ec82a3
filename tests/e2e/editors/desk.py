"""Where a real editor is tried: a workspace, a real gateway on a stand-in engine, and a recorder
between the editor and `hone-lsp`.

Knows what passed on the wire and what the store holds. Does not know any editor.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.editors.terminal import Terminal
from tests.e2e.stack import Gateway, environment
from tests.lsp import recorder
from tests.server.serving import StandIn

LINES = 60
FILE = "a.py"
APPLY = "Hone: apply the suggested edit"
DISMISS = "Hone: dismiss the suggested edit"
PATIENT = {
    # Nothing settles while a busy machine's editor is still about to react; the end settles all.
    "HONE_LSP_SETTLING__QUIET_S": "60",
    "HONE_LSP_SETTLING__LONGEST_WAIT_S": "300",
    "HONE_LSP_SUGGEST__DEADLINE_MS": "30000",
    "HONE_LSP_SUGGEST__MENU_MS": "30000",
}


def code(lines: int = LINES) -> str:
    """Return a file in which every line is like no other."""
    return "".join(f"value_{number} = {number}\n" for number in range(lines))


CODE = code()


@dataclass
class Desk:
    """One user with one file, and everything that his editor needs."""

    gateway: Gateway
    engine: StandIn
    folder: Path
    lines: int = LINES
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace.mkdir(parents=True)
        (self.workspace / ".git").mkdir()
        self.file.write_text(code(self.lines), encoding="utf-8")
        self.env = environment(
            self.folder, **PATIENT, HONE_LSP_GATEWAY__URL=self.gateway.url, **self.env
        )

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def file(self) -> Path:
        return self.workspace / FILE

    @property
    def transcript(self) -> Path:
        return self.folder / "transcript.jsonl"

    @property
    def server(self) -> list[str]:
        """The command by which an editor starts the language server."""
        return recorder.server(self.transcript)

    @contextmanager
    def terminal(self, *command: str) -> Iterator[Terminal]:
        """Run an editor in the workspace; it is gone afterwards."""
        assert shutil.which(command[0]), f"there is no {command[0]} here"
        terminal = Terminal(command, self.workspace, self.env)
        try:
            yield terminal
        finally:
            terminal.close()

    def rule(self, line: int, new: str) -> None:
        """Let the model want that line of the file to be `new`."""
        self.engine.rule(f"value_{line} = {line}", new)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return what the editor has sent so far by this method."""
        return [
            entry["message"]
            for entry in recorder.read(self.transcript)
            if entry["from"] == "client" and entry["message"].get("method") == method
        ]

    def offers(self) -> list[str]:
        """Return the ids of the suggestions that the editor got, oldest first."""
        found = [
            name
            for entry in recorder.read(self.transcript)
            if entry["from"] == "server"
            for name in _ids(entry["message"].get("result"))
        ]
        return list(dict.fromkeys(found))

    def outcomes(self) -> list[str]:
        """Return the outcomes that the gateway has stored so far, as its status counts them."""
        return [row["outcome"] for row in self.gateway.get("/v1/status")["outcomes"]]

    def stored(self, suggestion: str) -> tuple[str, str]:
        """Return a suggestion's outcome and whether it was shown, as the store has them. The
        gateway ends for this."""
        self.gateway.stop()
        sql = "SELECT outcome, shown FROM outcomes WHERE suggestion_id = ?"
        [row] = self.gateway.stored(sql, [suggestion])
        return row["outcome"], row["shown"]


def _ids(result: Any) -> Iterator[str]:
    """Yield the suggestions named by the commands anywhere in an answer."""
    if isinstance(result, list):
        for item in result:
            yield from _ids(item)
    elif isinstance(result, dict):
        if str(result.get("command", "")).startswith("hone.") and result.get("arguments"):
            yield str(result["arguments"][0])
        for item in result.values():
            yield from _ids(item)
