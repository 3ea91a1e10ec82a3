"""What a model is trained on, in which shares: pools of rows, each from its number alone.

Since pool k does not depend on what was drawn before, a run resumes at any pool without having
kept the state of a stream.

Knows shares and how tasks become rows. Does not know files, models or steps.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from trainer.recipe.buckets import Batch, batches
from trainer.recipe.examples import Example, Examples
from trainer.synthetic.source import SourceFile
from trainer.synthetic.stream import SyntheticMix, stream
from trainer.tasks import EditTask

TRIES = 4
"""How many synthetic edits are made for each row wanted, before a pool goes without."""
POOL_ROWS = 768
"""Enough that rows of like length meet, few enough that a resumed run repeats little."""

POOL_FILES = 300
"""Files of which a pool's synthetic edits are made."""


@dataclass(frozen=True)
class Mixture:
    """Rows of three sorts. Shares are of rows; those whose source is empty go to the others."""

    examples: Examples
    texts: Sequence[SourceFile] = ()
    """Read as they stand."""
    edited: Sequence[SourceFile] = ()
    """Synthetic edits are made in these."""
    tasks: Sequence[EditTask] = ()
    """Real ones."""
    text_share: float = 0.0
    synthetic_share: float = 0.0
    synthetic: SyntheticMix = field(default_factory=SyntheticMix)
    seed: int = 0

    def micro_batches(self, number: int, tokens: int) -> list[Batch]:
        """Return pool `number` in batches of at most `tokens` tokens, padding counted."""
        rng = random.Random(f"{self.seed}/{number}")
        return batches(self.pool(number), tokens, rng)

    def pool(self, number: int) -> list[Example]:
        """Return the rows of one pool."""
        texts, synthetic, tasks = self._amounts()
        rng = random.Random(f"rows/{self.seed}/{number}")
        rows = [self.examples.of_text(rng.choice(self.texts).text, rng) for _ in range(texts)]
        if synthetic:
            files = rng.sample(self.edited, min(POOL_FILES, len(self.edited)))
            # Where hardly any fits, a pool has fewer, rather than looking on for ever.
            made = islice(stream(files, rng.randrange(1 << 62), self.synthetic), TRIES * synthetic)
            rows += islice(self.examples.of_tasks(made), synthetic)
        rows += self.examples.of_tasks(self._turn(number, tasks))
        return [row for row in rows if len(row.ids) > 1]

    def _amounts(self) -> tuple[int, int, int]:
        texts = round(self.text_share * POOL_ROWS) if self.texts else 0
        synthetic = round(self.synthetic_share * POOL_ROWS) if self.edited else 0
        if not self.tasks:
            synthetic = POOL_ROWS - texts if self.edited else 0
            return POOL_ROWS - synthetic, synthetic, 0
        return texts, synthetic, POOL_ROWS - texts - synthetic

    def _turn(self, number: int, amount: int) -> list[EditTask]:
        """The next `amount` tasks of an endless walk, shuffled anew for each pass."""
        found = []
        for place in range(number * amount, (number + 1) * amount):
            turn, index = divmod(place, len(self.tasks))
            found.append(self.tasks[_shuffled(len(self.tasks), index, f"{self.seed}/{turn}")])
        return found


def _shuffled(size: int, index: int, seed: str) -> int:
    """Return where `index` goes in a pseudo-random permutation of range(size).

    A Feistel network over the next power of four, walked until it lands inside: no list is kept.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = [random.Random(f"{seed}/{turn}").getrandbits(64) for turn in range(4)]
    while True:
        left, right = index >> half, index & ((1 << half) - 1)
        for key in keys:
            mixed = (right * 0x9E3779B97F4A7C15 + key) >> 24
            left, right = right, left ^ (mixed & ((1 << half) - 1))
        index = (left << half) | right
        if index < size:
            return index
