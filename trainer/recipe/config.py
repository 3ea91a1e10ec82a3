"""Settings of `hone-trainer pretrain` and `hone-trainer sft`.

Knows names, defaults and bounds. Does not know how a model is trained.
"""

from pathlib import Path

from pydantic import Field

from feedback_store.settings import Section


class RecipeSection(Section):
    """What the two commands have in common: budget, batches, optimiser, checkpoints."""

    output: Path = Path("build/model")
    """Folder of the new model, its checkpoints and its records."""
    tokens: int = Field(default=20_000_000, ge=1)
    """Tokens to train on, padding not counted."""
    minutes: float = Field(default=0.0, ge=0)
    """End, decay included, after this long even if tokens are left; 0 is no limit. A run that is
    bounded by time cannot be repeated bit by bit."""
    batch_tokens: int = Field(default=4_096, ge=64)
    """Tokens per step."""
    micro_tokens: int = Field(default=4_096, ge=64)
    """Tokens computed at once: bounds memory."""
    prompt_weight: float = Field(default=0.1, ge=0)
    """What predicting prompts and plain text counts beside answers: it teaches the language, and
    takes from what the first hours are for. An adapter takes 0 unless told otherwise."""
    checkpointing: bool = False
    """Compute every layer twice and keep only its input: less memory, a third more time."""
    longest: int = Field(default=1_024, ge=32)
    """Longer rows are left out. An adapter takes half of the profile's context, if that is more
    and nothing else is said."""
    rate: float = Field(default=3e-3, gt=0)
    """Learning rate of the matrices (Muon)."""
    embedding_rate: float = Field(default=0.01, gt=0)
    """Learning rate of embeddings (AdamW); norms and biases take a twentieth of it."""
    adapter_rate: float = Field(default=0.0, ge=0)
    """Learning rate of an adapter (AdamW); 0 takes the profile's."""
    warmup_steps: int = Field(default=20, ge=1)
    """Steps over which the learning rate rises."""
    decay_share: float = Field(default=0.3, ge=0, le=1)
    """Share of the run over which the learning rate falls, at its end."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    """How often the state is saved."""
    look_tokens: int = Field(default=2_000_000, ge=1)
    """How often the held-out tasks are looked at."""
    corpus: tuple[Path, ...] = ()
    """Files (JSONL, gzipped) of source files: `repo license language path text`. Synthetic edits
    are made in them, and plain text is taken from them."""
    library: bool = True
    """Read the standard library of this Python, too, the reserved modules aside. `sft` reads it
    only beside a corpus."""
    leave_out: tuple[str, ...] = ()
    """Repositories of which nothing is read, such as those to predict later."""
    unlike: Path | None = None
    """JSONL of tasks: a text that shares 50 tokens in a row with one of their answers is left out
    and counted."""
    resume: bool = False
    """Go on from the checkpoint in `output`, bit by bit as if it had never stopped."""
    seed: int = 0
    """Of initialisation, data and order."""


class PretrainSection(RecipeSection):
    """A model from scratch."""

    vocabulary: int = Field(default=4096, ge=320)
    """Tokens of the vocabulary."""
    layers: int = Field(default=6, ge=1)
    """Layers."""
    width: int = Field(default=256, ge=32)
    """Width of the hidden state; heads are a quarter of it."""
    mlp: int = Field(default=512, ge=32)
    """Width inside the MLP."""
    text_share: float = Field(default=0.1, ge=0, le=1)
    """Share of rows that are plain source text; the rest are synthetic edits."""
    induction: bool = True
    """Lay in heads that copy at the start, where there is room (six layers, width 256); without,
    they take millions of tokens to appear."""
    decay_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the run over which the learning rate falls; tuning decays instead."""


class SftSection(RecipeSection):
    """Tuning on next-edit tasks."""

    output: Path = Path("build/sft")
    """Folder of the tuned model or adapter, its checkpoints and its records."""
    base: str = ""
    """Folder of the model to tune; empty is [model] path, or the embedded model."""
    decay_share: float = Field(default=0.75, ge=0, le=1)
    """Share of the run over which the learning rate falls: judging guesses is learnt in it."""
    lora: bool = False
    """Train an adapter of the profile's shape instead of all weights."""
    tasks: tuple[Path, ...] = ()
    """Mined folders, exported batches, or JSONL files of tasks."""
    synthetic_share: float = Field(default=0.35, ge=0, le=1)
    """Share of rows that are synthetic edits, where there is a corpus."""
    nothing_share: float = Field(default=0.18, ge=0, le=0.5)
    """Share of the real rows in which nothing is wanted; half of them at most."""
    silence_weight: float = Field(default=0.0, ge=0)
    """What rows that teach silence count beside edits: less makes the model more eager. 0 takes
    the profile's."""
    held_share: float = Field(default=0.03, ge=0, lt=1)
    """Share of the tasks' commits that is only looked at, never trained on."""

    def resolved(self, context_tokens: int) -> "SftSection":
        """Return what is meant: an adapter learns answers only, unless told otherwise.

        Its base knows the language already, and in a short run what a prompt's four hundred
        tokens teach drowns what the answer's two do.

        Args:
            context_tokens: the most that the profile's prompt and answer take together.
        """
        if not self.lora:
            return self
        meant = {"prompt_weight": 0.0, "longest": max(self.longest, context_tokens // 2)}
        asked = self.model_fields_set
        return self.model_copy(update={k: v for k, v in meant.items() if k not in asked})
