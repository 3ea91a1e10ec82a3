"""`make demo`: the whole loop on real parts, and an honest report of what it brought.

python -m deploy.demo [--seed N] [--repo PATH] [--engine-url URL] [--output FOLDER]
"""

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.demo import report as reporting
from deploy.demo.house import house_rules
from deploy.demo.loop import Loop, Plan, SteadyEditor
from deploy.demo.measure import sampled
from deploy.demo.replay import tasks_from_repository
from deploy.demo.screen import Screen
from deploy.demo.stack import Gateway, Place, StackError
from deploy.demo.tasks import modules, standard_library
from deploy.demo.taskset import TaskSets, TooFewTasks, build
from deploy.demo.user import Record
from trainer.reserved import is_reserved

EPILOG = """\
Is laid out for twelve minutes on two idle cores. Writes report.json and loop.png to the output
folder; the data folder, logs and every session's record stay there too. Nothing leaves the machine.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 if the loop ran to its end, whatever it showed."""
    given = _parser().parse_args(arguments)
    screen = Screen()
    plan = Plan(seed=given.seed, learning=given.learning, evaluation=given.evaluation)
    try:
        with screen.timed("prepare"):
            tasks = task_sets(plan, given.repo)
        if given.output.exists():
            shutil.rmtree(given.output)
        report = run(plan, tasks, Place(given.output.resolve()), given.engine_url, screen)
    except (StackError, TooFewTasks) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    text, picture = reporting.write(report, given.output)
    screen.console.print(reporting.table(report))
    screen.say(f"{text}\n{picture}")
    return 0


def task_sets(plan: Plan, repository: Path | None) -> TaskSets:
    """Cut the tasks from the reserved modules, or from a repository's own commits."""
    if repository is not None:
        return tasks_from_repository(repository, plan.learning, plan.evaluation, plan.seed)
    reserved = (found for found in modules(standard_library()) if is_reserved(found[0]))
    return build(
        reserved,
        house_rules(),
        learning=plan.learning,
        evaluation=plan.evaluation,
        seed=plan.seed,
    )


def run(
    plan: Plan, tasks: TaskSets, place: Place, engine_url: str | None, screen: Screen
) -> dict[str, Any]:
    """Run all phases on a fresh stack and return the report."""
    started = time.monotonic()
    patience = ["--suggest.max_deadline_ms", str(plan.deadline_ms)]
    with Gateway(place, engine_url, patience) as gateway:
        with screen.timed("start"), screen.phase("starting vLLM and the gateway"):
            gateway.wait_ready(lambda: None)
        screen.say(f"gateway and its page: {gateway.url}")
        loop = Loop(plan, place, gateway, screen)
        with screen.timed("start"):
            loop.train("zero")
        policy_before = loop.live_policy()
        with screen.timed("before"):
            before = loop.measure("before", tasks.evaluation)
        with screen.timed("use"):
            records = loop.use(tasks.learning)
        steady = SteadyEditor(gateway.url)
        with screen.timed("train"), steady.asking():
            loop.train("run")
        with screen.timed("after"):
            after = loop.measure("after", tasks.evaluation)
        status, by_policy = loop.status(), loop.answers_by_policy()
    compared = reporting.compare(before, after, tasks.evaluation, sampled(tasks.evaluation))
    screen.seconds["total"] = time.monotonic() - started + screen.seconds["prepare"]
    report = {
        **_counts(records, status, place),
        "policy_before": policy_before,
        "policy_after": status["live"],
        **_training(place),
        **compared,
        "answers_by_policy": by_policy,
        "swap_requests": steady.asked,
        "swap_failed_requests": steady.failed,
        "settings": asdict(plan),
        "seconds": screen.seconds,
        "versions": reporting.versions(),
    }
    return {**report, "verdict": reporting.verdict(report)}


def _counts(records: Sequence[Record], status: dict[str, Any], place: Place) -> dict[str, Any]:
    """What users saw and said, by their own account and by the store's."""
    store = status["store"]
    sent = [json.loads(f.read_text("utf-8")) for f in place.users.glob("users/*.sent.json")]
    wrong = sum(record.final != record.wanted for record in records)
    return {
        "suggestions": store["suggestions"],
        "shown": sum(record.suggestion is not None for record in records),
        "feedback_events": sum(count["written"] for count in sent),
        "acknowledged_events": sum(count["acknowledged"] for count in sent),
        "stored_events": store["outcomes"] + store["settled"] + store["survivals"],
        "wrong_references": wrong / len(records),
        "reactions": dict(Counter(record.act for record in records)),
    }


def _training(place: Place) -> dict[str, Any]:
    """What the trainer wrote down about its last run."""
    runs = sorted((place.data / "runs").glob("*/run.json"))
    if not runs:
        raise StackError(f"the trainer left no run in {place.data / 'runs'}")
    told = json.loads(runs[-1].read_text("utf-8"))
    steps_file = runs[-1].with_name("metrics.jsonl")
    steps = [json.loads(line) for line in steps_file.read_text("utf-8").splitlines()]
    rewards = [step["reward"] for step in steps if "reward" in step]
    train = {
        "run": runs[-1].parent.name,
        "steps": len(steps),
        "groups": round(sum(step["groups"] for step in steps)),
        "dropped_groups": round(sum(step["dropped_groups"] for step in steps)),
        "reward_first": rewards[0] if rewards else None,
        "reward_last": rewards[-1] if rewards else None,
        "rewards": rewards,
        "rollout_s": sum(step["rollout_s"] for step in steps),
        "update_s": sum(step["update_s"] for step in steps),
    }
    gate = {"verdict": told.get("verdict"), "why": told.get("why"), **told.get("gate", {})}
    return {"train": train, "gate": gate}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo",
        description="Run Hone's whole loop: suggest, accept or refuse, learn, swap, compare.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    plan = Plan()
    parser.add_argument("--seed", type=int, default=0, help="of tasks, users and training")
    parser.add_argument("--repo", type=Path, help="replay this git repository's own commits")
    parser.add_argument("--engine-url", help="use the vLLM at this address instead of starting one")
    parser.add_argument(
        "--output", type=Path, default=Path("build/demo"), help="default: %(default)s"
    )
    parser.add_argument("--learning", type=int, default=plan.learning, help="learning tasks")
    parser.add_argument("--evaluation", type=int, default=plan.evaluation, help="evaluation tasks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
