"""Model profiles: which prompt format, budget and LoRA settings belong to which model.

Knows facts about models. Does not know where their weights are.
"""

from dataclasses import dataclass, field, replace

from server.prompts.base import Budget, PromptFormat
from server.prompts.choice import ChoiceFormat
from server.prompts.region import RegionFormat
from server.prompts.span import SpanFormat

ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class LoraProfile:
    """How adapters of this model are shaped and learnt (DESIGN section 9)."""

    rank: int = 8
    alpha: int = 16
    targets: tuple[str, ...] = ALL_LINEAR
    learning_rate: float = 2e-5


@dataclass(frozen=True)
class ModelProfile:
    """One model as Hone uses it."""

    name: str
    format: PromptFormat
    budget: Budget = field(default_factory=Budget)
    lora: LoraProfile = field(default_factory=LoraProfile)
    region_lines: int = 20
    prefix_lines: int = 60
    suffix_lines: int = 20
    recent_edits: int = 6
    silence_value: float = 0.2
    """s, the reward of doing nothing where something was wanted: the eagerness."""
    longest_answer: int = 1_000_000
    """Tokens of the longest answer that tuning on real edits teaches; beyond, it teaches silence,
    since what a model cannot write it must not begin."""
    silence_weight: float = 0.35
    """What rows that teach silence count beside edits in tuning."""
    idle_share: float = 1.0
    """Share of the real tasks at which no rule guesses anything that tuning keeps: they are more
    than half, and say little to a model that chooses among guesses."""


def profiles() -> dict[str, ModelProfile]:
    """Return the known profiles by name."""
    shipped = ModelProfile(
        name="hone-tiny",
        format=ChoiceFormat(around=6),
        budget=Budget(prompt_tokens=1400, answer_tokens=400),
        lora=LoraProfile(learning_rate=2e-3),
        region_lines=10,
        prefix_lines=6,
        suffix_lines=3,
        recent_edits=4,
        silence_value=0.1,
        longest_answer=2,  # a choice among guesses
        silence_weight=0.1,
        idle_share=0.25,
    )
    compared = {
        "hone-tiny-region": RegionFormat(4, elsewhere=True),
        "hone-tiny-span": SpanFormat(),
    }
    known = [shipped] + [
        replace(
            shipped,
            name=name,
            format=shape,
            longest_answer=400,
            silence_weight=0.35,
            idle_share=1.0,
            region_lines=20,
            prefix_lines=12,
            suffix_lines=6,
        )
        for name, shape in compared.items()
    ]
    return {profile.name: profile for profile in known}


def profile_for(name: str) -> ModelProfile:
    """Return the profile called `name`.

    Raises:
        KeyError: no such profile; the message lists the known ones.
    """
    known = profiles()
    if name not in known:
        raise KeyError(f"no model profile {name!r}; known: {', '.join(sorted(known))}")
    return known[name]
