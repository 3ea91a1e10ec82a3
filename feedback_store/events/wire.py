"""Requests and answers between editor, gateway and trainer.

Knows the shapes on HTTP. Does not know routes (server.app) or storage (feedback_store.store).
"""

from pydantic import Field

from feedback_store.events.context import EditContext, Frozen
from feedback_store.events.feedback import Client, ClientTime
from feedback_store.events.terms import (
    WIRE_VERSION,
    FeedbackLevel,
    Outcome,
    Reason,
    Trigger,
)

MAX_AVOIDED = 8


class Hello(Frozen):
    """What a gateway says of itself before anything else is exchanged."""

    name: str = "hone-server"
    version: str
    wire_versions: tuple[int, ...]
    policy_version: str | None
    """The live policy; None while no adapter is live and the base model answers."""
    base_model: str
    region_lines: int
    """How many lines a region may have, from the model's profile."""
    prefix_lines: int
    suffix_lines: int
    recent_edits: int
    excerpts: int = 0
    """How many definitions from elsewhere the model takes; 0 if its prompt has no place for any."""
    diagnostics: int = 0
    """How many complaints of other language servers it takes."""
    instructions: bool = True
    """Whether the model can be told in words what to do with a selection."""
    feedback_level: FeedbackLevel
    """The most that this gateway records; a client may ask for less."""


class SuggestRequest(Frozen):
    """Ask for the next edit in a region."""

    wire: int = WIRE_VERSION
    session: str
    workspace: str
    client: Client
    document: str
    """A hash of the document's URI."""
    document_version: int
    context: EditContext
    trigger: Trigger = Trigger.AUTOMATIC
    avoid: tuple[str, ...] = Field(default=(), max_length=MAX_AVOIDED)
    """The region as other suggestions rewrote it: the user has seen those and wants another."""
    level: FeedbackLevel = FeedbackLevel.FULL
    deadline_ms: float = Field(default=2000.0, gt=0)
    client_time: ClientTime


class SuggestResponse(Frozen):
    """The next edit, or why there is none. Always one of `new_region` and `outcome` is set."""

    suggestion_id: str
    policy_version: str
    new_region: str | None = None
    """The region rewritten, line ends "\\n"; None if there is nothing to show."""
    outcome: Outcome | None = None
    """`withheld`, `invalid` or `failed` when there is nothing to show; the client reports it on."""
    reason: Reason | None = None
    detail: str = ""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How sure the model is of its answer: the geometric mean of its tokens' probabilities, at
    temperature 1. None if no answer came."""
    engine_ms: float = 0.0


class RolloutRequest(Frozen):
    """Sample answers to token-level prompts, at low priority; for trainers only."""

    wire: int = WIRE_VERSION
    policy: str | None
    """A loaded policy version or rollout snapshot; None is the base model."""
    prompts: tuple[tuple[int, ...], ...] = Field(max_length=256)
    samples: int = Field(default=8, ge=1, le=64)
    max_tokens: int = Field(default=256, ge=1, le=4096)
    temperature: float = Field(default=1.0, ge=0)
    """0 is greedy. top_p is 1 and top_k off, always."""
    seed: int | None = None
    stop_token_ids: tuple[int, ...] = ()


class Rollout(Frozen):
    """One sampled answer. `token_ids` and `logprobs` have the same length."""

    token_ids: tuple[int, ...]
    """With the stop token, where the answer ended by one."""
    logprobs: tuple[float, ...]
    """Of the untempered distribution (temperature 1), natural logarithm."""
    text: str
    finish_reason: str
    """`stop` or `length`."""


class RolloutResponse(Frozen):
    """For every prompt, its samples, in the order asked."""

    policy: str | None
    engine: str
    """Which implementation sampled: `vllm` or `torch`."""
    groups: tuple[tuple[Rollout, ...], ...]


class PolicyInfo(Frozen):
    """One policy version and where it stands."""

    name: str
    status: str
    """`candidate`, `canary`, `live`, `previous`, `refused`, `retired` or `snapshot`."""
    parent: str | None
    loaded: bool


class Decision(Frozen):
    """A gate's verdict with everything it was made of."""

    policy: str
    passed: bool
    why: str
    """One sentence."""
    inputs: dict[str, float | int | str | bool | None]
