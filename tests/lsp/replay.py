"""Plays a recorded conversation to a real server again, and compares outcomes with the truth.

A transcript is JSON lines: {"t": seconds, "from": "client" | "server", "message": {...}}, and at
its end {"truth": {SUGGESTION-ID: "accepted" | "partially_accepted" | "typed_through" |
"not_taken"}}. The client's messages are sent at their times on a virtual clock; the model answers
what the recorded server offered, and the ids of the recording are mapped to those of the replay.
Knows the format. Does not know how transcripts are recorded.
"""

import json
from pathlib import Path
from typing import Any

from feedback_store.events import OutcomeEvent, SuggestRequest
from lsp.document import split_lines
from tests.lsp.editor import replaced
from tests.lsp.line import Line

NAMING = frozenset(
    {
        "workspace/executeCommand",
        "textDocument/didShowInlineEdit",
        "textDocument/didShowCompletion",
        "textDocument/didPartiallyAcceptCompletion",
    }
)
"""Messages in which the client names a suggestion."""


class Replay:
    """One transcript on its way."""

    def __init__(self, entries: list[dict[str, Any]], folder: Path) -> None:
        self.names: dict[str, str] = {}
        """From recorded suggestion ids to those of this run."""
        self.line = Line(folder, self._model, {})
        self._entries = entries
        self._texts: dict[str, str] = {}
        self._at = 0
        self._offer: dict[str, Any] | None = None
        self._asked: str = ""
        self._answers = {
            entry["message"]["id"]: entry["message"].get("result")
            for entry in entries
            if entry["from"] == "server" and "method" not in entry["message"]
        }

    async def run(self) -> dict[str, str]:
        """Play it to the end; the outcome of each recorded suggestion."""
        for at, entry in enumerate(self._entries):
            self._at = at
            if entry["from"] == "client":
                await self.line.wait(max(0.0, entry["t"] - self.line.now))
                await self._send(entry["message"])
        await self.line.wait(1000)
        events = await self.line.end()
        found = {e.suggestion_id: e.outcome.value for e in events if isinstance(e, OutcomeEvent)}
        return {old: found[new] for old, new in self.names.items() if new in found}

    async def _send(self, message: dict[str, Any]) -> None:
        method: str | None = message.get("method")
        params: Any = message.get("params") or {}
        if method is None or method in ("shutdown", "exit", "$/cancelRequest"):
            return
        if method == "initialize":
            params = params | {"processId": None}
        elif method in NAMING:
            params = json.loads(self._renamed(json.dumps(params)))
        self._follow(method, params)
        recorded = _offer_in(self._answers.get(message["id"])) if "id" in message else None
        self._offer = recorded or self._upcoming()
        self._asked = params.get("textDocument", {}).get("uri", "")
        answer = await self.line.send(message | {"params": params})
        offered = _offer_in(answer and answer.get("result"))
        if recorded and offered:
            self.names.setdefault(recorded["name"], offered["name"])

    def _upcoming(self) -> dict[str, Any] | None:
        """Return what is offered next for the text as it is now: the server may ask before the
        client does."""
        for entry in self._entries[self._at + 1 :]:
            message = entry["message"]
            if entry["from"] == "client" and message.get("method") == "textDocument/didChange":
                return None
            offer = _offer_in(message.get("result")) if entry["from"] == "server" else None
            if offer is not None:
                return offer
        return None

    def _renamed(self, text: str) -> str:
        for old, new in self.names.items():
            text = text.replace(json.dumps(old), json.dumps(new))
        return text

    def _follow(self, method: str, params: Any) -> None:
        """Keep the documents' texts, which the recorded edits apply to."""
        if method == "textDocument/didOpen":
            self._texts[params["textDocument"]["uri"]] = params["textDocument"]["text"]
        elif method == "textDocument/didChange":
            uri = params["textDocument"]["uri"]
            for change in params["contentChanges"]:
                span = change.get("range")
                self._texts[uri] = (
                    replaced(self._texts[uri], *_ends(span), change["text"])
                    if span
                    else change["text"]
                )

    def _model(self, request: SuggestRequest) -> str | None:
        """Rewrite the region as the recorded offer does."""
        offer = self._offer
        if offer is None:
            return None
        before = self._texts[self._asked]
        after = replaced(before, *_ends(offer["range"]), offer["text"])
        first = request.context.region_first_line
        old, new = split_lines(before), split_lines(after)
        size = len(split_lines(request.context.region))
        size -= request.context.region.endswith("\n") and first + size - 1 < len(old)
        behind = max(0, len(old) - first - size)
        return "".join(new[first : len(new) - behind]).replace("\r\n", "\n")


def _offer_in(result: Any) -> dict[str, Any] | None:
    """Return the edit that an answer of any face offers."""
    if isinstance(result, dict):
        items = result.get("items") or result.get("edits") or []
    else:
        items = result if isinstance(result, list) else []
    names = [name for item in items if (name := _named(item))]
    for item in items:
        edit = _first_edit(item["edit"]) if "edit" in item else item
        text = next((edit[key] for key in ("insertText", "text", "newText") if key in edit), None)
        # Where a client does not report that it applied an edit, only "dismiss" says its name.
        name = _named(item) or (names[0] if names else None)
        if name and text is not None and "range" in edit:
            return {"name": name, "range": edit["range"], "text": text}
    return None


def _first_edit(edit: dict[str, Any]) -> dict[str, Any]:
    """Return the first change that a workspace edit makes."""
    documents = [change["edits"] for change in edit.get("documentChanges") or []]
    found = [
        change for edits in (*documents, *edit.get("changes", {}).values()) for change in edits
    ]
    return found[0] if found else {}


def _named(item: dict[str, Any]) -> str | None:
    """Return the suggestion that an item's command names."""
    command = item.get("command")
    arguments = command.get("arguments") if isinstance(command, dict) else None
    return arguments[0] if arguments and isinstance(arguments[0], str) else None


def _ends(span: dict[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    start, end = span["start"], span["end"]
    return (start["line"], start["character"]), (end["line"], end["character"])


async def replay(path: Path, folder: Path) -> dict[str, tuple[str, str]]:
    """Return truth and outcome of every suggestion in a transcript; one that the replayed server
    never offered has the outcome `unknown`."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    truth = lines[-1]["truth"]
    found = await Replay(lines[:-1], folder).run()
    return {name: (wanted, found.get(name, "unknown")) for name, wanted in truth.items()}
