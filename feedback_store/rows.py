"""What is written about a suggestion at the moment it is made.

Knows the fields of the row and which of them are content. Does not know where rows are stored
(feedback_store.store) nor who made the suggestion: the gateway stamps user and team on the entry.
"""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from feedback_store.events import (
    Client,
    EditContext,
    FeedbackLevel,
    Frozen,
    Outcome,
    Reason,
)

CONTENT_FIELDS = (
    "context",
    "prompt_token_ids",
    "output_token_ids",
    "output_logprobs",
    "output_text",
    "new_region",
)
"""The fields that hold text, or numbers from which text can be read; None at level `facts`."""


TokenId = Annotated[int, Field(ge=0, lt=2**31)]
LogProb = Annotated[float, Field(ge=-1e9, le=1e9)]
"""Fits a 32-bit float; the bounds only keep out what no engine returns."""
_LAST_SECOND = 253_402_300_799.0
"""Of the year 9999, the last one a timestamp can name."""


class SuggestionRow(Frozen):
    """One suggestion as the gateway made it; the payload of an entry of kind `suggestion`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    suggestion_id: str = Field(min_length=1)
    session: str
    workspace: str
    """A hash of the workspace's path."""
    client: Client
    document: str
    """A hash of the document's URI."""
    document_version: int
    level: FeedbackLevel
    language: str = ""
    """The LSP language identifier; empty means the context's own."""

    policy_version: str
    base_model: str
    prompt_format: str
    profile: str
    temperature: float = Field(ge=0)
    prompt_token_ids: tuple[TokenId, ...] | None = None
    """None at level `facts`, and when no engine tokenised the prompt."""
    output_token_ids: tuple[TokenId, ...] | None = None
    output_logprobs: tuple[LogProb, ...] | None = None
    """One per output token, natural logarithm, finite."""
    output_text: str | None = None
    """The model's raw answer."""
    finish_reason: str | None = None
    """`stop`, `length`, `abort`, or `converged` where it was cut off because all that was left was
    the old text; None if no answer came."""

    context: EditContext | None = None
    new_region: str | None = None
    """The region rewritten; None if there was nothing to show."""
    outcome: Outcome | None = None
    """`withheld`, `invalid` or `failed` when there was nothing to show."""
    reason: Reason | None = None
    holdout: bool = False
    """Computed but deliberately not shown; never training data."""
    engine_ms: float = 0.0
    created_at: float = Field(ge=0, le=_LAST_SECOND)
    """The gateway's wall clock, seconds since the epoch."""

    @model_validator(mode="after")
    def _lengths_agree(self) -> Self:
        ids, logprobs = self.output_token_ids, self.output_logprobs
        if ids is not None and logprobs is not None and len(ids) != len(logprobs):
            raise ValueError(f"{len(ids)} output token ids but {len(logprobs)} log-probabilities")
        return self

    def without_content(self) -> Self:
        """Return the same row at level `facts`: the numbers, no text and no token ids."""
        language = self.language or (self.context.language if self.context else "")
        return self.model_copy(
            update=dict.fromkeys(CONTENT_FIELDS)
            | {"level": FeedbackLevel.FACTS, "language": language}
        )
