"""Rows of like length together: packing without a mask, and nothing computed for padding.

Several tasks in one row would see each other, or pay for the attention between them that a mask
then throws away (at 1,024 tokens a row, as much as all linear maps). Here a pool of rows is sorted
by length and cut into batches of about as many tokens; the batches of a pool come in random order.

Knows lengths. Does not know what the rows say.
"""

import random
from collections.abc import Sequence

from trainer.recipe.examples import Example

Batch = Sequence[Example]


def batches(pool: Sequence[Example], tokens: int, rng: random.Random) -> list[Batch]:
    """Cut a pool into batches of at most `tokens` tokens, padding counted, in random order."""
    made: list[list[Example]] = []
    for example in sorted(pool, key=lambda example: (len(example.ids), example.ids)):
        if not made or (len(made[-1]) + 1) * len(example.ids) > tokens:
            made.append([])
        made[-1].append(example)
    rng.shuffle(made)
    return list(made)


def padding(batch: Batch) -> float:
    """Return the share of a batch that is padding."""
    longest = max(len(example.ids) for example in batch)
    return 1 - sum(len(example.ids) for example in batch) / (longest * len(batch))
