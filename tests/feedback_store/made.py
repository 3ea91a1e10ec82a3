"""Entries as the gateway and the editors make them, for the store's tests.

Knows how to make valid suggestions and feedback. Does not know the store.
"""

from typing import Any

from feedback_store.entries import NewEntry
from feedback_store.events import (
    Client,
    EditContext,
    FeedbackLevel,
    Outcome,
    OutcomeEvent,
    SettledBy,
    SettledEvent,
    SurvivalEvent,
)
from feedback_store.rows import SuggestionRow

SECRET = "text_that_only_content_tables_may_hold"
NOON = 1_790_000_000.0
CLIENT = Client(name="Neovim", version="0.11")


def context() -> EditContext:
    return EditContext(
        path="pkg/mod.py",
        language="python",
        prefix="import os\n",
        region=f"x = '{SECRET}'\n",
        suffix="\n",
        region_first_line=1,
        cursor_line=0,
        cursor_character=3,
    )


def row(suggestion_id: str, **changes: Any) -> SuggestionRow:
    fields: dict[str, Any] = {
        "suggestion_id": suggestion_id,
        "session": "s1",
        "workspace": "w1",
        "client": CLIENT,
        "document": "d1",
        "document_version": 3,
        "level": FeedbackLevel.FULL,
        "policy_version": "hone-000001",
        "base_model": "hone-tiny",
        "prompt_format": "region",
        "profile": "hone-tiny",
        "temperature": 0.0,
        "prompt_token_ids": (5, 6, 7),
        "output_token_ids": (8, 9),
        "output_logprobs": (-0.25, -1.5),
        "output_text": f"y = '{SECRET}'",
        "finish_reason": "stop",
        "context": context(),
        "new_region": f"y = '{SECRET}'\n",
        "engine_ms": 12.5,
        "created_at": NOON,
    }
    return SuggestionRow(**(fields | changes))


def suggestion(
    seq: int,
    suggestion_id: str = "",
    *,
    user: str = "ann",
    producer: str = "gateway-1",
    **changes: Any,
) -> NewEntry:
    payload = row(suggestion_id or f"sug-{seq}", **changes).model_dump(mode="json")
    return NewEntry(producer, seq, "suggestion", user, "core", payload)


def _entry(event: Any, user: str, producer: str) -> NewEntry:
    payload = event.model_dump(mode="json")
    return NewEntry(producer, event.seq, event.kind, user, "core", payload)


def _common(seq: int, suggestion_id: str) -> dict[str, Any]:
    return {
        "seq": seq,
        "suggestion_id": suggestion_id,
        "session": "s1",
        "workspace": "w1",
        "client": CLIENT,
        "client_time": NOON + seq,
    }


def outcome(
    seq: int,
    suggestion_id: str,
    what: Outcome = Outcome.REJECTED,
    *,
    user: str = "ann",
    producer: str = "spool-1",
    **changes: Any,
) -> NewEntry:
    event = OutcomeEvent(**_common(seq, suggestion_id), outcome=what, **changes)
    return _entry(event, user, producer)


def settled(
    seq: int, suggestion_id: str, *, user: str = "ann", producer: str = "spool-1", **changes: Any
) -> NewEntry:
    fields: dict[str, Any] = {
        "settled_by": SettledBy.QUIET,
        "region_changed": True,
        "settled_text": f"z = '{SECRET}'\n",
    }
    event = SettledEvent(**_common(seq, suggestion_id), **(fields | changes))
    return _entry(event, user, producer)


def survival(
    seq: int,
    suggestion_id: str,
    *,
    horizon_s: float = 30.0,
    last: bool = False,
    user: str = "ann",
    producer: str = "spool-1",
    **changes: Any,
) -> NewEntry:
    fields: dict[str, Any] = {"observed": True, "retained": 0.75, "four_grams": 0.5}
    fields |= {"horizon_s": horizon_s, "last": last, "reverted": False}
    event = SurvivalEvent(**_common(seq, suggestion_id), **(fields | changes))
    return _entry(event, user, producer)


def refused(number: int) -> list[NewEntry]:
    """A suggestion that was refused and settled, hence ready; numbers 1, 2, ... do not clash."""
    return [
        suggestion(number, f"ref-{number}"),
        outcome(2 * number, f"ref-{number}"),
        settled(2 * number + 1, f"ref-{number}"),
    ]
