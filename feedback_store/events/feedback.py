"""What a client reports about a suggestion: its outcome, the settled text, its survival.

Knows the events and the batch they travel in. Does not know how they are inferred (lsp.tracker),
stored (feedback_store.store) or scored (trainer.reward).
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from feedback_store.events.context import Frozen
from feedback_store.events.terms import (
    WIRE_VERSION,
    FeedbackLevel,
    Outcome,
    Reason,
    SettledBy,
    Shown,
)

MAX_EVENTS_PER_BATCH = 1000
LAST_TIME = 253_402_300_800.0
"""The end of the year 9999, where calendars end that databases and languages share."""


class Client(Frozen):
    """The editor, as it named itself in LSP's `initialize`."""

    name: str
    version: str = ""


class Settling(Frozen):
    """The clocks under which an outcome was observed, in seconds; stamped on every outcome."""

    quiet_s: float = Field(default=10.0, ge=0)
    """A region settles once it has been quiet for this long and no suggestion for it can be on
    screen any more."""
    longest_wait_s: float = Field(default=300.0, ge=0)
    """A region settles after this long even if it is still changing."""
    horizons_s: tuple[float, ...] = (0.0, 5.0, 30.0, 120.0, 300.0, 600.0, 900.0)
    """When survival is measured, counted from the end of the accept."""


ClientTime = Annotated[float, Field(ge=0, lt=LAST_TIME)]
"""A client's wall clock, seconds since the epoch. It may be wrong by any number of years, but what
is no time of a calendar could not be read as one again."""


class _Event(Frozen):
    """What every feedback event carries."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: int = WIRE_VERSION
    seq: int = Field(ge=1)
    """Rising per producer; gaps are allowed, going back is not."""
    suggestion_id: str
    session: str
    workspace: str
    """A hash of the workspace's path, never the path itself."""
    client: Client
    client_time: ClientTime
    """Orders events, measures nothing."""
    level: FeedbackLevel = FeedbackLevel.FULL


class OutcomeEvent(_Event):
    """What became of the suggestion, sent once."""

    kind: Literal["outcome"] = "outcome"
    outcome: Outcome
    shown: Shown = Shown.UNKNOWN
    reason: Reason | None = None
    visible_ms: float | None = None
    """How long it was on offer, on a monotonic clock; None if it never was."""
    waited_ms: float | None = None
    """From the request to its answer, as the client saw it."""
    settling: Settling = Settling()


class SettledEvent(_Event):
    """The text that the user ended up with in the suggestion's region, sent once."""

    kind: Literal["settled"] = "settled"
    settled_by: SettledBy
    region_changed: bool
    """Whether the settled text differs from the text that the suggestion was made for."""
    settled_text: str | None = None
    """None at level `facts`."""
    accepted_text: str | None = None
    """The region right after the accept; None without one and at level `facts`."""
    undone: bool = False
    """The accept was undone within ten seconds."""
    branch_switch: bool = False
    """The working tree changed branch meanwhile: the sample is spoilt."""
    bulk_change: bool = False
    """The region was rewritten from outside (reload, formatter of the whole file)."""


class SurvivalEvent(_Event):
    """How much of the accepted text was left at one horizon."""

    kind: Literal["survival"] = "survival"
    horizon_s: float
    last: bool
    """No later horizon will follow: this was the last one, or the rest is out of reach."""
    observed: bool
    """False if nobody could look; the measures are then None, never imputed."""
    retained: float | None = Field(default=None, ge=0, le=1)
    """Share of the accepted edit's inserted lexical tokens that are still there, in order."""
    four_grams: float | None = Field(default=None, ge=0, le=1)
    """The same share, of 4-grams of lexical tokens."""
    reverted: bool | None = None
    """The region equals the text before the accept again."""
    age_s: float | None = Field(default=None, ge=0)
    """How old the accept was when somebody looked, at least `horizon_s`: a look at a file that
    only a later run could read comes late. None if nobody looked."""


class LossEvent(_Event):
    """Feedback was dropped before it could be sent: the spool was full, or it was too old."""

    kind: Literal["loss"] = "loss"
    suggestion_id: str = Field(default="", max_length=0)
    """It is about none in particular."""
    texts: int = Field(ge=0)
    """Settled texts that are lost, of events that are kept as facts."""
    events: int = Field(ge=0)
    """Events that are lost altogether."""


FeedbackEvent = Annotated[
    OutcomeEvent | SettledEvent | SurvivalEvent | LossEvent, Field(discriminator="kind")
]


class FeedbackBatch(Frozen):
    """A producer's next events, in rising order of `seq`. Sending it twice does no harm."""

    wire: int = WIRE_VERSION
    producer: str
    """One spool: unique per language-server installation and workspace, kept across restarts."""
    events: tuple[FeedbackEvent, ...] = Field(max_length=MAX_EVENTS_PER_BATCH)


class FeedbackAck(Frozen):
    """The promise: everything up to `high_water` is on disk, in the log and in the database."""

    high_water: int
    stored: int
    duplicates: int
    """Events at or below the high-water mark: acknowledged again, not stored again."""
    quarantined: int
    """Events stored apart and never trained on, such as feedback on an unknown suggestion."""
