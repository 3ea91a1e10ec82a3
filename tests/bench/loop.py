"""`make bench-loop`: does the loop learn, and is it GAPO that learns? Four arms, the same feedback.

For every seed the demo's users produce feedback once. From it, with the same rows and the same
number of updates, each arm makes an adapter:

    gapo       the product's method: GAPO, moved to sum zero
    sft        likelihood of the settled texts, the rival to beat
    shuffled   rewards shuffled within each group: must show no gain
    untrained  no update: must equal the base exactly

All are answered greedily by the same vLLM on the seed's evaluation tasks; differences are to the
base, pooled over the seeds, with 95 % intervals by file of each seed.

    python -m tests.bench.loop [--seeds N] [--resume] [--output FOLDER]
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from deploy.demo.__main__ import task_sets
from deploy.demo.loop import Loop, Plan
from deploy.demo.report import versions
from deploy.demo.screen import Screen
from deploy.demo.stack import Gateway as GatewayProcess
from deploy.demo.stack import Place
from deploy.demo.tasks import Task
from server.prompts.profiles import profile_for
from trainer.adapters import Origin
from trainer.config import ExperimentSection, Method, TrainerSettings
from trainer.feed import Feed, Waiting, collect
from trainer.gateway import Gateway
from trainer.gateway_sampler import GatewaySampler
from trainer.metrics import Answer, paired_difference, ratios
from trainer.model import zero_state
from trainer.progress import Display
from trainer.records import new_run
from trainer.setup import set_up
from trainer.training import learner, train

ARMS = {
    "gapo": {},
    "sft": {"method": Method.SFT},
    "shuffled": {"experiment": ExperimentSection(shuffle_rewards=True)},
    "untrained": {"experiment": ExperimentSection(zero_steps=True)},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all seeds; 0 if the control arms behave, whatever the others show."""
    given = _parser().parse_args(arguments)
    screen = Screen()
    runs = given.output / "runs"
    if not given.resume:
        shutil.rmtree(runs, ignore_errors=True)
    answers: dict[str, list[Answer]] = {name: [] for name in ("base", *ARMS)}
    per_seed: dict[str, list[dict[str, Any]]] = {name: [] for name in ARMS}
    for seed in range(given.seeds):
        plan = Plan(seed=seed, learning=given.learning, evaluation=given.evaluation)
        for name, found in _kept_or_made(plan, runs / str(seed), screen).items():
            answers[name] += found
        for name in ARMS:
            found = _difference(answers, name, f"{seed}/")
            per_seed[name].append(found)
            screen.say(f"seed {seed}, {name}: exact match {_points(found)} points")
        _report(given, answers, per_seed, screen)
    return 0


def _kept_or_made(plan: Plan, folder: Path, screen: Screen) -> dict[str, list[Answer]]:
    """Return the seed's answers: those of an interrupted bench, where it got that far."""
    file = folder / "answers.json"
    if file.exists():
        kept = json.loads(file.read_text("utf-8"))
        return {name: [Answer(**answer) for answer in given] for name, given in kept.items()}
    shutil.rmtree(folder, ignore_errors=True)
    made = one_seed(plan, folder, screen)
    told = {name: [asdict(answer) for answer in given] for name, given in made.items()}
    file.write_text(json.dumps(told), encoding="utf-8")
    return made


def one_seed(plan: Plan, folder: Path, screen: Screen) -> dict[str, list[Answer]]:
    """Let users live with the base model once, train all arms on that, answer with each."""
    place = Place(folder.resolve())
    tasks = task_sets(plan, None)
    with GatewayProcess(place, None, ["--suggest.max_deadline_ms", "30000"]) as process:
        with screen.phase(f"seed {plan.seed}: starting vLLM and the gateway"):
            process.wait_ready(lambda: None)
        loop = Loop(plan, place, process, screen)
        loop.train("zero")
        loop.use(tasks.learning)
        sampler = loop.sampler
        found = {"base": sampler.greedy_answers(None, tasks.evaluation)}
        settings = _settings(plan, place, process.url)
        with Gateway(settings.gateway) as gateway:
            feed = collect(gateway, settings, profile_for(plan.profile))
            if isinstance(feed, Waiting):
                raise RuntimeError(f"only {feed.ready} suggestions are ready for training")
            for arm in ARMS:
                with screen.timed(arm):
                    answered = _train_and_answer(
                        arm, settings, gateway, feed, loop, tasks.evaluation
                    )
                found[arm] = answered
    taught = [task.taught for task in tasks.evaluation]
    return {
        name: [_of_seed(answer, plan.seed, t) for answer, t in zip(given, taught, strict=True)]
        for name, given in found.items()
    }


def _train_and_answer(
    arm: str,
    settings: TrainerSettings,
    gateway: Gateway,
    feed: Feed,
    loop: Loop,
    tasks: Sequence[Task],
) -> list[Answer]:
    changed = dict(ARMS[arm])
    method = changed.pop("method", settings.train.method)
    train_section = settings.train.model_copy(update={"method": method})
    settings = settings.model_copy(update={"train": train_section, **changed})
    profile = profile_for(settings.model.profile)
    sampler = GatewaySampler(gateway)
    bench = set_up(settings, profile, sampler, new_run(settings.data.folder), Display())
    origin = Origin(run=bench.run.name, step=0, method=method.value)
    history = train(bench, learner(bench, zero_state(bench.policy)), feed.train, origin)
    last = replace(origin, step=len(history) + 1)
    name = sampler.offer(bench.shelf.publish_snapshot(bench.policy.state(), last))
    try:
        return loop.sampler.greedy_answers(name, tasks)
    finally:
        sampler.withdraw(name)


def _settings(plan: Plan, place: Place, url: str) -> TrainerSettings:
    base = TrainerSettings()
    return base.model_copy(
        update={
            "gateway": base.gateway.model_copy(update={"url": url}),
            "data": base.data.model_copy(update={"folder": place.data}),
            "train": base.train.model_copy(update={"seed": plan.seed}),
        }
    )


def _of_seed(answer: Answer, seed: int, taught: bool) -> Answer:
    kind = "taught" if taught else "untaught"
    return replace(answer, task=f"{seed}/{kind}/{answer.task}", cluster=f"{seed}/{answer.cluster}")


def _difference(answers: dict[str, list[Answer]], arm: str, part: str = "") -> dict[str, Any]:
    """The paired difference of `arm` to the base on the tasks whose names hold `part`."""
    chosen = [n for n, answer in enumerate(answers["base"]) if part in answer.task]
    base = [answers["base"][n] for n in chosen]
    other = [answers[arm][n] for n in chosen]
    clusters = [answer.cluster for answer in base]
    left, right = ratios(base)["exact_match"], ratios(other)["exact_match"]
    found = paired_difference(left, right, clusters)
    return {"value": found.value, "low": found.low, "high": found.high}


def _report(
    given: argparse.Namespace,
    answers: dict[str, list[Answer]],
    per_seed: dict[str, list[dict[str, Any]]],
    screen: Screen,
) -> None:
    arms = {
        name: {
            "exact_match_difference": _difference(answers, name),
            "per_seed": [one["value"] for one in per_seed[name]],
            "per_seed_intervals": per_seed[name],
            "taught": _difference(answers, name, "/taught/"),
            "untaught": _difference(answers, name, "/untaught/"),
        }
        for name in ARMS
    }
    same = [a.suggestion for a in answers["untrained"]] == [a.suggestion for a in answers["base"]]
    report = {
        "arms": arms,
        "untrained_equals_base": same,
        "seeds": len(per_seed["gapo"]),
        "tasks": len(answers["base"]),
        "seconds": screen.seconds,
        "versions": versions(),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "loop.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _plot(arms, given.output / "loop.png")
    table = Table(title=f"exact match against the base model, {report['seeds']} seeds")
    for column in ("arm", "difference (95 %)", "taught", "untaught", "per seed"):
        table.add_column(column)
    for name, arm in arms.items():
        each = "  ".join(f"{100 * value:+.1f}" for value in arm["per_seed"])
        parts = (arm[key] for key in ("exact_match_difference", "taught", "untaught"))
        table.add_row(name, *map(_points, parts), each)
    screen.console.print(table)


def _points(difference: dict[str, Any]) -> str:
    value, low, high = (100 * difference[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def _plot(arms: dict[str, Any], file: Path) -> None:
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, (_name, arm) in enumerate(arms.items()):
        d = arm["exact_match_difference"]
        bounds = [[100 * (d["value"] - d["low"])], [100 * (d["high"] - d["value"])]]
        axes.errorbar([place], [100 * d["value"]], yerr=bounds, fmt="o", color="#2f6f4f", capsize=4)
        spread = [100 * value for value in arm["per_seed"]]
        axes.plot([place + 0.12] * len(spread), spread, ".", color="#9aa5b1")
    axes.axhline(0, color="#55655d", linewidth=0.8)
    axes.set_xticks(range(len(arms)), list(arms))
    axes.set_ylabel("exact match, points over the base")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.loop", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    plan = Plan()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--learning", type=int, default=plan.learning)
    parser.add_argument("--evaluation", type=int, default=plan.evaluation)
    parser.add_argument(
        "--resume", action="store_true", help="keep the seeds that an earlier run has finished"
    )
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
