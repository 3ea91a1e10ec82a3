"""How noisy is the feedback at hand? Flips, habits, exposure, as figures of a batch.

The same suggestion at the same place, answered twice, shows how often a label is chance. Whether
somebody accepts depends on who they are and on the language they write, too: both effects are
fitted together (additive, shrunk towards none), so that an eager user of one language does not
make that language look easy. Habits come out as a spread, never by person.

Knows outcomes. Does not know rewards, and decides nothing: reliability weights are `noise`'s.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from feedback_store.events import Outcome, Shown

TAKEN = (Outcome.ACCEPTED, Outcome.PARTIALLY_ACCEPTED, Outcome.TYPED_THROUGH)
ANSWERED = (*TAKEN, Outcome.REJECTED, Outcome.DIVERGED, Outcome.EXPIRED)
"""Outcomes that say something about a suggestion; it was there to be taken."""
PRIOR = 10.0
"""Answers by which an effect is shrunk: so many more are needed until half of it is believed."""


class Answered(Protocol):
    """What is looked at; a batch's row has it all."""

    @property
    def user(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def outcome(self) -> str | None: ...
    @property
    def shown(self) -> str | None: ...
    @property
    def undone(self) -> bool: ...
    @property
    def new_region(self) -> str | None: ...
    @property
    def prompt_token_ids(self) -> list[int]: ...


@dataclass(frozen=True)
class LabelNoise:
    """The figures; None where the feedback does not tell."""

    answered: int
    """Suggestions that somebody could take."""
    taken: float | None
    """Share of them that was taken, in [0, 1]."""
    surely_seen: float | None
    """Share of them of which the editor knows that they were on screen."""
    repeats: int
    """Pairs of the same suggestion at the same place."""
    disagree: float | None
    """Share of those pairs in which one was taken and one was not."""
    flips: float | None
    """Share of answers that chance alone has turned, if `disagree` is all chance."""
    habit_spread: float | None
    """Standard deviation of users' effects on being taken, language apart, each shrunk towards 0,
    in [0, 1]. By chance alone it is about 0.08 where ten users gave ten answers each."""
    languages: dict[str, float]
    """Share taken by language if all users were alike, the effects shrunk."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for records."""
        return asdict(self)


def measure(rows: Sequence[Answered]) -> LabelNoise:
    """Return the figures of these rows."""
    told = [row for row in rows if row.outcome in ANSWERED and row.shown != Shown.NO]
    told = [row for row in told if row.new_region is not None]
    took = [_taken(row) for row in told]
    repeats, disagree = _pairs(told, took)
    users, languages = _effects(told, took)
    return LabelNoise(
        answered=len(told),
        taken=float(np.mean(took)) if told else None,
        surely_seen=float(np.mean([row.shown == Shown.YES for row in told])) if told else None,
        repeats=repeats,
        disagree=disagree,
        flips=None if disagree is None else flips(disagree),
        habit_spread=float(np.std(list(users.values()))) if len(users) > 1 else None,
        languages=languages,
    )


def flips(disagree: float) -> float:
    """Return e where two answers, each turned with chance e, disagree so often: 2 e (1 - e)."""
    return (1 - math.sqrt(max(0.0, 1 - 2 * disagree))) / 2


def _taken(row: Answered) -> float:
    return float(row.outcome in TAKEN and not row.undone)


def _pairs(told: Sequence[Answered], took: Sequence[float]) -> tuple[int, float | None]:
    """Return how many pairs of one suggestion there are, and in how many the answers differ."""
    seen: dict[tuple[Any, ...], Counter[float]] = defaultdict(Counter)
    for row, taken in zip(told, took, strict=True):
        seen[(tuple(row.prompt_token_ids), row.new_region)][taken] += 1
    pairs = sum(math.comb(count.total(), 2) for count in seen.values())
    different = sum(count[0.0] * count[1.0] for count in seen.values())
    return pairs, different / pairs if pairs else None


def _effects(
    told: Sequence[Answered], took: Sequence[float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return users' effects, and the share taken by language with those taken out."""
    if not told:
        return {}, {}
    users, languages = sorted({row.user for row in told}), sorted({row.language for row in told})
    place = {("user", name): i for i, name in enumerate(users)}
    place |= {("language", name): len(users) + i for i, name in enumerate(languages)}
    table = np.zeros((len(told), len(place)))
    for number, row in enumerate(told):
        table[number, place["user", row.user]] = 1
        table[number, place["language", row.language]] = 1
    mean = float(np.mean(took))
    wanted = table.T @ (np.array(took) - mean)
    found = np.linalg.solve(table.T @ table + PRIOR * np.eye(len(place)), wanted)
    habits = {name: float(found[place["user", name]]) for name in users}
    # Users' effects are measured from the average answer's.
    mean += float(np.mean([habits[row.user] for row in told]))
    easy = {name: float(found[place["language", name]]) for name in languages}
    return habits, {name: min(1.0, max(0.0, mean + effect)) for name, effect in easy.items()}
