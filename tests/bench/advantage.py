"""`make bench-advantage`: estimator and reward against the plain Python that one would write.

The rival of the estimator is GAPO's official one as its definition reads, group by group on
scalars of torch, without its printing and its analysis of distributions. The rival of the reward
is Levenshtein's algorithm row by row. Both are run in turns with ours, on the same input, and must
agree with it.

    python -m tests.bench.advantage [--rounds N]
"""

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from deploy.demo.report import versions
from trainer.advantage import estimate
from trainer.reward import ed

GROUPS, ANSWERS = 512, 8
LENGTHS = (36, 100, 250, 500, 833)
"""Characters of an edit, from the shortest to the longest that were asked for."""
ALPHABET = "abcdefghij_(), =\n"


def official_advantages(rewards: Tensor, groups: Sequence[int], tau: float = 0.5) -> Tensor:
    """GAPO as published: float32 scores, one group after the other."""
    of_group: dict[int, list[Tensor]] = defaultdict(list)
    for place, number in enumerate(groups):
        of_group[number].append(rewards[place])
    centre: dict[int, float] = {}
    scale: dict[int, Tensor] = {}
    for number, scores in of_group.items():
        values = sorted(float(score) for score in scores)
        k = math.ceil(len(values) * (tau * 100) / 100)
        best, first = math.inf, 0
        for start in range(len(values) - k + 1):
            length = values[start + k - 1] - values[start]
            if length < best:
                best, first = length, start
        centre[number] = statistics.median(values[first : first + k])
        deviations = torch.stack(scores) - centre[number]
        scale[number] = torch.sqrt((deviations**2).sum() / (len(values) - 1))
    advantages = rewards.clone()
    for place, number in enumerate(groups):
        advantages[place] = (rewards[place] - centre[number]) / (scale[number] + 1e-6)
    return advantages


def plain_distance(one: str, other: str) -> int:
    """Levenshtein's distance, row by row."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def plain_ed(answer: str, reference: str) -> float:
    """The paper's edit similarity by the plain distance."""
    one, other = answer.strip(), reference.strip()
    longest = max(len(one), len(other))
    return 1 - plain_distance(one, other) / longest if longest else 1.0


def edits(generator: random.Random) -> list[tuple[str, str]]:
    """Return texts of every length beside themselves with a fifth of their characters changed."""
    pairs: list[tuple[str, str]] = []
    for length in LENGTHS:
        text = "x" + "".join(generator.choices(ALPHABET, k=length - 2)) + "x"
        changed = [c if generator.random() > 0.2 else generator.choice(ALPHABET) for c in text]
        pairs.append((text, "".join(changed)))
    return pairs


def seconds(call: Callable[[], object], least: float = 0.05) -> float:
    """Return the time of one call, the mean of as many as take `least` seconds."""
    amount, began = 0, time.perf_counter()
    while True:
        call()
        amount += 1
        taken = time.perf_counter() - began
        if taken >= least:
            return taken / amount


def against(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int
) -> dict[str, float]:
    """Return median seconds of both and the median of their ratios, taken in turns."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    return {
        "ours_s": statistics.median(own for own, _ in pairs),
        "theirs_s": statistics.median(other for _, other in pairs),
        "speedup": statistics.median(other / own for own, other in pairs),
    }


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Return both comparisons; AssertionError if ours and theirs disagree."""
    draw = np.random.default_rng(0)
    rewards = torch.tensor(draw.random(GROUPS * ANSWERS), dtype=torch.float32)
    numbers = torch.arange(GROUPS).repeat_interleave(ANSWERS)
    listed = numbers.tolist()
    wanted = official_advantages(rewards, listed).double()
    torch.testing.assert_close(estimate(rewards, numbers, parity=True), wanted, atol=2e-6, rtol=0)
    pairs = edits(random.Random(0))
    for pair in pairs:
        assert math.isclose(ed(*pair), plain_ed(*pair))
    return {
        "advantage": against(
            lambda: estimate(rewards, numbers), lambda: official_advantages(rewards, listed), rounds
        ),
        "reward": against(
            lambda: [ed(*pair) for pair in pairs], lambda: [plain_ed(*p) for p in pairs], rounds
        ),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and write `advantage.json`."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    found = measure(given.rounds)
    table = Table(title=f"{GROUPS} groups of {ANSWERS}; edits of {LENGTHS} characters, one thread")
    for column in ("", "plain Python", "ours", "speed-up"):
        table.add_column(column, justify="right")
    for name, times in found.items():
        plain, own = 1000 * times["theirs_s"], 1000 * times["ours_s"]
        table.add_row(name, f"{plain:.1f} ms", f"{own:.3f} ms", f"{times['speedup']:.0f}")
    Console().print(table)
    given.output.mkdir(parents=True, exist_ok=True)
    record = {f"speedup_{name}": times["speedup"] for name, times in found.items()}
    text = json.dumps(record | found | {"versions": versions()}, indent=2)
    (given.output / "advantage.json").write_text(text + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.advantage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=7, help="turns of which medians are taken")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
