"""Whether a version that serves people does worse than the one beside it: pure statistics.

Two things are compared: how many of the suggestions that were on screen were taken, and how many
requests ended without an answer that can be used. The interval is Newcombe's for the difference of
two proportions, of Wilson's bounds (Statistics in Medicine 17, 1998, method 10). Knows counts.
Does not know where they come from, nor what follows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

SURE_Z = 3.0
"""Standard deviations at which a version is surely worse: it is looked at again and again, and at
1.3 every tenth of the good ones would be taken for bad at some look."""
LOOKS = 4
"""How often a canary is looked at to go live, at doubling amounts."""
LIKELY_Z = 1.96
"""Of the bound above which it is no worse: one-sided 97.5 % at each look, 90 % over four."""
MOST_OF_ONE = 0.5
"""Of a version's suggestions, what one person counts for at most where there are others."""
MAX_BROKEN_RISE = 0.02
"""By how much the share of unusable answers may surely rise."""
LEAST_ASKED = 20
"""Fewer answers say nothing of how many cannot be used: the bound is about samples, not about a
hiccup in which a few come too late together."""
LEAST_LEFT = 5
"""Where nearly all of the other version's are taken, Newcombe's bounds are too narrow, and one edit
that is left would be enough; of so many the bound is as rare as it says."""

Numbers = dict[str, float | int | str | bool | None]


@dataclass(frozen=True)
class Tally:
    """What became of a version's suggestions."""

    asked: int = 0
    """Requests, those that the user cancelled aside."""
    broken: int = 0
    """Of these, answers that did not parse or came too late."""
    shown: int = 0
    """Edits that were on screen, as far as anybody knows, and whose outcome is known."""
    taken: int = 0
    """Of these, accepted, partly accepted or typed through."""


class Finding(StrEnum):
    """How a version compares."""

    WORSE = "worse"
    NO_WORSE = "no_worse"
    OPEN = "open"
    """Too little is known yet."""


@dataclass(frozen=True)
class Comparison:
    """The finding, one sentence, and every number behind it."""

    finding: Finding
    why: str
    inputs: Numbers
    new: Tally = Tally()
    old: Tally = Tally()


def compare(new: Tally, old: Tally, *, min_shown: int, margin: float) -> Comparison:
    """Judge `new` beside `old`.

    Args:
        min_shown: suggestions on screen that either must have for `no_worse`.
        margin: how much lower the share taken may look for `no_worse`.
    """
    broken_low, _ = difference(new.broken, new.asked, old.broken, old.asked, SURE_Z)
    low, _ = difference(new.taken, new.shown, old.taken, old.shown, LIKELY_Z)
    _, high = difference(new.taken, new.shown, old.taken, old.shown, SURE_Z)
    inputs: Numbers = {f"{k}_new": v for k, v in vars(new).items()}
    inputs |= {f"{k}_old": v for k, v in vars(old).items()}
    inputs |= {"taken_low": low, "taken_high": high, "broken_low": broken_low, "margin": margin}
    if new.asked >= LEAST_ASKED and broken_low > MAX_BROKEN_RISE:
        why = f"{new.broken} of {new.asked} answers cannot be used, {old.broken} of {old.asked}"
        return Comparison(Finding.WORSE, f"{why} of the other version's", inputs, new, old)
    told = f"{new.taken} of {new.shown} taken, {old.taken} of {old.shown} of the other version's"
    if high < 0 and new.shown - new.taken >= LEAST_LEFT:
        return Comparison(Finding.WORSE, told, inputs, new, old)
    if min(new.shown, old.shown) >= min_shown and low > -margin:
        return Comparison(Finding.NO_WORSE, told, inputs, new, old)
    return Comparison(Finding.OPEN, told, inputs, new, old)


def capped(people: Sequence[Tally]) -> Tally:
    """Return a version's tally of its people's, the busiest of several scaled down to the cap."""
    busiest = max(people, key=lambda one: one.asked, default=Tally())
    others = [one for one in people if one is not busiest]
    rest = sum(one.asked for one in others)
    share = MOST_OF_ONE / (1 - MOST_OF_ONE)
    if others and busiest.asked > share * rest:
        scale = share * rest / busiest.asked
        busiest = Tally(**{name: round(scale * count) for name, count in vars(busiest).items()})
    names = vars(Tally())
    return Tally(**{n: sum(getattr(one, n) for one in (busiest, *others)) for n in names})


def difference(hits: int, of: int, others: int, of_others: int, z: float) -> tuple[float, float]:
    """Return the bounds of hits / of - others / of_others; (-1, 1) where nothing is known."""
    if not of or not of_others:
        return -1.0, 1.0
    one, other = hits / of, others / of_others
    (low, high), (other_low, other_high) = wilson(hits, of, z), wilson(others, of_others, z)
    down = math.hypot(one - low, other_high - other)
    up = math.hypot(high - one, other - other_low)
    return one - other - down, one - other + up


def wilson(hits: int, of: int, z: float) -> tuple[float, float]:
    """Return Wilson's bounds of a proportion."""
    share, square = hits / of, z * z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return middle - half, middle + half
