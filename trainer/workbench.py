"""Everything that stands on the workbench during one run.

Knows the parts. Does not know what is done with them.
"""

from dataclasses import dataclass, field

from server.prompts.profile import ModelProfile
from trainer.adapters import Shelf
from trainer.config import TrainerSettings
from trainer.groups import Reader
from trainer.model import Policy
from trainer.peers import Peers
from trainer.progress import Display
from trainer.records import RunFolder
from trainer.sampler import Sampler


@dataclass(frozen=True)
class Bench:
    """One run's policy, and what it works with."""

    settings: TrainerSettings
    policy: Policy
    reader: Reader
    sampler: Sampler
    """Only the leading process of several samples."""
    shelf: Shelf
    run: RunFolder
    display: Display
    peers: Peers = field(default_factory=Peers)

    @property
    def profile(self) -> ModelProfile:
        """The base model's profile."""
        return self.policy.profile
