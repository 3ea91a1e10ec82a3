"""`make bench-gapo`, part 2: which estimator trains better under noise? See `results/gapo-plan.md`.

Every run is a process of its own with one thread, writes one JSON file, and is not run again
where that exists: stop it and go on as you like.

    python -m tests.bench.gapo_training [--noise KIND] [--processes N] [--output FOLDER]
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from deploy.demo.report import versions
from server.prompts.profiles import profile_for
from tests.bench.gapo_report import conclude
from tests.bench.gapo_tasks import Sets, screened
from trainer.adapters import Origin, shelf
from trainer.batches import Row
from trainer.config import TrainerSettings
from trainer.gate_run import answer
from trainer.groups import Reader
from trainer.model import load_policy, zero_state
from trainer.progress import Display
from trainer.records import RunFolder
from trainer.torch_sampler import TorchSampler
from trainer.training import learner, train
from trainer.workbench import Bench

ARMS = ("sft", "grpo", "gapo", "gapo_centred")
PAIR = ("gapo", "grpo")
RATES = (5e-4, 1e-3, 2e-3)
CHOOSING_SEEDS = (100, 101)
SEEDS, PAIR_SEEDS = range(4), range(8)
TRAIN = {"groups": 8, "updates": 4, "samples": 8, "kl_weight": 0.0}
LEARNING, HELD = 64, 192


@dataclass(frozen=True)
class Run:
    """One training: an arm, its learning rate, a seed, and the noise on its rewards."""

    arm: str
    rate: float
    seed: int
    noise: str

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.noise}-{self.arm}-{self.rate:g}-{self.seed}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Choose the learning rates, train, compare."""
    given = _parser().parse_args(arguments)
    display = Display()
    given.output.mkdir(parents=True, exist_ok=True)
    sets = screened(given.output / "tasks.json", LEARNING, HELD, given.processes, display)
    trained = partial(results, sets, given, display)
    base = trained([Run("base", 0.0, 0, "none")])
    choosing = trained(list(_choosing(given.noise)), base)
    rates = {arm: _best_rate(choosing, arm) for arm in ARMS}
    display.say("learning rates: " + ", ".join(f"{arm} {rate:g}" for arm, rate in rates.items()))
    final = trained([*_final(given.noise, rates)], choosing)
    record = {
        "noise": given.noise, "rates": rates, "train": TRAIN, "learning": LEARNING, "held": HELD,
        "runs": list(final.values()), "choosing": list(choosing.values()),
        "base": base["none-base-0-0"], "versions": versions(),
    }  # fmt: skip
    found = conclude(record, ARMS, PAIR, Console(width=160))
    (given.output / f"gapo-training-{given.noise}.json").write_text(json.dumps(found, indent=2))
    return 0


def _choosing(noise: str) -> Iterator[Run]:
    return (Run(arm, rate, s, noise) for s in CHOOSING_SEEDS for arm in ARMS for rate in RATES)


def _final(noise: str, rates: dict[str, float]) -> Iterator[Run]:
    for seed in PAIR_SEEDS:
        arms = ARMS if seed in SEEDS else PAIR
        yield from (Run(arm, rates[arm], seed, noise) for arm in arms)


def _best_rate(results: dict[str, dict[str, Any]], arm: str) -> float:
    own = [one for one in results.values() if one["arm"] == arm]
    return max(RATES, key=lambda rate: np.mean([o["reward"] for o in own if o["rate"] == rate]))


def results(
    sets: Sets,
    given: argparse.Namespace,
    display: Display,
    runs: Sequence[Run],
    beside: dict[str, dict[str, Any]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the runs' results by name; those that are not on disk are made now."""
    folder = given.output / "training"
    missing = [run for run in runs if not (folder / f"{run.name}.json").is_file()]
    pool = ProcessPoolExecutor(given.processes, get_context("spawn"))
    with pool, display.phase("runs", len(runs), before=len(runs) - len(missing)) as advance:
        for done in as_completed([pool.submit(_run, run, sets, folder) for run in missing]):
            one = done.result()
            advance(1, f"{one['arm']} at {one['rate']:g}, seed {one['seed']}: {one['reward']:.3f}")
    return {run.name: json.loads((folder / f"{run.name}.json").read_text()) for run in runs}


def _run(run: Run, sets: Sets, folder: Path) -> dict[str, Any]:
    """Train one arm, answer the held-back tasks greedily, write what came of it."""
    torch.set_num_threads(1)
    place = folder / run.name
    shutil.rmtree(place, ignore_errors=True)
    bench = bench_of(run, place)
    history: list[dict[str, float]] = []
    if run.arm != "base":
        origin = Origin(run=run.name, step=0, method=run.arm)
        history = train(bench, learner(bench, zero_state(bench.policy)), sets.learning, origin)
    found = _judged(bench, sets.held) | asdict(run) | {"training": _means(history)}
    (folder / f"{run.name}.json").write_text(json.dumps(found))
    shutil.rmtree(place)
    return found


def bench_of(run: Run, place: Path) -> Bench:
    """Lay out a run in a folder of its own, with this process as the engine."""
    settings = TrainerSettings.model_validate(
        {
            "train": TRAIN | {"method": "gapo" if run.arm == "base" else run.arm}
            | {"learning_rate": run.rate, "seed": run.seed},
            "experiment": {"noise": run.noise},
        }
    )  # fmt: skip
    profile, model = profile_for("hone-tiny"), settings.model_folder()
    policy = load_policy(model, profile, "cpu", run.seed)
    runs = RunFolder(place / "runs" / "000001")
    runs.folder.mkdir(parents=True)
    return Bench(
        settings=settings, policy=policy, reader=Reader(profile, policy.tokenizer),
        sampler=TorchSampler(policy), shelf=shelf(place, profile, model), run=runs,
        display=Display(Console(quiet=True)),
    )  # fmt: skip


def _judged(bench: Bench, rows: Sequence[Row]) -> dict[str, Any]:
    folder = bench.shelf.publish_snapshot(bench.policy.state(), Origin("held", 0, "none"))
    name = bench.sampler.offer(folder)
    scored = answer(bench, bench.reader, name, rows)
    rewards = [one.rewards[0] for one in scored]
    return {
        "reward": float(np.mean(rewards)),
        "exact": float(np.mean([value == 1 for value in rewards])),
        "silence": float(np.mean([one.silent for one in scored])),
        "rewards": rewards,
    }


def _means(history: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return each metric's mean over the updates; what was sampled and taken, summed."""
    names = sorted({name for one in history for name in one})
    means = {name: float(np.mean([one.get(name, 0.0) for one in history])) for name in names}
    samples = [one["answer_tokens"] * one["groups"] for one in history if "answer_tokens" in one]
    sampled = TRAIN["samples"] / TRAIN["updates"] * sum(samples)
    return means | {"all_updates": float(len(history)), "sampled_tokens": float(sampled)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gapo_training")
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--noise", default="uniform", help="as in trainer/corruption.py")
    parser.add_argument("--processes", type=int, default=2, help="runs at once")
    parser.add_argument("--output", type=Path, default=Path("build/bench/gapo"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
