"""A training run in a process of its own, which can be told to kill itself within an update.

    python -m tests.trainer.interrupted DATA [--kill-at UPDATE]

Goes on where the last one in DATA was killed; writes the adapter to DATA/adapter.safetensors.
"""

import argparse
import os
import signal
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer

from tests.trainer.conftest import MODEL, bench_with
from tests.trainer.made import PROFILE, row
from trainer.adapters import Origin
from trainer.model import load_policy, zero_state
from trainer.peers import peers
from trainer.records import RunFolder
from trainer.training import learner, train
from trainer.update import Learner

SECTIONS = {
    "train": {
        "groups": 2, "samples": 4, "updates": 2, "passes": 1, "warmup_steps": 0, "refills": 1,
        "learning_rate": 2e-2, "micro_batch_tokens": 300,
    },
    "experiment": {"reward": "silence"},
}  # fmt: skip


class Dying(Learner):
    """A learner whose process ends before its gradients are applied."""

    dies_at = 0

    def _apply(self, loss: float) -> dict[str, float]:
        if self.steps + 1 == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._apply(loss)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--kill-at", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with peers() as team:
        policy = load_policy(MODEL, PROFILE, "cpu")
        run = RunFolder(given.data / "runs" / "000001")
        run.folder.mkdir(parents=True, exist_ok=True)
        bench = bench_with(policy, given.data, run=run, peers=team, **SECTIONS)
        rows = [row(AutoTokenizer.from_pretrained(MODEL), number) for number in range(8)]
        start = learner(bench, zero_state(policy))
        start.__class__, Dying.dies_at = Dying, given.kill_at
        train(bench, start, rows, Origin(run="000001", step=0, method="gapo"))
        if team.leads:
            save_file(policy.state(), given.data / "adapter.safetensors")


if __name__ == "__main__":
    main()
