"""One cycle: batch, train, publish, gate, decide.

Knows the order and who is told what. The thinking is elsewhere: `feed` chooses, `training`
trains, `gate` judges. Whatever happens, a batch is spent only by a policy that passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console

from server.prompts.profiles import profile_for
from trainer.adapters import Origin
from trainer.batches import Row, fingerprint
from trainer.config import TrainerSettings
from trainer.feed import Feed, Waiting, collect
from trainer.gate_run import Version
from trainer.gateway import Gateway
from trainer.gateway_sampler import GatewaySampler
from trainer.lock import run_lock
from trainer.model import AdapterState
from trainer.parents import base, live_parent, restart_reason
from trainer.peers import Announcement, Peers, peers
from trainer.progress import Display
from trainer.records import RunFolder, new_run, resumable
from trainer.setup import check_base, set_up, versions
from trainer.training import Metrics, learner, train
from trainer.verdict import Result, decide, judged
from trainer.workbench import Bench


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
        live = gateway.live()
        restart = restart_reason(data, settings.restart, live.name if live else None)
        if restart is not None:
            settings = settings.with_replay(settings.restart.replay_share)
        found = collect(gateway, settings, profile)
        if isinstance(found, Waiting):
            display.say(f"too little feedback: {found.ready} are ready, {found.needed} are needed")
            return Result.TOO_LITTLE
        if (short := _too_little(found, settings)) is not None:
            for number in found.batches:
                gateway.set_batch_state(number, "offered", None)
            display.say(short)
            return Result.TOO_LITTLE
        run = _run_folder(settings, gateway, found, restart, display)
        bench = set_up(settings, profile, GatewaySampler(gateway), run, display)
        bench = replace(bench, peers=team)
        _drop_left_over_snapshots(gateway, bench)
        return _train_and_decide(bench, gateway, found, restart is not None, announcement)


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


def _train_and_decide(
    bench: Bench, gateway: Gateway, found: Feed, anew: bool, announcement: Announcement
) -> Result:
    live = live_parent(gateway, bench.shelf, bench.policy)
    parent = base(bench.policy) if anew else live
    method = bench.settings.train.method.value
    origin = Origin(bench.run.name, 0, method, parent.name, found.batches)
    announcement.tell(Job(bench.run, parent.state, found.train, origin))
    start = learner(bench, parent.state)
    history = train(bench, start, found.train, origin)
    new = _publish(bench, gateway, origin, history)
    assert new.name is not None
    judgement = judged(bench, new, live, found.parts)
    return decide(bench, gateway, found.batches, new.name, judgement)


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


def _run_folder(
    settings: TrainerSettings,
    gateway: Gateway,
    found: Feed,
    restart: str | None,
    display: Display,
) -> RunFolder:
    """Return the folder of a run that was interrupted in doing the same, or a new one."""
    live = gateway.live()
    named = settings.model_dump(mode="json")
    named["gateway"].pop("key")
    facts = {
        "settings": named,
        "live": live.name if live else None,
        "restart": restart,
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
    run.describe(**facts, label_noise=found.label_noise.as_dict())
    start = live.name if live and restart is None else "the base model"
    display.say(
        f"run {run.name}: {found.counts['train']} suggestions to learn from, "
        f"{found.counts['replay']} older, {found.counts['held']} held back; starts from {start}"
        + (f", since {restart}" if restart else "")
    )
    return run


def _too_little(found: Feed, settings: TrainerSettings) -> str | None:
    held, needed = len(found.parts.held), settings.gate.min_items
    if held < needed:
        return f"too little evidence: {held} reliable suggestions to hold back, {needed} are needed"
    if not found.parts.train:
        return "too little feedback: nothing is left to learn from"
    return None


def _drop_left_over_snapshots(gateway: Gateway, bench: Bench) -> None:
    """A run that was killed leaves its last snapshot, loaded or not."""
    bench.shelf.remove_snapshots(bench.run.name)
    for policy in gateway.policies():
        if policy.status == "snapshot":
            gateway.drop_snapshot(policy.name)
            bench.shelf.remove_snapshot(policy.name)
            bench.display.say(f"unloaded {policy.name}, left over by a run that did not end")
