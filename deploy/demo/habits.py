"""How simulated users react: what they accept, what they get wrong, what stays in the text.

Noise is of three kinds, each settable: a reaction that is the wrong way round, near misses that
are accepted all the same, and unrelated edits that fall into the region. Knows texts and chances.
Does not know the language server.
"""

import random
import re
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True)
class Noise:
    """The chances with which simulated users err."""

    wrong: float = 0.12
    """That a reaction to a suggestion is the wrong way round."""
    left_in_place: float = 0.5
    """That a wrongly accepted suggestion is not repaired."""
    near_miss: float = 0.8
    """That a suggestion which is all but right is accepted, and then repaired."""
    unrelated: float = 0.1
    """That an unrelated edit falls into the region and stays."""


class Act(StrEnum):
    """What the user does with what is shown."""

    NOTHING = "nothing"
    """There was nothing to react to."""
    ACCEPT = "accept"
    DISMISS = "dismiss"
    OVERTYPE = "overtype"
    """Type on without dismissing it."""


@dataclass(frozen=True)
class Reaction:
    """What the user does, and the text that stays."""

    act: Act
    final: str


def react(
    before: str, wanted: str, suggestion: str | None, noise: Noise, rng: random.Random
) -> Reaction:
    """Decide on one suggestion; the texts are the surroundings of the edit.

    Args:
        suggestion: the text if it were accepted; None if there was nothing to see.
    """
    act, final = _judge(before, wanted, suggestion, noise, rng)
    if rng.random() < noise.unrelated:
        final = _with_unrelated_edit(final, rng)
    return Reaction(act, final)


def _judge(
    before: str, wanted: str, suggestion: str | None, noise: Noise, rng: random.Random
) -> tuple[Act, str]:
    if suggestion is None:
        return Act.NOTHING, wanted
    wrong_way_round = rng.random() < noise.wrong
    if suggestion == wanted:
        if wrong_way_round:
            return Act.DISMISS, _misremembered(before, wanted)
        return Act.ACCEPT, wanted
    if wrong_way_round:
        stays = rng.random() < noise.left_in_place
        return Act.ACCEPT, suggestion if stays else wanted
    if rng.random() < noise.near_miss * nearness(before, wanted, suggestion):
        return Act.ACCEPT, wanted
    return (Act.DISMISS if rng.random() < 0.5 else Act.OVERTYPE), wanted


def nearness(before: str, wanted: str, suggestion: str) -> float:
    """How much of the way from `before` to `wanted` the suggestion goes, from 0 to 1."""
    whole = Levenshtein.distance(before, wanted)
    rest = Levenshtein.distance(suggestion, wanted)
    return max(0.0, 1 - rest / whole) if whole else 0.0


def _misremembered(before: str, wanted: str) -> str:
    """The wanted text with the new word written differently, or the old text if there is none."""
    old_words = set(re.findall(r"\w+", before))
    new_words = [word for word in re.findall(r"[A-Za-z]\w*", wanted) if word not in old_words]
    if not new_words:
        return before
    return re.sub(rf"\b{new_words[0]}\b", f"{new_words[0]}_", wanted)


def _with_unrelated_edit(text: str, rng: random.Random) -> str:
    """Append a note to one line in the middle, as somebody does who thinks of something else."""
    lines = text.split("\n")
    middle = range(len(lines) // 3, max(len(lines) // 3 + 1, 2 * len(lines) // 3))
    code = [n for n in middle if lines[n].strip() and not lines[n].rstrip().endswith("\\")]
    if not code:
        return text
    chosen = rng.choice(code)
    lines[chosen] = f"{lines[chosen]}  # check this"
    return "\n".join(lines)
