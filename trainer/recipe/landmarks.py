"""The tokens by which laid-in heads find their way through a prompt.

Knows which markers and signs they are. Does not know weights.
"""

from dataclasses import dataclass
from typing import Any

from server.prompts.base import PromptFormat

PARTS = ("<|file|>", "<|event|>", "<|prefix|>", "<|region|>", "<|suffix|>", "<|edit|>")
"""Markers that begin a part of a prompt, in any format."""


@dataclass(frozen=True)
class Landmarks:
    """Token ids that structure a prompt."""

    first: int
    """The prompt's first token."""
    region: int
    suffix: int
    """What follows the region."""
    answer: int
    """After this the answer begins."""
    end: int
    """Ends an answer."""
    newline: int
    plus: int
    """Begins the new lines of an edit."""
    markers: tuple[int, ...]
    """All tokens that begin a part of the prompt."""
    rewrites: bool
    """Whether the answer repeats the region from its first line to its last."""


def landmarks_of(tokenizer: Any, shape: PromptFormat) -> Landmarks:
    """Return the landmarks of a prompt format in the vocabulary of a transformers tokenizer."""
    parts = [marker for marker in PARTS if marker in shape.markers]
    ids = dict(zip(parts, tokenizer.convert_tokens_to_ids(parts), strict=True))
    newline, plus = (tokenizer.encode(text, add_special_tokens=False)[-1] for text in ("\n", "+"))
    return Landmarks(
        first=ids["<|file|>"],
        region=ids["<|region|>"],
        suffix=ids["<|suffix|>"],
        answer=ids["<|edit|>"],
        end=tokenizer.convert_tokens_to_ids("<|end|>"),
        newline=newline,
        plus=plus,
        markers=tuple(ids.values()),
        rewrites=shape.name == "region",
    )
