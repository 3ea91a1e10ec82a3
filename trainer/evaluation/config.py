"""The settings of `hone-trainer evaluate`.

Knows names, defaults and bounds. Does not know where values come from or what is done with them.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from feedback_store.settings import Section, default_data_folder


class EvaluateSection(Section):
    """Measuring a model's next edits."""

    sampler: Literal["gateway", "torch"] = "gateway"
    """`gateway` asks vLLM, as served; `torch` computes in this process, where there is no vLLM."""
    adapter: Path | None = None
    """Folder of a published adapter, or of one that `sft --lora` wrote; by default the base model
    answers."""
    output: Path = Field(default_factory=lambda: default_data_folder() / "evaluations")
    """Folder of the results, one folder for each label."""
    label: str = Field(default="", pattern=r"^[\w.+-]{0,80}$")
    """Name of the result; by default the adapter's or the base model's."""
    limit: int = Field(default=0, ge=0)
    """Ask so many tasks, drawn by the seed; 0 asks all."""
    seed: int = 0
    """Of the draw and of the intervals."""
    split: Literal["valid", "train", "all"] = "valid"
    """Which part of mined tasks to ask."""
    nothing_every: int = Field(default=4, ge=0)
    """Of a file of edit records, one in so many is also asked for a place where nothing is to be
    done; 0 never."""
