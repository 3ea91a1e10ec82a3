"""One user with one file, and what the store says in the end of the suggestions that he saw.

Knows the files of a user and the gateway's store. Does not know any editor.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.stack import SHORT_CLOCKS, Gateway, environment, poll
from tests.lsp import recorder

CODE = "".join(f"value_{number} = {number}\n" for number in range(60))
SEEN = """
    SELECT outcome, shown FROM outcomes
    WHERE outcome NOT IN ('withheld', 'superseded', 'stale') ORDER BY outcome
"""
"""What a user can have seen and decided on."""
KNOWN_S = 90.0
PATIENT = {
    # Nothing expires while a busy machine's browser is still about to react.
    "HONE_LSP_SETTLING__QUIET_S": "15",
    "HONE_LSP_SETTLING__LONGEST_WAIT_S": "60",
}


@dataclass
class Desk:
    """A workspace with a file, and a gateway."""

    gateway: Gateway
    folder: Path

    def __post_init__(self) -> None:
        self.file.parent.mkdir(parents=True)
        self.file.write_text(CODE, encoding="utf-8")
        url = self.gateway.url
        self.env = environment(self.folder, **SHORT_CLOCKS | PATIENT, HONE_LSP_GATEWAY__URL=url)

    @property
    def file(self) -> Path:
        """The file that is worked on."""
        return self.folder / "workspace" / "a.py"

    @property
    def transcript(self) -> Path:
        """What the editor and the language server said to each other."""
        return self.folder / "transcript.jsonl"

    @property
    def server(self) -> list[str]:
        """The command by which an editor starts the language server."""
        return recorder.server(self.transcript)

    def is_served(self) -> bool:
        """Whether that command runs."""
        mark = str(self.transcript).encode()
        return any(mark in _command(process) for process in Path("/proc").glob("[0-9]*"))

    def sent(self, method: str, command: str | None = None) -> list[dict[str, Any]]:
        """Return what the editor has sent so far by this method, or to run this command."""
        found = [
            one["message"] for one in recorder.read(self.transcript) if one["from"] == "client"
        ]
        return [
            message
            for message in found
            if message.get("method") == method
            and command in (None, message["params"].get("command"))
        ]

    def outcomes(self, wanted: str) -> list[tuple[str, str]]:
        """Return what became of the suggestions that were seen, and whether that is known, once
        the `wanted` one has arrived. The gateway ends for this."""
        poll(lambda: wanted in self._counted(), f"{wanted} in the store", KNOWN_S)
        self.gateway.stop()
        return [(row["outcome"], row["shown"]) for row in self.gateway.stored(SEEN)]

    def _counted(self) -> set[str]:
        return {row["outcome"] for row in self.gateway.get("/v1/status")["outcomes"]}


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
