"""`make bench-cold-start`: does a team's own history help before anybody has used Hone?

For each of three repositories that the base model has never read: an adapter is tuned
(`hone-trainer sft --lora`) on the tasks of the earlier 70 % of its commits, and asked for those of
the later 30 %, through vLLM, beside the base and beside the adapter of another repository with the
same budget.
Paired differences in exact match, 95 % intervals by commit, per repository and pooled.

    HONE_DATA=FOLDER python -m tests.bench.cold_start --model FOLDER --profile NAME [--tokens N]

The base has to be trained with these three left out: `--pretrain.leave_out`, `--sft.leave_out`.
"""

import argparse
import gzip
import json
import os
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.demo.report import versions
from deploy.demo.stack import Gateway as GatewayProcess
from deploy.demo.stack import Place
from server.prompts.profiles import profile_for
from tests.bench.model import settings_for
from trainer.adapters import Origin, shelf
from trainer.config import TrainerSettings
from trainer.edit_records import read_records
from trainer.evaluation.answers import Subject, answers
from trainer.evaluation.scores import Attempt
from trainer.gateway import Gateway
from trainer.gateway_sampler import GatewaySampler
from trainer.metrics import paired_difference, ratios
from trainer.model import load_policy, read_adapter, zero_state
from trainer.progress import Display
from trainer.recipe.config import SftSection
from trainer.recipe.run import sft

REPOSITORIES = ("clap-rs/clap", "labstack/echo", "trpc/trpc")
EARLIER = 0.7
ARMS = ("base", "other", "own")
Record = dict[str, Any]


@dataclass(frozen=True)
class History:
    """One repository's tasks, parted in time."""

    name: str
    earlier: Path
    later: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune, ask, show and write `cold_start.json`; 2 without the data."""
    given = _parser().parse_args(arguments)
    data = Path(os.environ.get("HONE_DATA", "")) / "edits" / "train.jsonl.gz"
    if "HONE_DATA" not in os.environ or not data.is_file():
        print("bench-cold-start needs HONE_DATA: the folder that holds edits/train.jsonl.gz")
        return 2
    display = Display()
    folder = (given.output / "cold-start-run").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    histories = parted(data, folder / "tasks")
    settings = settings_for(given, Place(folder), "")
    for number, history in enumerate(histories):
        _tune(settings, given.tokens, history, folder / f"adapter-{number}", display)
    engine = ["--engine.profile", given.profile, "--engine.model", str(given.model.resolve())]
    with GatewayProcess(Place(folder), None, engine) as process:
        display.say("starting vLLM and the gateway")
        process.wait_ready(lambda: None)
        served = settings_for(given, Place(folder), process.url)
        found = _ask(served, histories, folder, display)
    report = {name: compared(attempts) for name, attempts in found.items()}
    pooled = {arm: [a for attempts in found.values() for a in attempts[arm]] for arm in ARMS}
    report["pooled"] = compared(pooled)
    told = {"repositories": report, "tokens": given.tokens, "versions": versions()}
    (given.output / "cold_start.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    _show(report)
    return 0


def parted(data: Path, folder: Path) -> list[History]:
    """Write each repository's records, earlier and later commits apart."""
    records: dict[str, list[Record]] = defaultdict(list)
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["repo"] in REPOSITORIES:
                records[record["repo"]].append(record)
    folder.mkdir(parents=True, exist_ok=True)
    return [_parted(records[name], folder / name.replace("/", "-"), name) for name in REPOSITORIES]


def _parted(records: list[Record], stem: Path, name: str) -> History:
    order = sorted({(record["date"], record["commit"]) for record in records})
    early = {commit for _, commit in order[: round(EARLIER * len(order))]}
    history = History(name, Path(f"{stem}-earlier.jsonl"), Path(f"{stem}-later.jsonl"))
    for path, wanted in ((history.earlier, True), (history.later, False)):
        chosen = [record for record in records if (record["commit"] in early) is wanted]
        path.write_text("".join(json.dumps(record) + "\n" for record in chosen), "utf-8")
    return history


def _tune(
    settings: TrainerSettings, tokens: int, history: History, folder: Path, display: Display
) -> None:
    display.say(f"tuning on {history.name}")
    asked = SftSection(
        output=folder,
        base=str(settings.model.path),
        lora=True,
        tasks=(history.earlier,),
        tokens=tokens,
        batch_tokens=8192,
        held_share=0.0,
    )
    sft(settings.model_copy(update={"sft": asked}), display)


def _ask(
    settings: TrainerSettings, histories: Sequence[History], folder: Path, display: Display
) -> dict[str, dict[str, list[Attempt]]]:
    """Return each repository's attempts by arm; all pay for an adapter."""
    profile = profile_for(settings.model.profile)
    policy = load_policy(settings.model_folder(), profile, "cpu")
    place = shelf(settings.data.folder, profile, settings.model_folder())
    states = [read_adapter(folder / f"adapter-{n}") for n in range(len(histories))]
    states.append(zero_state(policy))
    with Gateway(settings.gateway) as gateway:
        sampler = GatewaySampler(gateway)
        names = [
            sampler.offer(place.publish_snapshot(state, Origin("000001", step, "sft")))
            for step, state in enumerate(states)
        ]
        found: dict[str, dict[str, list[Attempt]]] = {}
        for number, history in enumerate(histories):
            tasks = list(read_records(history.later, Counter()))
            arms = {"base": -1, "other": (number + 1) % len(histories), "own": number}
            found[history.name] = {
                arm: answers(Subject(profile, policy.tokenizer, sampler, names[at]), tasks, display)
                for arm, at in arms.items()
            }
        for name in names:
            sampler.withdraw(name)
    return found


def compared(attempts: dict[str, list[Attempt]]) -> dict[str, Any]:
    """Return each arm's exact match, and `own` against the others, in shares."""
    clusters = [one.task.cluster for one in attempts["own"]]
    exact = {
        arm: ratios([a.answer for a in given])["exact_match"] for arm, given in attempts.items()
    }
    told: dict[str, Any] = {"tasks": len(clusters)}
    told |= {arm: ratio.value for arm, ratio in exact.items()}
    for arm in ("base", "other"):
        found = paired_difference(exact[arm], exact["own"], clusters)
        told[f"own_minus_{arm}"] = {
            "value": found.value,
            "low": found.low,
            "high": found.high,
        }
    return told


def _show(report: dict[str, Any]) -> None:
    table = Table(title="exact match on later commits, %")
    for column in ("repository", "tasks", *ARMS, "own - base (95 %)", "own - other (95 %)"):
        table.add_column(column)
    for name, row in report.items():
        cells = [f"{100 * (row[arm] or 0):.1f}" for arm in ARMS]
        for arm in ("base", "other"):
            d = row[f"own_minus_{arm}"]
            value, low, high = (100 * (d[key] or 0) for key in ("value", "low", "high"))
            cells.append(f"{value:+.1f} ({low:+.1f} to {high:+.1f})")
        table.add_row(name, str(row["tasks"]), *cells)
    Console().print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold_start", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--profile", default="hone-tiny")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="budget of each adapter")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
