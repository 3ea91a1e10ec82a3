"""The tasks of `bench-gapo`: house rules in reserved modules, as rows that a trainer takes.

Knows rules, tasks, rows and how often the base model is right. Does not know what is learnt.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from deploy.demo.house import house_rules
from deploy.demo.tasks import Task, modules, standard_library, tasks_of
from feedback_store.events import Reason
from server.prompts.profiles import profile_for
from tests.e2e.feedback import context_of, true_edit
from trainer.batches import Row
from trainer.config import TrainerSettings
from trainer.evaluation.answers import Subject, prompt_ids
from trainer.evaluation.config import EvaluateSection
from trainer.evaluation.sources import gather
from trainer.groups import Reader
from trainer.model import Policy, load_policy
from trainer.noise import stable_hash
from trainer.progress import Display
from trainer.reserved import is_reserved
from trainer.sampler import Sampling
from trainer.tasks import EditTask, to_row
from trainer.torch_sampler import TorchSampler

CANDIDATES = 32
"""Real tasks that are looked at for one that is learnt from: few can be guessed at all."""
LOOKS, SEED, PART = 16, 5, 32
UNSURE, UNSURE_QUIET = (0.05, 0.6), (0.05, 0.9)
"""Share of right answers between which a task is kept; of those in which nothing is wanted, too
few are often wrong."""
QUIET_SHARE = 1 / 3
"""Without these, always to speak is all there is to learn."""


@dataclass(frozen=True)
class Sets:
    """What is learnt from and what is measured on; no file is in both."""

    learning: list[Row]
    held: list[Row]


def rows_of(tasks: Sequence[Task], policy: Policy) -> Iterator[Row]:
    """Yield the tasks as rows, with the prompts that would be served; too long ones left out."""
    for task in tasks:
        context = context_of(task, policy.profile)
        wanted = true_edit(task, context)
        edit = EditTask(task.id, "synthetic", task.path, task.path, task.rule, context, wanted)
        prompt = policy.profile.format.render(context, policy.profile.budget)
        if isinstance(prompt, str):
            ids = policy.tokenizer.encode(prompt, add_special_tokens=False)
            yield to_row(edit, ids, policy.profile)


def screened(known: Path, learning: int, held: int, processes: int, display: Display) -> Sets:
    """Return tasks that the base model gets right now and then; `known` remembers which."""
    policy = _base()
    sides = [list(rows_of(side, policy)) for side in _by_file()]
    shares = _shares([row for side in sides for row in side], known, processes, display)
    amounts = (learning, held)
    return Sets(*(_mixed(side, shares, n) for side, n in zip(sides, amounts, strict=True)))


def _mixed(rows: Sequence[Row], shares: dict[str, float], amount: int) -> list[Row]:
    quiet = round(QUIET_SHARE * amount)
    found: list[Row] = []
    for edited, wanted, (low, high) in (
        (True, amount - quiet, UNSURE),
        (False, quiet, UNSURE_QUIET),
    ):
        own = [row for row in rows if row.region_changed is edited]
        kept = [row for row in own if low <= shares[row.suggestion_id] <= high]
        if len(kept) < wanted:
            raise ValueError(f"{wanted} tasks wanted, only {len(kept)} are such")
        found += kept[:wanted]
    return sorted(found, key=lambda row: stable_hash(row.suggestion_id))


def real_sets(
    data: Path, known: Path, learning: int, held: int, processes: int, display: Display
) -> Sets:
    """Return real next edits: of the train repositories such as above, of the others all kinds.

    Args:
        data: the folder that holds `edits/`.
        known: remembers how often the base model is right.
        learning: rows to learn from.
        held: rows to measure on, edits alone; 0 is all.
    """
    policy = _base()
    subject = Subject(policy.profile, policy.tokenizer, TorchSampler(policy))
    sides = []
    for name, limit, every in (("train", CANDIDATES * learning, 3), ("valid", held, 0)):
        asked = EvaluateSection(limit=limit, nothing_every=every, seed=SEED)
        found = gather([data / "edits" / f"{name}.jsonl.gz"], asked).tasks
        asking = [(task, prompt_ids(subject, task)) for task in found]
        sides.append(
            [to_row(t, ids, policy.profile) for t, ids in asking if not isinstance(ids, Reason)]
        )
    shares = _shares(sides[0], known, processes, display)
    return Sets(_mixed(sides[0], shares, learning), sides[1])


def _by_file() -> tuple[list[Task], list[Task]]:
    """Return all tasks of the house's rules, by halves of the files, in an order of no sense."""
    halves: tuple[list[Task], list[Task]] = ([], [])
    for path, text in modules(standard_library()):
        if is_reserved(path):
            found = {task.id: task for task in tasks_of(path, text, house_rules(), seed=0)}
            halves[int(stable_hash(path), 16) % 2].extend(found.values())
    first, second = (sorted(half, key=lambda task: stable_hash(task.id)) for half in halves)
    return first, second


def _shares(rows: Sequence[Row], known: Path, processes: int, display: Display) -> dict[str, float]:
    """Return how often the base model is right in each, from `known` where it is there."""
    found: dict[str, float] = json.loads(known.read_text()) if known.is_file() else {}
    unknown = [row for row in rows if row.suggestion_id not in found]
    if not unknown:
        return found
    parts = [unknown[i : i + PART] for i in range(0, len(unknown), PART)]
    pool = ProcessPoolExecutor(processes, get_context("spawn"))
    with pool, display.phase("screening", len(unknown)) as advance:
        for part, shares in zip(parts, pool.map(_right, parts), strict=True):
            found |= {row.suggestion_id: share for row, share in zip(part, shares, strict=True)}
            advance(len(part), "")
    known.write_text(json.dumps(found))
    return found


def _right(rows: Sequence[Row]) -> list[float]:
    torch.set_num_threads(1)
    policy = _base()
    reader, sampler = Reader(policy.profile, policy.tokenizer), TorchSampler(policy)
    sampling = Sampling(LOOKS, reader.max_tokens(rows), seed=SEED, stop_token_ids=policy.stop_ids)
    groups = sampler.sample(None, [row.prompt_token_ids for row in rows], sampling)
    scored = [reader.score(row, group) for row, group in zip(rows, groups, strict=True)]
    return [sum(value == 1 for value in one.rewards) / LOOKS for one in scored]


def _base() -> Policy:
    return load_policy(TrainerSettings().model_folder(), profile_for("hone-tiny"), "cpu")
