"""Requests as a language server sends them."""

from typing import Any

REGION = "    height = shape.height\n    return width * height\n"
BETTER = "    height = shape.height\n    return breadth * height\n"
ANSWER = "<|by-edit|>"
"""What the model says for it: the last edit's replacement, which the prompt guesses."""
CONTEXT: dict[str, Any] = {
    "path": "pkg/mod.py",
    "language": "python",
    "prefix": "def area(shape):\n    breadth = shape.width\n",
    "region": REGION,
    "suffix": "\n\ndef perimeter(shape):\n    return 2 * (shape.width + shape.height)\n",
    "region_first_line": 2,
    "cursor_line": 1,
    "cursor_character": 0,
    "recent_edits": [
        {
            "path": "pkg/mod.py",
            "diff": " def area(shape):\n-    width = shape.width\n+    breadth = shape.width\n",
        }
    ],
}


def suggestion(**changes: Any) -> dict[str, Any]:
    """Return a suggestion request; keys of the context go to the context."""
    keys = {*CONTEXT, "instruction"}
    context = CONTEXT | {key: changes.pop(key) for key in list(changes) if key in keys}
    return {
        "wire": 1,
        "session": "session-1",
        "workspace": "workspace-1",
        "client": {"name": "test", "version": "1"},
        "document": "document-1",
        "document_version": 3,
        "context": context,
        "client_time": 1_700_000_000.0,
    } | changes


def event(suggestion_id: str, seq: int, kind: str = "outcome", **changes: Any) -> dict[str, Any]:
    """Return a feedback event."""
    kinds: dict[str, dict[str, Any]] = {
        "outcome": {"outcome": "accepted", "shown": "yes"},
        "settled": {
            "settled_by": "quiet",
            "region_changed": True,
            "settled_text": BETTER,
            "accepted_text": BETTER,
        },
        "survival": {"horizon_s": 30.0, "last": True, "observed": True, "retained": 1.0},
    }
    return (
        {
            "kind": kind,
            "seq": seq,
            "suggestion_id": suggestion_id,
            "session": "session-1",
            "workspace": "workspace-1",
            "client": {"name": "test", "version": "1"},
            "client_time": 1_700_000_001.0,
        }
        | kinds[kind]
        | changes
    )


def feedback(*events: dict[str, Any], producer: str = "spool-1") -> dict[str, Any]:
    """Return a feedback batch."""
    return {"wire": 1, "producer": producer, "events": list(events)}
