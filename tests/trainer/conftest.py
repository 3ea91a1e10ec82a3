"""The embedded model, loaded once, with an adapter that is put back after each test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from transformers import AutoTokenizer

from server.prompts.profiles import profile_for
from trainer.adapters import shelf
from trainer.config import TrainerSettings
from trainer.groups import Reader
from trainer.model import Policy, load_policy, zero_state
from trainer.peers import Peers
from trainer.progress import Display
from trainer.records import RunFolder, new_run
from trainer.torch_sampler import TorchSampler
from trainer.workbench import Bench

MODEL = TrainerSettings().model_folder()


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(MODEL, local_files_only=True)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Spinning threads on shared cores make everything slower; results are the same."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def loaded() -> Policy:
    return load_policy(MODEL, profile_for("hone-tiny"), "cpu")


@pytest.fixture
def policy(loaded: Policy) -> Iterator[Policy]:
    """The model with B = 0."""
    start = zero_state(loaded)
    loaded.load_state(start)
    yield loaded
    loaded.load_state(start)


@pytest.fixture
def trained(policy: Policy) -> Policy:
    """The model with an adapter that does change answers."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in policy.trainable():
            if ".lora_B." in name:
                parameter.normal_(0, 0.03, generator=generator)
    return policy


@pytest.fixture
def bench(policy: Policy, tmp_path: Path) -> Bench:
    """A workbench with the in-process sampler."""
    return bench_with(policy, tmp_path)


def bench_with(
    policy: Policy,
    data: Path,
    run: RunFolder | None = None,
    peers: Peers | None = None,
    **sections: dict[str, Any],
) -> Bench:
    settings = TrainerSettings(data={"folder": data}, **sections)  # type: ignore[arg-type]
    reader = Reader(policy.profile, policy.tokenizer, settings.experiment.reward)
    return Bench(
        settings=settings,
        policy=policy,
        reader=reader,
        sampler=TorchSampler(policy),
        shelf=shelf(data, policy.profile, MODEL),
        run=run or new_run(data),
        display=Display(Console(quiet=True)),
        peers=peers or Peers(),
    )
