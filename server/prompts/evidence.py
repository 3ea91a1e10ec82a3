"""How often a guess like this one was wanted: what 20,000 guesses at real next edits tell.

A small model reads well what a guess would do, and badly how much speaks for it: from the facts
below, written out, it told wanted guesses from others worse than a table of them does (13 against
16 % exact match of 679 held-out edits, with nine of ten quiet places left alone). So the facts
are weighed here, by a logistic regression with their products (`python -m trainer.recipe.evidence`
fits it), and a prompt shows the outcome.

Knows edits, guesses and the weights. Does not know prompts or models. **Other facts or weights make
other prompts**: a model is tuned with the ones here.
"""

import difflib
import math
import re
from collections.abc import Sequence
from itertools import combinations

from feedback_store.events import EditContext
from server.prompts.evidence_weights import BIAS, WEIGHTS
from server.prompts.guesses import WAYS, Change, Guess
from server.prompts.text import replace_tokens, split_lines

FACTS = (
    *WAYS,  # whether the way leads to it
    "lines",  # of the region that it takes away or rewrites
    "beside",  # whether what the edit it follows wrote stands in the region
    "name",  # whether what it puts in is a name
    "replaced",  # places of that edit
    "removed",  # lines of that edit
    "added",
    "same_file",  # whether that edit was made in this file
    "before",  # how often what it replaces stands before the region
    "repeated",  # recent edits that replaced the same
    "edits",  # recent edits
    "rivals",  # guesses at the same region, itself included
)
MOST = 15
"""Greater counts say no more."""


def evidence(context: EditContext, found: Sequence[Guess]) -> list[float]:
    """Return for each guess at the context's region the chance, 0 to 1, that it is wanted."""
    return [chance(terms(facts(context, guess, len(found)))) for guess in found]


def facts(context: EditContext, guess: Guess, rivals: int) -> tuple[float, ...]:
    """Return what speaks for and against a guess, in the order of `FACTS`."""
    edit, region = guess.changes[guess.age], context.region
    old, new = _main_replacement(region, edit)
    written = [line.strip() for line in edit.hunk.added if line.strip()]
    return (
        *(way in guess.ways for way in WAYS),
        _rewritten(region, guess.region),
        any(line in region for line in written),
        new.isidentifier(),
        len(edit.replaced),
        len(edit.hunk.removed),
        len(edit.hunk.added),
        edit.path == context.path,
        _occurrences(context.prefix, old),
        sum((old, new) in change.replaced for change in guess.changes),
        len(guess.changes),
        rivals,
    )


def terms(counts: Sequence[float]) -> list[float]:
    """Return logarithms of the facts and their products by two: what the weights are for."""
    scaled = [math.log2(1 + min(count, MOST)) for count in counts]
    return scaled + [one * other for one, other in combinations(scaled, 2)]


def chance(values: Sequence[float]) -> float:
    """Return the chance that the weights give to a guess with these terms."""
    logit = BIAS + math.fsum(w * value for w, value in zip(WEIGHTS, values, strict=True))
    return (1 + math.tanh(logit / 2)) / 2


def _main_replacement(region: str, edit: Change) -> tuple[str, str]:
    """The edit's longest replacement that occurs in the region; two empty texts without one."""
    here = (pair for pair in edit.replaced if replace_tokens(region, *pair) != region)
    return max(here, key=lambda pair: len(pair[0]), default=("", ""))


def _occurrences(text: str, old: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(old)}(?!\w)", text)) if old else 0


def _rewritten(region: str, guess: str) -> int:
    old, new = split_lines(region), split_lines(guess)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return sum(i2 - i1 for tag, i1, i2, _, _ in matcher.get_opcodes() if tag != "equal")
