"""The vocabulary that all four programs share; see the modules for one topic each.

Imports the standard library and pydantic only.
"""

from feedback_store.events.context import (
    MAX_INSTRUCTION,
    Diagnostic,
    EditContext,
    Excerpt,
    Frozen,
    RecentEdit,
)
from feedback_store.events.feedback import (
    Client,
    FeedbackAck,
    FeedbackBatch,
    FeedbackEvent,
    LossEvent,
    OutcomeEvent,
    SettledEvent,
    Settling,
    SurvivalEvent,
)
from feedback_store.events.terms import (
    WIRE_VERSION,
    WIRE_VERSIONS,
    FeedbackLevel,
    Outcome,
    Reason,
    Scope,
    SettledBy,
    Shown,
    Trigger,
)
from feedback_store.events.wire import (
    MAX_AVOIDED,
    Decision,
    Hello,
    PolicyInfo,
    Rollout,
    RolloutRequest,
    RolloutResponse,
    SuggestRequest,
    SuggestResponse,
)

__all__ = [
    "MAX_AVOIDED",
    "MAX_INSTRUCTION",
    "WIRE_VERSION",
    "WIRE_VERSIONS",
    "Client",
    "Decision",
    "Diagnostic",
    "EditContext",
    "Excerpt",
    "FeedbackAck",
    "FeedbackBatch",
    "FeedbackEvent",
    "FeedbackLevel",
    "Frozen",
    "Hello",
    "LossEvent",
    "Outcome",
    "OutcomeEvent",
    "PolicyInfo",
    "Reason",
    "RecentEdit",
    "Rollout",
    "RolloutRequest",
    "RolloutResponse",
    "Scope",
    "SettledBy",
    "SettledEvent",
    "Settling",
    "Shown",
    "SuggestRequest",
    "SuggestResponse",
    "SurvivalEvent",
    "Trigger",
]
