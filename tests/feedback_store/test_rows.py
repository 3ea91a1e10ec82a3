"""The suggestion's row refuses what could not be stored, and can be stripped of its content."""

import pytest
from pydantic import ValidationError

from feedback_store.entries import at_level, lower
from feedback_store.events import FeedbackLevel
from feedback_store.rows import CONTENT_FIELDS, SuggestionRow
from tests.feedback_store import made


def test_a_row_reads_back_from_json() -> None:
    row = made.row("a")
    assert SuggestionRow.model_validate_json(row.model_dump_json()) == row


def test_without_content_no_text_and_no_token_is_left() -> None:
    stripped = made.row("a").without_content()
    assert stripped.level is FeedbackLevel.FACTS
    assert all(getattr(stripped, field) is None for field in CONTENT_FIELDS)
    assert stripped.language == "python"
    assert made.SECRET not in stripped.model_dump_json()


@pytest.mark.parametrize(
    "changes",
    [
        {"output_logprobs": (-0.25,)},
        {"output_logprobs": (-0.25, float("nan"))},
        {"output_logprobs": (-0.25, float("-inf"))},
        {"prompt_token_ids": (2**31,)},
        {"prompt_token_ids": (-1,)},
        {"created_at": float("inf")},
        {"created_at": 1e18},
        {"unknown": 1},
        {"suggestion_id": ""},
    ],
)
def test_what_the_tables_cannot_hold_is_refused(changes) -> None:
    with pytest.raises(ValidationError):
        made.row(**({"suggestion_id": "a"} | changes))


def test_the_lower_level_wins() -> None:
    full, facts, off = FeedbackLevel.FULL, FeedbackLevel.FACTS, FeedbackLevel.OFF
    assert lower(full, facts) is lower(facts, full) is facts
    assert lower(off, full) is lower(facts, off) is off
    entry = made.settled(1, "a")
    assert at_level(entry, full) is entry
    assert at_level(entry, off) is None
    stripped = at_level(entry, facts)
    assert stripped is not None
    assert made.SECRET not in str(stripped.payload)
