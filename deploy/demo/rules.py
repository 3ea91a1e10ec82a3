"""House rules: the edits that simulated users keep making, by kind.

A rule finds, in the lines of a module, every place it applies to and says what the line becomes.
One application of a rule to one module is a `Rewrite`. Some rules never occur among the
learning tasks (`taught=False`): what is learnt from the others is measured on them too.

Knows regular expressions over single lines of Python. Does not know tasks, editors or users.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Rewrite = dict[int, str]
"""Line index (0-based) to the new line, without line ends."""


@dataclass(frozen=True)
class Rule:
    """One house rule."""

    name: str
    taught: bool
    rewrites: Callable[[list[str]], Iterator[Rewrite]]
    """All consistent applications to a module's lines."""


def spelled(old: str, new: str) -> Callable[[list[str]], Iterator[Rewrite]]:
    """A rule that writes `new` for `old`, by itself and as a part of names: `old_x` and `x_old`."""
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(old)}(?![A-Za-z0-9])")

    def rewrites(lines: list[str]) -> Iterator[Rewrite]:
        found = {
            number: word.sub(new, line)
            for number, line in enumerate(lines)
            if word.search(line) and _is_code(line)
        }
        if found:
            yield found

    return rewrites


def _is_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(("#", '"', "'", ">>>"))
