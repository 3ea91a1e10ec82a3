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
    area: str
    """keyword, logging, assertion, helper, naming or annotation."""
    taught: bool
    rewrites: Callable[[list[str]], Iterator[Rewrite]]
    """All consistent applications to a module's lines."""


def substitutions(names: dict[str, str]) -> Callable[[list[str]], Iterator[Rewrite]]:
    """A rule that replaces each name wherever it stands in code; each is an application."""
    patterns = {}
    for old, new in names.items():
        begin = r"(?<![\w.])" if old[0].isidentifier() else ""
        patterns[new] = re.compile(begin + re.escape(old))
    return _each(patterns)


def prefixed(
    lead: str, names: dict[str, str], *, end: bool = False
) -> Callable[[list[str]], Iterator[Rewrite]]:
    """A rule that replaces names where a line begins with `lead`; each is an application.

    Args:
        end: only where the name ends the line.
    """
    patterns = {}
    for old, new in names.items():
        tail = "$" if end else (r"(?!\w)" if old[-1] != "_" else "")
        patterns[rf"\g<1>{new}"] = re.compile(rf"^(\s*{re.escape(lead)}){re.escape(old)}{tail}")
    return _each(patterns)


def _each(patterns: dict[str, re.Pattern[str]]) -> Callable[[list[str]], Iterator[Rewrite]]:
    def rewrites(lines: list[str]) -> Iterator[Rewrite]:
        for replacement, pattern in patterns.items():
            found: Rewrite = {}
            for number, line in enumerate(lines):
                if pattern.search(line) and _is_code(line):
                    found[number] = pattern.sub(replacement, line)
            if found:
                yield found

    return rewrites


def _is_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(("#", '"', "'", ">>>"))
