"""What suggestions were worth: the shared metrics, and those that only an evaluation needs.

    edit_similarity_over_nothing  how much of the way from the region to the wanted text was gone,
                                  in similarity, per task with a wanted edit; silence is 0, the
                                  wanted text 1, what leads away is negative, at least -1
    delta_chrf                    how alike the changes are, character n-gram by n-gram, per task
                                  with a wanted edit; silence is 0, the wanted edit 1
    reversal_rate                 of what a model proposes, the share that undoes the last recent
                                  edit; counted before the gateway's filter, which hides it

Exact match, kept rate, quiet rate and coverage are `trainer.metrics`', and so is the bootstrap.

Knows texts and numbers. Does not know how a suggestion was made or how a report looks.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from server.prompts.filters import is_reversal
from trainer.metrics import Answer, Interval, Ratio, paired_difference, ratios
from trainer.reward import normalise
from trainer.tasks import EditTask

METRICS = (
    "exact_match",
    "kept_rate",
    "edit_similarity_over_nothing",
    "delta_chrf",
    "reversal_rate",
    "quiet_rate",
    "coverage",
)
FEW = 20
"""A slice of fewer tasks says nothing."""
DRAWS = 1000
"""Of the bootstrap, which is drawn anew for each figure of each slice."""
NGRAMS, BETA = 6, 2.0
_BLANKS, _LINE_ENDS = re.compile(r"[^\S\n]+"), re.compile(r"\n+")


@dataclass(frozen=True)
class Attempt:
    """One task and what one side made of it."""

    task: EditTask
    proposed: str | None
    """The region as the model wants it; None is silence, whatever the reason."""
    reason: str | None = None
    """Why there is nothing to show, or why it is not shown; None if it is."""
    tokens: int | None = None
    """Length of the answer, the stop token included; None if nothing was generated."""

    @property
    def shown(self) -> str | None:
        """The suggestion as an editor would get it."""
        return self.proposed if self.reason is None else None

    @property
    def answer(self) -> Answer:
        """What the shared metrics need."""
        task = self.task
        return Answer(task.id, task.cluster, task.context.region, task.wanted, self.shown)


Table = dict[str, Ratio]
"""Every metric of `METRICS`, task by task."""


def table(attempts: Sequence[Attempt]) -> Table:
    """Return every metric of `attempts`, task by task in their order."""
    answers = [attempt.answer for attempt in attempts]
    shared = ratios(answers)
    wants = np.array([float(answer.wants_edit) for answer in answers])
    proposed = np.array([float(attempt.proposed is not None) for attempt in attempts])
    undone = np.array([float(undoes(attempt)) for attempt in attempts])
    found = {
        **shared,
        "edit_similarity_over_nothing": _mean(answers, wants, similarity_over_nothing),
        "delta_chrf": _mean(answers, wants, delta_chrf),
        "reversal_rate": Ratio(undone, proposed),
    }
    return {name: found[name] for name in METRICS}


def intervals(
    found: Table, clusters: Sequence[str], chosen: Sequence[int] | None = None, *, seed: int = 0
) -> dict[str, Interval]:
    """Return each metric with its 95 % interval by cluster; `chosen` are indices of tasks."""
    names, part = _part(found, clusters, chosen)
    # A ratio's own interval is that of its difference to nothing at all.
    return {
        name: paired_difference(_zero(ratio), ratio, names, seed=seed, draws=DRAWS)
        for name, ratio in part.items()
    }


def compared(
    before: Table, after: Table, clusters: Sequence[str], *, seed: int = 0
) -> dict[str, Interval]:
    """Return after - before per metric with paired 95 % intervals by cluster."""
    return {
        name: paired_difference(before[name], after[name], clusters, seed=seed, draws=DRAWS)
        for name in METRICS
    }


def undoes(attempt: Attempt) -> bool:
    """Whether the proposal undoes recent edits, and does no more."""
    return attempt.proposed is not None and is_reversal(attempt.task.context, attempt.proposed)


def similarity_over_nothing(answer: Answer) -> float:
    """Return (sim(suggestion) - sim(region)) / (1 - sim(region)), similarity to the wanted text.

    In [-1, 1]: near a wanted text that differs in one letter, a single bad suggestion would
    otherwise outweigh hundreds of tasks.
    """
    if answer.suggestion is None:
        return 0.0
    wanted = normalise(answer.wanted)
    before = Levenshtein.normalized_similarity(normalise(answer.region), wanted)
    after = Levenshtein.normalized_similarity(normalise(answer.suggestion), wanted)
    return max(-1.0, (after - before) / (1 - before))


def delta_chrf(answer: Answer) -> float:
    """Return the chrF of the change that was made and the change that was wanted, in [0, 1].

    For each length of 1 to 6 characters, a change is the multiset of n-grams that it adds and
    that it takes away. Precision and recall are means over the lengths at which anything changes,
    and recall counts twice (beta 2). Runs of blanks, and of line ends, count as one.
    """
    if answer.suggestion is None:
        return 0.0
    region, wanted, made = map(_plain, (answer.region, answer.wanted, answer.suggestion))
    precision: list[float] = []
    recall: list[float] = []
    for length in range(1, NGRAMS + 1):
        should, did = _change(region, wanted, length), _change(region, made, length)
        if not should and not did:
            continue
        common = (should & did).total()
        precision.append(common / max(did.total(), 1))
        recall.append(common / max(should.total(), 1))
    if not sum(precision):
        return float(answer.exact)  # nothing but blanks may change
    p, r = sum(precision) / len(precision), sum(recall) / len(recall)
    return (1 + BETA**2) * p * r / (BETA**2 * p + r)


def _change(old: str, new: str, length: int) -> Counter[tuple[str, bool]]:
    """Return the n-grams added (True) and taken away (False), with how often."""
    before, after = _grams(old, length), _grams(new, length)
    added = {(gram, True): amount for gram, amount in (after - before).items()}
    removed = {(gram, False): amount for gram, amount in (before - after).items()}
    return Counter(added | removed)


def _grams(text: str, length: int) -> Counter[str]:
    return Counter(text[at : at + length] for at in range(len(text) - length + 1))


def _plain(text: str) -> str:
    return _LINE_ENDS.sub("\n", _BLANKS.sub(" ", normalise(text)))


def _mean(answers: Sequence[Answer], wants: np.ndarray, score: Callable[[Answer], float]) -> Ratio:
    values = [score(answer) if answer.wants_edit else 0.0 for answer in answers]
    return Ratio(np.array(values, dtype=np.float64), wants)


def _part(
    found: Table, clusters: Sequence[str], chosen: Sequence[int] | None
) -> tuple[list[str], Table]:
    if chosen is None:
        return list(clusters), found
    rows = np.array(chosen, dtype=np.int64)
    part = {name: Ratio(r.numerator[rows], r.denominator[rows]) for name, r in found.items()}
    return [clusters[index] for index in chosen], part


def _zero(ratio: Ratio) -> Ratio:
    return Ratio(np.zeros_like(ratio.numerator), np.ones_like(ratio.denominator))
