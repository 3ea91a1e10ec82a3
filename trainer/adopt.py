"""`hone-trainer adopt`: a tuned adapter becomes a policy version, if the gate lets it.

What `sft --lora` leaves in a folder serves nobody. Here it is published, judged like any new
version on tasks that it was not tuned on, and promoted if it passes.

Knows the order. The thinking is elsewhere: `evaluation.sources` reads tasks, `gate` judges.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from feedback_store.events import Reason
from server.prompts.profiles import profile_for
from trainer.adapters import Origin, tuned_adapter
from trainer.batches import Row, Split
from trainer.config import TrainerSettings
from trainer.evaluation.answers import Subject, prompt_ids
from trainer.evaluation.sources import read_source
from trainer.gate_run import Version
from trainer.gateway import Gateway
from trainer.gateway_sampler import GatewaySampler
from trainer.lock import run_lock
from trainer.noise import stable_hash
from trainer.progress import Display
from trainer.records import new_run
from trainer.run import Result, check_base, decide, judged, parent_of, set_up
from trainer.tasks import EditTask

NOTHING_EVERY = 4
"""Of a file of edit records, one place in so many where nothing is to be done."""


def adopt(settings: TrainerSettings, sources: Sequence[Path], display: Display) -> Result:
    """Publish, judge and perhaps promote the adapter in [adopt] adapter.

    Raises:
        BadAdapter, BadSource, BadBatch, GatewayError, SamplerError: nothing was promoted.
    """
    profile = profile_for(settings.model.profile)
    state = tuned_adapter(settings.adopt.adapter, profile)
    tasks = _tasks(sources, settings.adopt.limit)
    data = settings.data.folder
    with run_lock(data), Gateway(settings.gateway) as gateway:
        check_base(gateway, profile)
        bench = set_up(settings, profile, GatewaySampler(gateway), new_run(data), display)
        subject = Subject(profile, bench.policy.tokenizer, bench.sampler)
        rows = [row for task in tasks if (row := as_row(subject, task)) is not None]
        display.say(f"{len(rows)} of {len(tasks)} tasks can be asked")
        if len(rows) < settings.gate.min_items:
            display.say(f"too little evidence: {settings.gate.min_items} are needed")
            return Result.TOO_LITTLE
        parent = parent_of(gateway, bench.shelf, bench.policy)
        origin = Origin(bench.run.name, 0, "sft", parent.name)
        name = bench.shelf.publish_policy(state, origin).name
        bench.run.describe(policy=name, parent=parent.name, adapter=str(settings.adopt.adapter))
        gateway.register(name)
        display.say(f"published {name}, which no editor reaches yet")
        live = Version(parent.name, parent.state)
        judgement = judged(bench, Version(name, state), live, Split([], rows, []))
        return decide(bench, gateway, (), name, judgement)


def as_row(subject: Subject, task: EditTask) -> Row | None:
    """Return a task as a suggestion that nobody made and its author wrote; None if unaskable."""
    ids = prompt_ids(subject, task)
    if isinstance(ids, Reason):
        return None
    return Row(
        suggestion_id=task.id,
        ingest_seq=0,
        received_at=task.date,
        user=task.source,
        team=task.source,
        session=task.cluster,
        workspace=task.repository,
        language=task.context.language,
        path=task.context.path,
        policy_version=None,
        base_model=subject.profile.name,
        prompt_format=subject.profile.format.name,
        profile=subject.profile.name,
        temperature=0.0,
        prompt_token_ids=ids,
        output_token_ids=None,
        output_logprobs=None,
        new_region=None,
        context=task.context,
        outcome=None,
        shown=None,
        reason=None,
        settled_by=None,
        region_changed=task.wants_edit,
        settled_text=task.wanted,
        accepted_text=None,
        undone=False,
        branch_switch=False,
        bulk_change=False,
        retained_third=None,
        holdout=False,
    )


def _tasks(sources: Sequence[Path], limit: int) -> list[EditTask]:
    """Return at most `limit` tasks, whole commits where possible, drawn without preference."""
    found: list[EditTask] = []
    for path in sources:
        found += read_source(path, Counter(), split="valid", nothing_every=NOTHING_EVERY)
    return sorted(found, key=lambda task: (stable_hash(task.cluster), task.id))[:limit]
