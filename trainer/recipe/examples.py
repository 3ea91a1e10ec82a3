"""From a task to what a model learns it from: token ids, and how much each of them counts.

Knows a profile's prompt format and a tokenizer. Does not know models or batches.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from feedback_store.events import EditContext, Reason
from server.prompts.profile import ModelProfile
from trainer.tasks import SYNTHETIC, EditTask


@dataclass(frozen=True)
class Example:
    """One row: `ids`, of which the last `answer` are the answer (all of them for plain text)."""

    ids: tuple[int, ...]
    answer: int
    weight: float = 1.0
    """What its answer counts beside others."""


@dataclass(frozen=True)
class Teaching:
    """What of the tasks' answers is taught, and how strongly."""

    longest_answer: int = 1_000_000
    """Tokens. A real task whose answer is longer teaches silence: what a model cannot write, it
    must not begin. Made ones are short of nothing that their prompts do not tell."""
    silence_weight: float = 1.0
    """What silence counts beside an edit: with less, an edit becomes the likeliest answer where
    it is right less often."""


class Examples:
    """Turns tasks and texts into examples for one profile."""

    def __init__(
        self, tokenizer: Any, profile: ModelProfile, longest: int, taught: Teaching | None = None
    ) -> None:
        """`tokenizer` is transformers'; rows of more than `longest` tokens are left out."""
        self._tokenizer, self.profile, self._longest = tokenizer, profile, longest
        self._taught = taught or Teaching()
        self.left_out: Counter[Reason] = Counter()
        """Tasks that could not be said, each time they came up."""

    def of_task(self, task: EditTask) -> Example | Reason:
        """Return the task as prompt and answer, or why it cannot be said in this format."""
        shape, budget = self.profile.format, self.profile.budget
        prompt = shape.render(task.context, budget)
        if isinstance(prompt, Reason):
            return prompt
        wanted, region = task.wanted, task.context.region
        answer = shape.render_answer(task.context, wanted)
        if not _reads_back(shape, task, answer):
            return Reason.UNPARSABLE
        # The engine adds special tokens to a prompt where the model's tokenizer says so.
        left: list[int] = self._tokenizer.encode(prompt, add_special_tokens=True)
        right = self._encode(answer)
        if task.source != SYNTHETIC and len(right) > self._taught.longest_answer:
            wanted = region
            right = self._encode(shape.render_answer(task.context, region))
        if len(right) > budget.answer_tokens or len(left) + len(right) > self._longest:
            return Reason.PROMPT_TOO_LONG
        weight = self._taught.silence_weight if wanted == region else 1.0
        return Example((*left, *right), len(right), weight)

    def of_tasks(self, tasks: Iterable[EditTask]) -> Iterator[Example]:
        """Yield the examples of those tasks that can be said."""
        for task in tasks:
            example = self.of_task(task)
            if isinstance(example, Example):
                yield example
            else:
                self.left_out[example] += 1

    def of_text(self, text: str, rng: random.Random) -> Example:
        """Return a random piece of a source file, to be predicted as it stands."""
        ids = self._encode(text)
        first = rng.randrange(max(1, len(ids) - self._longest // 2))
        piece = tuple(ids[first : first + self._longest])
        return Example(piece, len(piece))

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)


def _reads_back(shape: Any, task: EditTask, answer: str) -> bool:
    """Whether the format's own reading of the answer is what was wanted."""
    context: EditContext = task.context
    parsed = shape.parse(context, answer, finished=True)
    if parsed.reason is Reason.NO_EDIT:
        return task.wanted == context.region
    return parsed.new_region == task.wanted
