"""`make bench-model`: what the embedded model knows, as vLLM serves it with an adapter active.

On the real validation tasks in the folder that HONE_DATA names, beside doing nothing and the
one-guess rename, and on renames in the reserved modules of the standard library. Answer times are
those of one request at a time through the gateway, log-probabilities asked for; they are compared
with the trainer's own.

    HONE_DATA=FOLDER python -m tests.bench.model [--model FOLDER --profile NAME] [--limit N]
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.demo.report import versions
from deploy.demo.stack import Gateway as GatewayProcess
from deploy.demo.stack import Place
from server.prompts.profiles import profile_for
from server.prompts.text import split_lines
from trainer.config import TrainerSettings
from trainer.evaluation.answers import Subject, answers, prompt_ids
from trainer.evaluation.report import Report, beside_baselines
from trainer.evaluation.sources import read_source
from trainer.gateway import Gateway
from trainer.gateway_sampler import GatewaySampler
from trainer.logprobs import Group, answer_logprobs
from trainer.model import load_policy, zero_state
from trainer.progress import Display
from trainer.sampler import Sampling
from trainer.setup import publish_zero
from trainer.synthetic.files import standard_library
from trainer.synthetic.stream import SyntheticMix, stream
from trainer.tasks import EditTask

RENAMES = SyntheticMix(
    rename=1.0, substitution=0.0, argument=0.0, deletion=0.0, insertion=0.0, nothing=0.0
)
RENAME_TASKS = 300
TIMED = 40
"""Requests per length whose time is taken."""
DRAWS = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and write `model.json`; 2 without the data."""
    given = _parser().parse_args(arguments)
    data = Path(os.environ.get("HONE_DATA", "")) / "edits" / "valid.jsonl.gz"
    if "HONE_DATA" not in os.environ or not data.is_file():
        print("bench-model needs HONE_DATA: the folder that holds edits/valid.jsonl.gz")
        return 2
    display = Display()
    place = Place((given.output / "model-run").resolve())
    engine = ["--engine.profile", given.profile]
    engine += ["--engine.model", str(given.model.resolve())] if given.model else []
    with GatewayProcess(place, None, engine) as process:
        display.say("starting vLLM and the gateway")
        process.wait_ready(lambda: None)
        with Gateway(settings_for(given, place, process.url).gateway) as gateway:
            found = _measure(given, settings_for(given, place, process.url), gateway, data, display)
    given.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found | {"versions": versions()}, indent=2)
    (given.output / "model.json").write_text(text + "\n", encoding="utf-8")
    _show(found)
    return 0


@dataclass(frozen=True)
class Timing:
    """Answers one at a time: seconds each, and how far engine and trainer are apart."""

    seconds: list[float]
    gap: float
    """Mean |log-prob difference|, nats per token."""


def _measure(
    given: argparse.Namespace,
    settings: TrainerSettings,
    gateway: Gateway,
    data: Path,
    display: Display,
) -> Report:
    name = publish_zero(settings, display)
    profile = profile_for(given.profile)
    policy = load_policy(settings.model_folder(), profile, "cpu")
    policy.load_state(zero_state(policy))
    subject = Subject(profile, policy.tokenizer, GatewaySampler(gateway), name)
    tasks = list(read_source(data, Counter(), nothing_every=4))
    tasks = tasks[: given.limit] if given.limit else tasks
    real = beside_baselines(answers(subject, tasks, display), seed=0)
    amount = min(RENAME_TASKS, given.limit or RENAME_TASKS)
    reserved = stream(list(standard_library(reserved=True)), 0, RENAMES)
    renames = beside_baselines(answers(subject, list(islice(reserved, amount)), display), 0)
    times = {lines: _timed(subject, policy, tasks, lines, display) for lines in (10, 20)}
    metrics, difference = real["metrics"], real["differences"]["one_guess"]
    return {
        "valid_exact_match": metrics["exact_match"],
        "valid_exact_match_noop": real["baselines"]["nothing"]["exact_match"],
        "valid_exact_match_one_guess": real["baselines"]["one_guess"]["exact_match"],
        "valid_difference_one_guess": difference["exact_match"],
        "kept_rate": metrics["kept_rate"],
        "quiet_rate": metrics["quiet_rate"],
        "quiet_rate_one_guess": real["baselines"]["one_guess"]["quiet_rate"],
        "rename_exact_match": renames["metrics"]["exact_match"],
        "rename_exact_match_one_guess": renames["baselines"]["one_guess"]["exact_match"],
        **{f"median_answer_ms_{n}": _median_ms(timing.seconds) for n, timing in times.items()},
        "logprob_gap": max(timing.gap for timing in times.values()),
        "tasks": len(tasks),
        "renames": amount,
        "silent_reasons": real["silent_reasons"],
        "by_language": real["by_language"],
        "model": str(given.model or given.profile),
        "profile": given.profile,
    }


def _timed(
    subject: Subject, policy: Any, tasks: Sequence[EditTask], lines: int, display: Display
) -> Timing:
    """Ask one at a time; the region is cut to `lines` lines, as a profile would ask for."""
    prompts = [prompt_ids(subject, shorter(task, lines)) for task in tasks[: 4 * TIMED]]
    chosen = [ids for ids in prompts if isinstance(ids, list)][:TIMED]
    stop = tuple(policy.stop_ids)
    sampling = Sampling(1, subject.profile.budget.answer_tokens, 0.0, stop_token_ids=stop)
    seconds: list[float] = []
    gaps: list[float] = []
    with display.phase(f"times at {lines} lines", len(chosen)) as advance:
        for ids in chosen:
            began = time.monotonic()
            answer = subject.sampler.sample(subject.policy, [ids], sampling)[0][0]
            seconds.append(time.monotonic() - began)
            own = answer_logprobs(policy, [Group(ids, [answer.token_ids])]).detach().numpy()
            gaps.append(float(np.abs(own - np.array(answer.logprobs)).mean()))
            advance(1, f"{1000 * seconds[-1]:.0f} ms")
    return Timing(seconds, float(np.mean(gaps)))


def shorter(task: EditTask, lines: int) -> EditTask:
    """Return the task with at most `lines` lines of region, the cursor among them."""
    context = task.context
    region = split_lines(context.region)
    first = min(max(0, context.cursor_line - lines // 2), max(0, len(region) - lines))
    kept = "".join(region[first : first + lines])
    changed = {
        "region": kept,
        "prefix": context.prefix + "".join(region[:first]),
        "suffix": "".join(region[first + lines :]) + context.suffix,
        "region_first_line": context.region_first_line + first,
        "cursor_line": context.cursor_line - first,
    }
    return EditTask(
        task.id, task.source, task.repository, task.cluster, task.kind,
        context.model_copy(update=changed), kept,
    )  # fmt: skip


def _median_ms(seconds: Sequence[float]) -> dict[str, float]:
    """The median and its 95 % bootstrap interval, in milliseconds."""
    values = 1000 * np.array(seconds)
    draws = np.random.default_rng(0).choice(values, (DRAWS, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return {"value": float(np.median(values)), "low": float(low), "high": float(high)}


def settings_for(given: argparse.Namespace, place: Place, url: str) -> TrainerSettings:
    """Return the trainer's settings for a gateway at `url` and the model that was asked for."""
    base = TrainerSettings()
    return base.model_copy(
        update={
            "gateway": base.gateway.model_copy(update={"url": url}),
            "data": base.data.model_copy(update={"folder": place.data}),
            "model": base.model.model_copy(
                update={"profile": given.profile, "path": given.model, "device": "cpu"}
            ),
        }
    )


def _show(found: Report) -> None:
    table = Table(
        title=f"{found['model']}: {found['tasks']} real tasks, {found['renames']} renames"
    )
    for column in ("figure", "value", "95 %"):
        table.add_column(column)
    for name, figure in found.items():
        if isinstance(figure, dict) and set(figure) == {"value", "low", "high"}:
            scale, unit = (1, " ms") if "_ms_" in name else (100, " %")
            value, low, high = (
                "-" if figure[key] is None else f"{scale * figure[key]:.1f}"
                for key in ("value", "low", "high")
            )
            table.add_row(name, value + unit, f"{low} to {high}")
    table.add_row("logprob_gap", f"{found['logprob_gap']:.5f} nats", "")
    Console().print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.model", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", type=Path, help="folder; by default the embedded one")
    parser.add_argument("--profile", default="hone-tiny")
    parser.add_argument("--limit", type=int, default=0, help="ask so many tasks only")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
