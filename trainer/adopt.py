"""`hone-trainer adopt`: a tuned adapter becomes a policy version, if the gate lets it.

What `sft --lora` leaves in a folder serves nobody. Here it is published, judged like any new
version on tasks that it was not tuned on, and promoted if it passes.

Knows the order. The thinking is elsewhere: `evaluation.sources` reads tasks, `gate` judges.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from feedback_store.events import Reason
from server.prompts.profiles import profile_for
from trainer.adapters import Origin, shelf, tuned_adapter
from trainer.batches import Row, Split
from trainer.config import TrainerSettings
from trainer.edit_records import BadSource
from trainer.evaluation.answers import Subject, prompt_ids
from trainer.evaluation.config import EvaluateSection
from trainer.evaluation.sources import gather, holds_mined
from trainer.gate_run import Version
from trainer.gateway import Gateway
from trainer.gateway_sampler import GatewaySampler
from trainer.lock import run_lock
from trainer.noise import stable_hash
from trainer.parents import live_parent
from trainer.progress import Display
from trainer.records import FACTS, new_run
from trainer.setup import check_base, set_up
from trainer.tasks import EditTask, to_row
from trainer.verdict import Result, decide, judged


def adopt(settings: TrainerSettings, sources: Sequence[Path], display: Display) -> Result:
    """Publish, judge and perhaps promote the adapter in [adopt] adapter.

    Raises:
        BadAdapter, BadSource, BadBatch, GatewayError, SamplerError: nothing was promoted.
    """
    profile = profile_for(settings.model.profile)
    data, folder = settings.data.folder, settings.adopt.adapter
    state = tuned_adapter(folder, shelf(data, profile, settings.model_folder()))
    refuse_seen(sources, folder)
    found = gather(sources, EvaluateSection())
    with run_lock(data), Gateway(settings.gateway) as gateway:
        check_base(gateway, profile)
        bench = set_up(settings, profile, GatewaySampler(gateway), new_run(data), display)
        with bench.policy.holding(state):
            pass  # its tensors fit, or nothing is published
        subject = Subject(profile, bench.policy.tokenizer, bench.sampler)
        rows = list(islice(_rows(subject, found.tasks), settings.adopt.limit))
        left_out = ", ".join(f"{n} {why}" for why, n in found.skipped.most_common()) or "none"
        display.say(f"judged by {len(rows)} of {len(found.tasks)} tasks; left out: {left_out}")
        if len(rows) < settings.gate.min_items:
            display.say(
                f"too little evidence: {settings.gate.min_items} are needed (--gate.min_items, "
                "--adopt.limit)"
            )
            return Result.TOO_LITTLE
        live = live_parent(gateway, bench.shelf, bench.policy)
        name = bench.shelf.publish_policy(state, Origin(bench.run.name, 0, "sft", live.name)).name
        bench.run.describe(policy=name, parent=live.name, adapter=str(folder))
        gateway.register(name)
        display.say(f"published {name}, which no editor reaches yet")
        judgement = judged(bench, Version(name, state), live, Split([], rows, []))
        return decide(bench, gateway, (), name, judgement)


def refuse_seen(sources: Sequence[Path], adapter: Path) -> None:
    """Refuse to judge an adapter by what it was tuned on.

    Of mined tasks, `sft` leaves those for validation alone; of anything else it keeps next to
    nothing back.

    Raises:
        BadSource: a path is one that the adapter's record names.
    """
    facts = json.loads((adapter / FACTS).read_text("utf-8"))
    seen = {Path(path).resolve() for path in facts["settings"]["tasks"]}
    for path in sources:
        here = path.resolve()
        within = any(here.is_relative_to(one) or one.is_relative_to(here) for one in seen)
        if within and not holds_mined(path):
            raise BadSource(f"the adapter was tuned on {path}; judge it by other tasks")


def _rows(subject: Subject, tasks: Sequence[EditTask]) -> Iterator[Row]:
    """Yield those tasks that can be asked, whole commits together, drawn without preference."""
    for task in sorted(tasks, key=lambda task: (stable_hash(task.cluster), task.id)):
        ids = prompt_ids(subject, task)
        if not isinstance(ids, Reason):
            yield to_row(task, ids, subject.profile)
