"""What Hone has to know of a model: prompt format, budget, LoRA shape, size.

Knows the fields. Does not know any one model (`profiles`, `families`).
"""

from dataclasses import dataclass, field

from server.prompts.base import Budget, PromptFormat

ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class LoraProfile:
    """How adapters of this model are shaped and learnt (DESIGN section 9)."""

    rank: int = 8
    alpha: int = 16
    targets: tuple[str, ...] = ALL_LINEAR
    learning_rate: float = 2e-5


@dataclass(frozen=True)
class Size:
    """What decides a transformer's need for memory, as published."""

    architecture: str
    """transformers' `model_type`."""
    billions: float
    """Parameters, 1e9."""
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head: int
    """Width of one attention head."""
    vocabulary: int
    tied: bool = False
    """Whether embedding and head are one matrix."""

    @property
    def kv_width(self) -> int:
        """Numbers that a token leaves in the cache, per layer, of keys and of values alike."""
        return self.kv_heads * self.head


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
    excerpts: int = 0
    """How many definitions from elsewhere an editor should send."""
    diagnostics: int = 0
    silence_value: float = 0.2
    """s, the reward of doing nothing where something was wanted: the eagerness."""
    longest_answer: int = 1_000_000
    """Tokens of the longest answer that tuning on real edits teaches; beyond, it teaches silence,
    since what a model cannot write it must not begin."""
    silence_weight: float = 0.35
    """What rows that teach silence count beside edits in tuning."""
    context_tokens: int = 2048
    """Prompt and answer together, at most."""
    published: str = ""
    """The model's name on the model hub; empty for those that Hone trains itself."""
    size: Size | None = None
    """None where memory is no concern."""
    idle_share: float = 1.0
    """Share of the real tasks at which no rule guesses anything that tuning keeps: they are more
    than half, and say little to a model that chooses among guesses."""
