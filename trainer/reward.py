"""What an answer is worth, given what the user ended up with.

    equal to the reference     1
    nearer than doing nothing  s + (1/2 - s) * (d0 - d) / d0     in (s, 1/2)
    doing nothing              s                                 the eagerness
    farther than doing nothing s * d0 / d                        in (0, s)
    nothing was wanted         1 for silence, else s * 20 / (20 + d)
    not an edit at all         0

d and d0 are the edit distances of answer and untouched region to the reference. Caps then apply,
unless the answer equals the reference: an edit that the user explicitly refused, or that undoes
what the user just did and no more, is worth 0; one that brings new syntax errors at most s/2.
There are no sums: every value has one reason, and no path is without a score.

Knows texts. Does not know tokens, groups or how sure a reference is (trainer.noise). Facts are
stored and rewards computed from them, so REWARD_VERSION rises whenever a value may change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import Levenshtein
from sacrebleu import sentence_bleu

from feedback_store.events import EditContext
from server.prompts.filters import is_reversal
from trainer.syntax import Syntax

REWARD_VERSION = "product-2"
NOTHING_WANTED_SCALE = 20
"""Characters at which an unwanted edit has lost half of the little it is worth."""


@dataclass(frozen=True)
class Task:
    """One prompt's facts, as far as they decide what an answer to it is worth."""

    context: EditContext
    references: tuple[str, ...]
    """Texts that were right; an answer is scored against each and gets the best."""
    refused: tuple[str, ...] = ()
    """Texts that the user saw and explicitly refused."""
    silence: float = 0.2
    """s, the value of doing nothing where something was wanted, in (0, 1/2)."""

    @cached_property
    def normalised_references(self) -> tuple[str, ...]:
        return tuple(normalise(text) for text in self.references)

    @property
    def wants_nothing(self) -> bool:
        """Whether some reference is the untouched region (d0 = 0)."""
        return normalise(self.context.region) in self.normalised_references


Reward = Callable[[str | None, Task], float]
"""The answer's region (the untouched one for silence, None if it did not parse or was cut off)
and the task to a value in [0, 1]."""


def product(syntax: Syntax) -> Reward:
    """Return the product's reward (DESIGN section 3), which counts errors with `syntax`."""

    def reward(answer: str | None, task: Task) -> float:
        if answer is None:
            return 0.0
        text = normalise(answer)
        if text in task.normalised_references:
            return 1.0
        if text in {normalise(refused) for refused in task.refused}:
            return 0.0
        if is_reversal(task.context, answer):
            return 0.0
        value = max(distance_value(text, task, wanted) for wanted in task.normalised_references)
        if value > task.silence / 2 and _adds_errors(syntax, task.context, answer):
            return task.silence / 2
        return value

    return reward


def distance_value(text: str, task: Task, wanted: str) -> float:
    """Return the graded part: what the normalised `text` is worth against one reference."""
    untouched, s = normalise(task.context.region), task.silence
    d = Levenshtein.distance(text, wanted)
    d0 = Levenshtein.distance(untouched, wanted)
    if d == 0:
        return 1.0
    if d0 == 0:
        return s * NOTHING_WANTED_SCALE / (NOTHING_WANTED_SCALE + d)
    if d <= d0:
        return s + (0.5 - s) * (d0 - d) / d0
    return s * d0 / d


def silence(answer: str | None, task: Task) -> float:
    """Reward doing nothing, whatever was wanted: an experiment that shows that learning works.

    1 for silence, else 1/2 * 20 / (20 + d) with the distance d to the untouched region, and 0
    for what is no edit.
    """
    if answer is None:
        return 0.0
    d = Levenshtein.distance(normalise(answer), normalise(task.context.region))
    return 1.0 if d == 0 else 0.5 * NOTHING_WANTED_SCALE / (NOTHING_WANTED_SCALE + d)


def distance(task: Task) -> int:
    """Return how many characters the untouched region is from the nearest reference."""
    untouched = normalise(task.context.region)
    return min(Levenshtein.distance(untouched, wanted) for wanted in task.normalised_references)


def overlong(length: int, budget: int, margin: int) -> float:
    """Return DAPO's penalty for long answers (arXiv 2503.14476, equation 13), in [-1, 0].

    Args:
        length: tokens of the answer.
        budget: tokens that it could take.
        margin: the last so many of them cost linearly more; 0 costs nothing.
    """
    return -min(1.0, max(0, length - (budget - margin)) / margin) if margin else 0.0


def em(answer: str, reference: str) -> float:
    """The paper's exact match, 0 or 1; both texts stripped."""
    return float(answer.strip() == reference.strip())


def ed(answer: str, reference: str) -> float:
    """The paper's edit similarity, 1 - distance / longer length, in [0, 1]; both empty is 1."""
    return Levenshtein.normalized_similarity(answer.strip(), reference.strip())


def edem(answer: str, reference: str) -> float:
    """The paper's reward: the mean of `em` and `ed`, so that nothing lies in [1/2, 1)."""
    return (em(answer, reference) + ed(answer, reference)) / 2


def bleu(answer: str, reference: str) -> float:
    """Sentence BLEU-4 of sacrebleu, exponential smoothing, in [0, 1]; both empty is 1.

    Words are split at punctuation (`13a`), as the field's papers on code edits do.
    """
    if not answer.strip() and not reference.strip():
        return 1.0
    found = sentence_bleu(answer.strip(), [reference.strip()]).score / 100
    return min(found, 1.0)  # rounding can leave it above


def named(name: str, syntax: Callable[[], Syntax]) -> Reward:
    """Return the reward called `product`, `silence`, `em`, `ed`, `edem` or `bleu`."""
    if name == "product":
        return product(syntax())
    if name == "silence":
        return silence
    paper = {"em": em, "ed": ed, "edem": edem, "bleu": bleu}[name]

    def reward(answer: str | None, task: Task) -> float:
        """What parses to no edit is worth 0; of several references the best counts."""
        return 0.0 if answer is None else max(paper(answer, wanted) for wanted in task.references)

    return reward


def normalise(text: str) -> str:
    """Return `text` with "\\n" line ends, no trailing blanks and no final line end.

    Two texts that differ in nothing else are the same edit: editors and formatters decide it.
    """
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip(" \t") for line in unix.removesuffix("\n").split("\n"))


def _adds_errors(syntax: Syntax, context: EditContext, answer: str) -> bool:
    before = syntax.errors(context.language, context.prefix + context.region + context.suffix)
    if before is None:
        return False
    after = syntax.errors(context.language, context.prefix + answer + context.suffix)
    return after is not None and after > before
