"""Publishes adapters and rollout snapshots, each with its manifest, and finds parents again.

Knows names, folders and manifest keys. Does not know training or the gate. Publishing goes
through `feedback_store.publish`: written aside, fsynced, renamed, immutable.
"""

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from feedback_store.publish import AlreadyPublished, next_number, publish, read_manifest, sha256
from server.prompts.profile import ModelProfile
from trainer.model import CONFIG, AdapterState, BadAdapter, read_adapter, write_adapter
from trainer.records import FACTS
from trainer.reward import REWARD_VERSION

ADAPTERS, SNAPSHOTS = "adapters", "snapshots"
POLICY_NAME = r"hone-(\d{6})"


@dataclass(frozen=True)
class Origin:
    """Where an adapter comes from: what its manifest says besides its shape."""

    run: str
    step: int
    method: str
    parent: str | None = None
    batches: tuple[int, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shelf:
    """The data folder's adapters of one base model."""

    folder: Path
    profile: ModelProfile
    base_sha256: str

    def publish_policy(
        self, state: AdapterState, origin: Origin, *, untrained: bool = False
    ) -> Path:
        """Publish the next `hone-NNNNNN` and return its folder."""
        parent = self.folder / ADAPTERS
        while True:
            name = f"hone-{next_number(parent, POLICY_NAME):06d}"
            manifest = self._manifest("policy", name, origin, untrained)
            try:
                return publish(parent, name, self._writer(state), manifest)
            except AlreadyPublished:
                continue  # somebody else took the number between the look and the rename

    def publish_snapshot(self, state: AdapterState, origin: Origin) -> Path:
        """Publish `rollout-RUN-STEP` and return its folder."""
        name = f"rollout-{origin.run}-{origin.step:06d}"
        manifest = self._manifest("snapshot", name, origin, untrained=False)
        return publish(self.folder / SNAPSHOTS, name, self._writer(state), manifest)

    def remove_snapshot(self, name: str) -> None:
        """Delete a snapshot that nothing samples from any more; its run's records stay."""
        shutil.rmtree(self.folder / SNAPSHOTS / name, ignore_errors=True)

    def remove_snapshots(self, run: str) -> None:
        """Delete those that a run which was killed has left."""
        for folder in (self.folder / SNAPSHOTS).glob(f"rollout-{run}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def policy(self, name: str) -> AdapterState:
        """Return a published version's weights, verified."""
        folder = self.folder / ADAPTERS / name
        read_manifest(folder)
        return read_adapter(folder)

    def _writer(self, state: AdapterState) -> Any:
        return lambda folder: write_adapter(state, self.profile, folder)

    def _manifest(self, kind: str, name: str, origin: Origin, untrained: bool) -> dict[str, Any]:
        return {
            "kind": kind,
            "name": name,
            "base_model": self.profile.name,
            "base_sha256": self.base_sha256,
            "rank": self.profile.lora.rank,
            "alpha": self.profile.lora.alpha,
            "target_modules": list(self.profile.lora.targets),
            "parent": origin.parent,
            "batches": list(origin.batches),
            "run": origin.run,
            "step": origin.step,
            "reward_version": REWARD_VERSION,
            "method": origin.method,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "metrics": origin.metrics,
            "untrained": untrained,
        }


def shelf(data: Path, profile: ModelProfile, model: Path) -> Shelf:
    """Return the data folder's shelf for the base in `model`."""
    return Shelf(data, profile, base_sha256(model))


def tuned_adapter(folder: Path, place: Shelf) -> AdapterState:
    """Return the weights that `sft --lora` wrote to `folder`.

    Raises:
        BadAdapter: there are none, or they belong to another base.
    """
    try:
        made_with = json.loads((folder / FACTS).read_text("utf-8"))["base_sha256"]
        base = json.loads((folder / CONFIG).read_text("utf-8"))["base_model_name_or_path"]
        state = read_adapter(folder)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadAdapter(
            f"{folder} holds no tuned adapter ({error}); make one with hone-trainer sft --lora"
        ) from error
    if base != place.profile.name:
        raise BadAdapter(f"{folder} is an adapter of {base}, not of {place.profile.name}")
    if made_with != place.base_sha256:
        raise BadAdapter(
            f"{folder} was tuned on other weights of {base} than those of [model]; tune it on these"
        )
    return state


def base_sha256(model: Path) -> str:
    """Return the hash by which the base model in a folder is known.

    Raises:
        FileNotFoundError: there is none.
    """
    names = ("model.safetensors", "model.safetensors.index.json")
    weights = next((model / name for name in names if (model / name).is_file()), None)
    if weights is None:
        raise FileNotFoundError(f"no model.safetensors in {model}; set [model] path")
    return sha256(weights)
