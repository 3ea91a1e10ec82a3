"""What the tracker finds out about suggestions, before it is an event on the wire.

Knows the three findings and how they become feedback events. Does not know how they are found
(lsp.tracker) or kept (lsp.spool).
"""

from dataclasses import dataclass

from feedback_store.events import (
    Client,
    FeedbackEvent,
    FeedbackLevel,
    LossEvent,
    Outcome,
    OutcomeEvent,
    Reason,
    SettledBy,
    SettledEvent,
    Settling,
    Shown,
    SurvivalEvent,
)
from lsp.survival import Survival


@dataclass(frozen=True)
class Decided:
    """A suggestion has its outcome."""

    suggestion_id: str
    level: FeedbackLevel
    outcome: Outcome
    shown: Shown
    reason: Reason | None
    visible_ms: float | None
    waited_ms: float | None


@dataclass(frozen=True)
class Settled:
    """A suggestion's region has come to rest."""

    suggestion_id: str
    level: FeedbackLevel
    settled_by: SettledBy
    region_changed: bool
    settled_text: str
    accepted_text: str | None
    undone: bool
    branch_switch: bool
    bulk_change: bool


@dataclass(frozen=True)
class Survived:
    """What was left of an accepted suggestion at one horizon; `left` is None if nobody could
    look."""

    suggestion_id: str
    level: FeedbackLevel
    horizon_s: float
    last: bool
    age_s: float | None
    """How old the accept was when somebody looked."""
    left: Survival | None


Finding = Decided | Settled | Survived


@dataclass(frozen=True)
class Envelope:
    """What all events of one run of the language server share."""

    session: str
    workspace: str
    client: Client
    settling: Settling

    def event(self, finding: Finding, seq: int, client_time: float) -> FeedbackEvent:
        """Put a finding into the event of the wire; text stays behind below level `full`."""
        common = {
            "seq": seq,
            "suggestion_id": finding.suggestion_id,
            "session": self.session,
            "workspace": self.workspace,
            "client": self.client,
            "client_time": client_time,
            "level": finding.level,
        }
        if isinstance(finding, Decided):
            return OutcomeEvent.model_validate(
                common
                | {
                    "outcome": finding.outcome,
                    "shown": finding.shown,
                    "reason": finding.reason,
                    "visible_ms": finding.visible_ms,
                    "waited_ms": finding.waited_ms,
                    "settling": self.settling,
                }
            )
        if isinstance(finding, Settled):
            return _settled_event(common, finding)
        return _survival_event(common, finding)


def _settled_event(common: dict[str, object], finding: Settled) -> SettledEvent:
    full = finding.level == FeedbackLevel.FULL
    return SettledEvent.model_validate(
        common
        | {
            "settled_by": finding.settled_by,
            "region_changed": finding.region_changed,
            "settled_text": finding.settled_text if full else None,
            "accepted_text": finding.accepted_text if full else None,
            "undone": finding.undone,
            "branch_switch": finding.branch_switch,
            "bulk_change": finding.bulk_change,
        }
    )


def _survival_event(common: dict[str, object], finding: Survived) -> SurvivalEvent:
    left = finding.left
    return SurvivalEvent.model_validate(
        common
        | {
            "horizon_s": finding.horizon_s,
            "last": finding.last,
            "age_s": finding.age_s,
            "observed": left is not None,
            "retained": left and left.retained,
            "four_grams": left and left.four_grams,
            "reverted": left and left.reverted,
        }
    )


def loss_in(
    envelope: Envelope, workspace: str, now: float, seq: int, texts: int, events: int
) -> LossEvent:
    """Return the event that says how much of what waited could not be kept any longer."""
    return LossEvent(
        seq=seq,
        session=envelope.session,
        workspace=workspace,
        client=envelope.client,
        client_time=now,
        level=FeedbackLevel.FACTS,
        texts=texts,
        events=events,
    )
