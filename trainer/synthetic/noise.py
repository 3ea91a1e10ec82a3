"""An unrelated recent edit: something small that was done elsewhere and asks for nothing more.

The document stays as it is; what it was before is invented. Knows lines. Does not know plans.
"""

import random
import re
from collections.abc import Sequence, Set

_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
_WORD = re.compile(r"[A-Za-z]{5,}")
_LONGEST = 120


def unrelated(
    lines: Sequence[str], avoided: Set[int], language: str, rng: random.Random
) -> tuple[int, tuple[str, ...], tuple[str, ...]] | None:
    """Return (place, old lines, new lines) of an edit just made; None if none was found.

    Args:
        lines: the document as it is now: the new lines stand at `place`.
        avoided: lines that the edit may not touch.
    """
    for _ in range(4):
        place = rng.randrange(len(lines))
        line = lines[place]
        if place in avoided or not line.strip() or len(line) > _LONGEST:
            continue
        draw = rng.random()
        if draw < 0.3:
            return place, (), (line,)
        if draw < 0.45:
            mark = "#" if language in {"python", "php"} else "//"
            note = " ".join(_WORD.findall(lines[rng.randrange(len(lines))])[:4]) or "todo"
            indent = line[: len(line) - len(line.lstrip())]
            return place, (f"{indent}{mark} {note.lower()}",), ()
        old = _number(line, rng) if draw < 0.65 else _misspelt(line, rng)
        if old != line:
            return place, (old,), (line,)
    return None


def _number(line: str, rng: random.Random) -> str:
    return _NUMBER.sub(
        lambda match: str(int(match[0][:6]) + rng.choice((1, 2, 5, 10))), line, count=1
    )


def _misspelt(line: str, rng: random.Random) -> str:
    """The line with a letter of one word left out or two of them swapped."""
    found = list(_WORD.finditer(line))
    if not found:
        return line
    match = rng.choice(found)
    at = match.start() + rng.randrange(1, len(match[0]) - 1)
    swapped = line[at + 1] + line[at] if rng.random() < 0.5 else line[at + 1]
    return line[:at] + swapped + line[at + 2 :]
