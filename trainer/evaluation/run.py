"""`hone-trainer evaluate`: gather tasks, ask model and baselines, report.

Knows the order and where the model comes from. The thinking is elsewhere: `sources` reads,
`answers` asks, `scores` counts, `report` shows.
"""

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from feedback_store.publish import is_published, read_manifest
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from trainer.adapters import Origin, shelf, tuned_adapter
from trainer.config import TrainerSettings
from trainer.evaluation.answers import Subject, answers
from trainer.evaluation.config import EvaluateSection
from trainer.evaluation.report import PLOT, REPORT, Report, beside_baselines, grid, plot, write
from trainer.evaluation.scores import Attempt
from trainer.evaluation.sources import Found, gather
from trainer.gateway import Gateway
from trainer.gateway_sampler import GatewaySampler
from trainer.lock import run_lock
from trainer.model import BadAdapter, load_policy, load_tokenizer
from trainer.progress import Display
from trainer.records import new_run
from trainer.sampler import Sampler
from trainer.setup import check_base, versions
from trainer.torch_sampler import TorchSampler

PLAIN_WIDTH = 140


def run(settings: TrainerSettings, sources: Sequence[Path], display: Display) -> int:
    """Evaluate, print the table, write the files; return the exit code.

    Raises:
        BadSource, BadBatch, BadManifest, BadAdapter, GatewayError, SamplerError, OSError: nothing
        was written.
    """
    began = time.monotonic()
    asked = settings.evaluate
    profile = profile_for(settings.model.profile)
    name = _adapter_name(settings, profile)
    found = gather(sources, asked)
    display.say(f"{len(found.tasks)} tasks, {found.skipped.total()} left out")
    with subject_of(settings, asked, profile) as subject:
        model = answers(subject, found.tasks, display)
        engine = subject.sampler.engine
    display.say("comparing with the baselines")
    facts = {
        "sampler": engine,
        "model": profile.name,
        "adapter": name,
        "sources": [str(path) for path in sources],
        "limit": asked.limit,
        "seed": asked.seed,
    }
    report = report_of(model, found, asked, facts) | {
        "seconds": round(time.monotonic() - began, 3),
        "versions": versions(),
        "command": command_line(sys.argv),
    }
    _show(report, model, asked.output / (asked.label or name or profile.name), display)
    return 0


def report_of(
    model: Sequence[Attempt], found: Found, asked: EvaluateSection, facts: dict[str, Any]
) -> Report:
    """Return the report on answers that were made; `facts` come first."""
    skipped = dict(found.skipped.most_common())
    return {**facts, "skipped": skipped, **beside_baselines(model, asked.seed)}


@contextmanager
def subject_of(
    settings: TrainerSettings, asked: EvaluateSection, profile: ModelProfile
) -> Iterator[Subject]:
    """Yield who is asked, with the adapter on offer for the length of the block."""
    if asked.sampler == "torch":
        if settings.model.threads:
            torch.set_num_threads(settings.model.threads)
        policy = load_policy(
            settings.model_folder(), profile, settings.model.device, dtype=settings.model.dtype
        )
        sampler = TorchSampler(policy)
        with _offered(sampler, asked.adapter) as name:
            yield Subject(profile, policy.tokenizer, sampler, name)
        return
    tokenizer = load_tokenizer(settings.model_folder())
    with Gateway(settings.gateway) as gateway:
        check_base(gateway, profile)
        folder = asked.adapter
        if folder and is_published(folder) and folder.name in _versions_of(gateway):
            # A policy version: the gateway keeps it loaded, and must not lose it to us.
            yield Subject(profile, tokenizer, GatewaySampler(gateway), folder.name)
            return
        sampler = GatewaySampler(gateway)
        with _published(settings, profile) as ready, _offered(sampler, ready) as name:
            yield Subject(profile, tokenizer, sampler, name)


def command_line(arguments: Sequence[str]) -> str:
    """Return the command as it can be repeated, without keys that were given on it."""
    shown: list[str] = []
    hide = False
    for argument in [Path(arguments[0]).name, *arguments[1:]]:
        flag, equals, _ = argument.partition("=")
        secret = flag.startswith("--") and flag.endswith("key")
        shown.append("..." if hide else f"{flag}=..." if secret and equals else argument)
        hide = secret and not equals
    return shlex.join(shown)


@contextmanager
def _published(settings: TrainerSettings, profile: ModelProfile) -> Iterator[Path | None]:
    """Yield the adapter's folder; one that `sft` wrote becomes a snapshot for as long.

    With the lock of a training run, which clears away every snapshot that it finds.
    """
    folder = settings.evaluate.adapter
    if folder is None or is_published(folder):
        yield folder
        return
    data = settings.data.folder
    place = shelf(data, profile, settings.model_folder())
    with run_lock(data):
        origin = Origin(new_run(data).name, 0, "sft")
        snapshot = place.publish_snapshot(tuned_adapter(folder, place), origin)
        try:
            yield snapshot
        finally:
            place.remove_snapshot(snapshot.name)


@contextmanager
def _offered(sampler: Sampler, folder: Path | None) -> Iterator[str | None]:
    if folder is None:
        yield None
        return
    name = sampler.offer(folder)
    try:
        yield name
    finally:
        sampler.withdraw(name)


def _versions_of(gateway: Gateway) -> set[str]:
    return {found.name for found in gateway.policies() if found.status != "snapshot"}


def _adapter_name(settings: TrainerSettings, profile: ModelProfile) -> str | None:
    """Return an adapter's name, once it is what was published, or tuned, and fits the base."""
    folder = settings.evaluate.adapter
    if folder is None:
        return None
    if not is_published(folder):
        tuned_adapter(folder, shelf(settings.data.folder, profile, settings.model_folder()))
        return folder.resolve().name
    base = read_manifest(folder).get("base_model")
    if base != profile.name:
        raise BadAdapter(f"{folder} is an adapter of {base}, not of {profile.name}")
    return folder.resolve().name


def _show(report: Report, model: Sequence[Attempt], folder: Path, display: Display) -> None:
    write(report, model, folder)
    # The result goes to standard output, progress to standard error. What is no terminal has no
    # width either, and must not be cut to 80 columns.
    console = Console()
    console = console if console.is_terminal else Console(width=PLAIN_WIDTH)
    console.print(grid(report), markup=False)
    display.say(f"wrote {folder / REPORT}")
    plot(report, folder / PLOT)
