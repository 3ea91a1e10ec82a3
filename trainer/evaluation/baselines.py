"""What a suggestion is worth without a model: silence, and one deterministic guess.

Knows tasks. Does not know models or scores. Both are asked the same tasks as the model and see
what it sees: the region and the recent edits, never the wanted text.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping

from trainer.tasks import EditTask

Baseline = Callable[[EditTask], str | None]
"""The region as suggested; None is silence."""

_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
_WORD = re.compile(r"\w")


def nothing(task: EditTask) -> str | None:
    """Always stay silent."""
    return None


def one_guess(task: EditTask) -> str | None:
    """Do in the whole region what a recent edit did: the newest replacement that fits there.

    An edit's removed and added lines are compared token by token. What one place replaces is
    searched in the region, as whole tokens, and replaced everywhere; an insertion or a deletion
    takes one token of either side along, or nothing would say where it belongs. The last edit's
    last replacement is tried first, and the first that occurs is the guess.
    """
    region = task.context.region
    for edit in reversed(task.context.recent_edits):
        for old, new in reversed(list(replacements(edit.diff))):
            guess = replace_tokens(region, old, new)
            if guess != region:
                return guess
    return None


def replacements(diff: str) -> Iterator[tuple[str, str]]:
    """Yield what a diff's body replaces by what, in order; each with a word, both not blank."""
    lines = diff.split("\n")
    old = _TOKEN.findall("\n".join(line[1:] for line in lines if line.startswith("-")))
    new = _TOKEN.findall("\n".join(line[1:] for line in lines if line.startswith("+")))
    if not old or not new:
        return
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        before, behind = _neighbours(tag, (i1, i2, len(old)), (j1, j2, len(new)))
        removed = "".join(old[i1 - before : i2 + behind])
        added = "".join(new[j1 - before : j2 + behind])
        if _WORD.search(removed) and added.strip():
            yield removed, added


def replace_tokens(text: str, old: str, new: str) -> str:
    """Return `text` with every `old` replaced, unless it is a part of a longer word."""
    begin = r"(?<!\w)" if _WORD.match(old[0]) else ""
    end = r"(?!\w)" if _WORD.match(old[-1]) else ""
    return re.sub(begin + re.escape(old) + end, lambda _: new, text)


def _neighbours(tag: str, old: tuple[int, int, int], new: tuple[int, int, int]) -> tuple[int, int]:
    """Return how many tokens before and behind a place belong to it: (start, end, all) each."""
    if tag == "replace":
        return 0, 0
    return min(1, old[0], new[0]), min(1, old[2] - old[1], new[2] - new[1])


BASELINES: Mapping[str, Baseline] = {"nothing": nothing, "one_guess": one_guess}
