"""The state of a run on disk: all that the next step depends on, written whole or not at all.

Knows files. Does not know what the state means.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from feedback_store.publish import replacing

FILE = "checkpoint.pt"


class BadCheckpoint(Exception):
    """There is nothing to resume, or it belongs to another run; the message says which."""


@dataclass
class Place:
    """How far a run is."""

    step: int = 0
    tokens: int = 0
    """Trained on so far, padding not counted."""
    pool: int = 0
    """The pool of rows that is being read."""
    batch: int = 0
    """The first of its batches that was not used yet."""
    seconds: float = 0.0
    """Of training, over all sittings."""


def save(
    folder: Path, model: nn.Module, optimisers: Sequence[Optimizer], place: Place, settings: str
) -> None:
    """Write the checkpoint beside the old one, then put it in its place."""
    state = {
        "model": trained(model),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "place": asdict(place),
        "settings": settings,
    }
    with replacing(folder / FILE) as file:
        torch.save(state, file)


def exists(folder: Path) -> bool:
    """Whether a run was interrupted, or ended, in this folder."""
    return (folder / FILE).is_file()


def restore(
    folder: Path, model: nn.Module, optimisers: Sequence[Optimizer], settings: str
) -> Place:
    """Load the checkpoint into `model` and `optimisers`; return how far it was.

    Raises:
        BadCheckpoint: there is none, it is damaged, or other settings made it.
    """
    path = folder / FILE
    if not path.is_file():
        raise BadCheckpoint(f"no checkpoint in {folder}; leave `resume` out to start anew")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise BadCheckpoint(f"{path} cannot be read ({error}); start anew") from error
    if state["settings"] != settings:
        raise BadCheckpoint(f"{path} was made with other settings; use those or another output")
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in state["model"].items():
            own[name].copy_(tensor)
    for optimiser, kept in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(kept)
    return Place(**state["place"])


def trained(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters that training changes."""
    return {
        name: parameter.detach().cpu()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
