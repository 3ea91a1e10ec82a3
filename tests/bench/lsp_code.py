"""Code as the simulated developer writes it: names, calls, lines, and what a formatter does.

Knows text and chance. Does not know who writes it.
"""

import random

NAMES = ("value", "total", "items", "result", "count", "index", "name", "config", "user", "path")
CALLS = ("load", "merge", "format_all", "resolve", "build", "find", "update", "render")


def document(chance: random.Random) -> str:
    """Return a module of some functions."""
    parts = ["import os\n", "import sys\n", "\n"]
    for n in range(6):
        parts.append(f"\ndef {chance.choice(CALLS)}_{n}({chance.choice(NAMES)}):\n")
        for _ in range(chance.randint(2, 5)):
            parts.append(f"    {chance.choice(NAMES)}_{chance.randint(0, 9)} = {call(chance)}\n")
        parts.append(f"    return {chance.choice(NAMES)}_{n}\n\n")
    return "".join(parts)


def formatted(line: str) -> str:
    """What a formatter makes of a line: no blanks at its end, and no long ones."""
    line = line.rstrip()
    if len(line) < 70 or "(" not in line or not line.endswith(")"):
        return line
    head, _, rest = line.partition("(")
    return f"{head}(\n        {rest[:-1]}\n    )"


def call(chance: random.Random) -> str:
    """Return a call of something."""
    parts = [f"{chance.choice(NAMES)}_{chance.randint(0, 9)}" for _ in range(chance.randint(1, 2))]
    return f"{chance.choice(CALLS)}({', '.join(parts)})"


def assign(chance: random.Random) -> str:
    """Return a line that gives something a name."""
    return f"{chance.choice(NAMES)}_{chance.randint(0, 9)} = {call(chance)}"


def common(first: str, second: str) -> int:
    """Return how long the texts are the same."""
    size = 0
    while size < min(len(first), len(second)) and first[size] == second[size]:
        size += 1
    return size
