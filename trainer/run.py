"""One cycle: batch, train, publish, gate, decide.

Knows the order and who is told what. The thinking is elsewhere: `feed` chooses, `training`
trains, `gate` judges. Whatever happens, a batch is spent only by a policy that passed.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from importlib.metadata import PackageNotFoundError, version

import torch
from rich.console import Console

from feedback_store import __version__
from feedback_store.events import Decision
from server.prompts.profiles import ModelProfile, profile_for
from trainer import run_state
from trainer.adapters import Origin, Shelf, shelf
from trainer.batches import Row, Split, fingerprint
from trainer.config import TrainerSettings
from trainer.feed import Feed, Waiting, collect
from trainer.gate import Judgement, Verdict, judge
from trainer.gate_run import Version, gather, settings_of
from trainer.gateway import Gateway, GatewayError
from trainer.gateway_sampler import GatewaySampler
from trainer.groups import Reader
from trainer.lock import run_lock
from trainer.model import AdapterState, Policy, load_policy, zero_state
from trainer.peers import Announcement, Peers, peers
from trainer.progress import Display
from trainer.records import RunFolder, new_run, resumable
from trainer.sampler import Sampler
from trainer.training import Metrics, learner, train
from trainer.workbench import Bench

NAMED_VERSIONS = ("torch", "transformers", "peft", "duckdb", "numpy")


class Result(IntEnum):
    """How a cycle ended; the numbers are the exit codes of `hone-trainer run`."""

    PROMOTED = 0
    REFUSED = 3
    TOO_LITTLE = 4


@dataclass(frozen=True)
class Parent:
    """The version that a run starts from: the live adapter, or the base model (name None)."""

    name: str | None
    state: AdapterState


@dataclass(frozen=True)
class Job:
    """What the leading process lets the others train on, with it."""

    run: RunFolder
    parent: AdapterState
    rows: Sequence[Row]
    origin: Origin


def run_cycle(settings: TrainerSettings, display: Display) -> Result:
    """Do one cycle against the gateway; under `torchrun`, train in all its processes.

    Raises:
        GatewayError, SamplerError, BadBatch, FileNotFoundError, BadManifest: nothing was promoted.
    """
    with peers() as team:
        if not team.leads:
            _follow(settings, team)
            return Result.PROMOTED  # whatever came of it: the leader says it
        with Announcement(team) as announcement:
            return _lead(settings, team, announcement, display)


def _lead(
    settings: TrainerSettings, team: Peers, announcement: Announcement, display: Display
) -> Result:
    profile = profile_for(settings.model.profile)
    data = settings.data.folder
    with run_lock(data), Gateway(settings.gateway) as gateway:
        check_base(gateway, profile)
        found = collect(gateway, settings, profile)
        if isinstance(found, Waiting):
            display.say(f"too little feedback: {found.ready} are ready, {found.needed} are needed")
            return Result.TOO_LITTLE
        if (short := _too_little(found, settings)) is not None:
            for number in found.batches:
                gateway.set_batch_state(number, "offered", None)
            display.say(short)
            return Result.TOO_LITTLE
        run = _run_folder(settings, gateway, found, display)
        bench = set_up(settings, profile, GatewaySampler(gateway), run, display)
        bench = replace(bench, peers=team)
        _drop_left_over_snapshots(gateway, bench)
        return _train_and_decide(bench, gateway, found, announcement)


def _follow(settings: TrainerSettings, team: Peers) -> None:
    job: Job | None = team.told(None)
    if job is None:
        return
    profile = profile_for(settings.model.profile)
    with Gateway(settings.gateway) as gateway:  # never asked: the leader samples
        silent = Display(Console(quiet=True))
        bench = set_up(settings, profile, GatewaySampler(gateway), job.run, silent)
        bench = replace(bench, peers=team)
        train(bench, learner(bench, job.parent), job.rows, job.origin)


def set_up(
    settings: TrainerSettings,
    profile: ModelProfile,
    sampler: Sampler,
    run: RunFolder,
    display: Display,
) -> Bench:
    """Load the base model and lay out everything that a run needs."""
    if settings.model.threads:
        torch.set_num_threads(settings.model.threads)
    model = settings.model_folder()
    policy = load_policy(model, profile, settings.model.device, settings.train.seed)
    return Bench(
        settings=settings,
        policy=policy,
        reader=Reader(profile, policy.tokenizer, settings.experiment.reward),
        sampler=sampler,
        shelf=shelf(settings.data.folder, profile, model),
        run=run,
        display=display,
    )


def publish_zero(settings: TrainerSettings, display: Display) -> str:
    """Publish an adapter that changes nothing, make it live, and return its name."""
    profile = profile_for(settings.model.profile)
    model = settings.model_folder()
    policy = load_policy(model, profile, settings.model.device, settings.train.seed)
    origin = Origin(run="zero", step=0, method="zero")
    with Gateway(settings.gateway) as gateway:
        check_base(gateway, profile)
        place = shelf(settings.data.folder, profile, model)
        name = place.publish_policy(zero_state(policy), origin, untrained=True).name
        gateway.register(name)
        gateway.promote(name)
    display.say(f"{name} is live; it answers exactly as the base model does")
    return name


def parent_of(gateway: Gateway, shelf: Shelf, policy: Policy) -> Parent:
    """Return the live version's weights; a fresh adapter (B = 0) where the base model is live."""
    live = gateway.live()
    if live is None:
        return Parent(None, zero_state(policy))
    return Parent(live.name, shelf.policy(live.name))


def _train_and_decide(
    bench: Bench, gateway: Gateway, found: Feed, announcement: Announcement
) -> Result:
    parent = parent_of(gateway, bench.shelf, bench.policy)
    method = bench.settings.train.method.value
    origin = Origin(bench.run.name, 0, method, parent.name, found.batches)
    announcement.tell(Job(bench.run, parent.state, found.train, origin))
    start = learner(bench, parent.state)
    history = train(bench, start, found.train, origin)
    new = _publish(bench, gateway, origin, history)
    assert new.name is not None
    judgement = judged(bench, new, Version(parent.name, parent.state), found.parts)
    return decide(bench, gateway, found.batches, new.name, judgement)


def judged(bench: Bench, new: Version, live: Version, parts: Split) -> Judgement:
    """Gather the evidence on `new` against `live`, and judge it."""
    evidence = gather(bench, new, live, parts)
    return judge(evidence, settings_of(bench), bench.settings.train.seed)


def _publish(bench: Bench, gateway: Gateway, origin: Origin, history: Sequence[Metrics]) -> Version:
    state = bench.policy.state()
    metrics = {"first": history[0], "last": history[-1]} if history else {}
    finished = Origin(
        origin.run, len(history), origin.method, origin.parent, origin.batches, metrics
    )
    folder = bench.shelf.publish_policy(state, finished)
    bench.run.describe(policy=folder.name)
    gateway.register(folder.name)
    bench.display.say(f"published {folder.name}, which no editor reaches yet")
    return Version(folder.name, state)


def decide(
    bench: Bench, gateway: Gateway, batches: Sequence[int], name: str, judgement: Judgement
) -> Result:
    """Tell the gateway; only then are the batches spent, so a crash between offers them again."""
    passed = judgement.verdict is Verdict.PASSED
    why = judgement.why
    bench.run.describe(verdict=judgement.verdict.value, why=why, gate=judgement.inputs)
    inputs = judgement.inputs | {"verdict": judgement.verdict.value, "run": bench.run.name}
    gateway.decide(Decision(policy=name, passed=passed, why=why, inputs=inputs))
    for number in batches:
        gateway.set_batch_state(number, "spent" if passed else "offered", name)
    result = {
        Verdict.PASSED: Result.PROMOTED,
        Verdict.REFUSED: Result.REFUSED,
        Verdict.TOO_LITTLE: Result.TOO_LITTLE,
    }[judgement.verdict]
    bench.run.describe(result=result.name.lower())
    run_state.forget(bench.run)
    word = "is live" if passed else "stays unserved"
    bench.display.say(f"{name} {word}: {why}")
    return result


def _run_folder(
    settings: TrainerSettings, gateway: Gateway, found: Feed, display: Display
) -> RunFolder:
    """Return the folder of a run that was interrupted in doing the same, or a new one."""
    live = gateway.live()
    named = settings.model_dump(mode="json")
    named["gateway"].pop("key")
    facts = {
        "settings": named,
        "parent": live.name if live else None,
        "batches": list(found.batches),
        "counts": found.counts,
        "train_rows": fingerprint(found.train),
        "held_rows": fingerprint(found.parts.held),
        "versions": versions(),
    }
    run = resumable(settings.data.folder, facts)
    if run is not None:
        display.say(f"run {run.name} did not end; it goes on")
        return run
    run = new_run(settings.data.folder)
    run.describe(**facts)
    display.say(
        f"run {run.name}: {found.counts['train']} suggestions to learn from, "
        f"{found.counts['replay']} older, {found.counts['held']} held back; "
        f"starts from {live.name if live else 'the base model'}"
    )
    return run


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"hone": __version__, "python": platform.python_version()}
    for name in NAMED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _too_little(found: Feed, settings: TrainerSettings) -> str | None:
    held, needed = len(found.parts.held), settings.gate.min_items
    if held < needed:
        return f"too little evidence: {held} reliable suggestions to hold back, {needed} are needed"
    if not found.parts.train:
        return "too little feedback: nothing is left to learn from"
    return None


def check_base(gateway: Gateway, profile: ModelProfile) -> None:
    """Raise GatewayError if the gateway serves another model than the trainer is set up for."""
    served = gateway.hello().base_model
    if served != profile.name:
        raise GatewayError(
            f"the gateway serves {served}, the trainer is set up for {profile.name}; "
            "set [model] profile"
        )


def _drop_left_over_snapshots(gateway: Gateway, bench: Bench) -> None:
    """A run that was killed leaves its last snapshot, loaded or not."""
    bench.shelf.remove_snapshots(bench.run.name)
    for policy in gateway.policies():
        if policy.status == "snapshot":
            gateway.drop_snapshot(policy.name)
            bench.shelf.remove_snapshot(policy.name)
            bench.display.say(f"unloaded {policy.name}, left over by a run that did not end")
