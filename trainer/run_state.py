"""What a cycle's next rollout batch depends on, on disk: adapter, optimiser, and how far it is.

Knows one file of a run's folder, written whole or not at all. Does not know rows or rewards:
with the recorded rollouts they follow from the place.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch

from feedback_store.publish import replacing
from trainer.records import RunFolder
from trainer.update import Learner

FILE = "state.pt"


@dataclass(frozen=True)
class Place:
    """How far a run is, between two rollout batches."""

    rows: int = 0
    """Rows of the plan that were used."""
    draws: int = 0
    """Times that answers were sampled: the number of the last rollout file."""
    updates: int = 0


def save(run: RunFolder, learner: Learner, place: Place) -> None:
    """Write the state beside the old one, then put it in its place."""
    state = {
        "adapter": learner.policy.state(),
        "optimiser": learner.optimiser.state_dict(),
        "counts": {"steps": learner.steps, "skipped": learner.skipped},
        "place": asdict(place),
    }
    with replacing(run.folder / FILE) as file:
        torch.save(state, file)


def restore(run: RunFolder, learner: Learner) -> Place:
    """Load what was saved, if anything was, and return the place.

    Updates that were taken after it are the caller's to take again, from the recorded rollouts.
    """
    path = run.folder / FILE
    place = Place()
    if path.is_file():
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        learner.policy.load_state(state["adapter"])
        learner.optimiser.load_state_dict(state["optimiser"])
        learner.steps, learner.skipped = state["counts"]["steps"], state["counts"]["skipped"]
        place = Place(**state["place"])
    return place


def forget(run: RunFolder) -> None:
    """Delete the state of a run that has ended."""
    (run.folder / FILE).unlink(missing_ok=True)
