"""What a prompt format is: text out of a context, an edit back out of an answer.

Knows the contract and the reasons why an answer is unusable. Does not know tokens, engines or
any one format.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from feedback_store.events import EditContext, Reason


@dataclass(frozen=True)
class Budget:
    """How much a prompt may hold. A model profile sets it."""

    prompt_tokens: int = 1400
    """What the model's context leaves for the prompt."""
    answer_tokens: int = 400
    """The most an answer may generate."""
    chars_per_token: float = 2.4
    """How many characters of code a token holds at least on average; cautious, since the
    gateway has no tokenizer and an overlong prompt is an error of the engine."""


@dataclass(frozen=True)
class Parsed:
    """A model's answer, read back: the new region, or the reason why there is none.

    `new_region` equal to the old one never occurs: that is `reason=NO_EDIT`.
    """

    new_region: str | None = None
    reason: Reason | None = None


class PromptFormat(Protocol):
    """One wire format. Implementations are stateless and do no I/O."""

    @property
    def name(self) -> str:
        """As a profile and a stored suggestion name it."""
        ...

    @property
    def markers(self) -> tuple[str, ...]:
        """Texts that may not occur in code, since they would be read as structure."""
        ...

    @property
    def instructions(self) -> bool:
        """Whether an instruction has a place in the prompt."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether an answer repeats all of the region, so that it may be cut short once it only
        copies (`convergence`)."""
        ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Where generation stops."""
        ...

    def render(self, context: EditContext, budget: Budget) -> str | Reason:
        """Return the prompt's text, or why none can be made (`sentinel`, `prompt_too_long`,
        `no_instructions`)."""
        ...

    def render_answer(self, context: EditContext, new_region: str) -> str:
        """Return the answer that `parse` reads as `new_region`, ended by its stop marker."""
        ...

    def parse(self, context: EditContext, answer: str, *, finished: bool) -> Parsed:
        """Read an answer (without its stop marker) back; `finished` is False if it was cut off."""
        ...


def drop_farthest(suffix: list[str], prefix: list[str], events: list[Any]) -> bool:
    """Shorten a prompt's parts from the outside in, by one: far lines, then the oldest event.

    Return whether there was anything left to drop.
    """
    if suffix:
        suffix.pop()
    elif prefix:
        prefix.pop(0)
    elif events:
        events.pop(0)
    else:
        return False
    return True


def first_marker(text: str, markers: tuple[str, ...]) -> str | None:
    """Return the first of `markers` that occurs in `text`, or None."""
    return next((marker for marker in markers if marker in text), None)
