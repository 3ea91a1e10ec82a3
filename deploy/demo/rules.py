"""House rules: the edits that simulated users keep making, by kind.

A rule finds, in the lines of a module, every place it applies to and says what the line becomes.
One application of a rule to one module is a `Rewrite`. Some rules never occur among the
learning tasks (`taught=False`): what is learnt from the others is measured on them too.

Knows regular expressions over single lines of Python. Does not know tasks, editors or users.
"""

import re
from collections import defaultdict
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


def substitution(pattern: str, replacement: str) -> Callable[[list[str]], Iterator[Rewrite]]:
    """A rule that replaces `pattern` by `replacement` wherever it occurs in code."""
    compiled = re.compile(pattern)

    def rewrites(lines: list[str]) -> Iterator[Rewrite]:
        found = {}
        for number, line in enumerate(lines):
            new = compiled.sub(replacement, line)
            if new != line and _is_code(line):
                found[number] = new
        if found:
            yield found

    return rewrites


def renaming(names: dict[str, str]) -> Callable[[list[str]], Iterator[Rewrite]]:
    """A rule that renames a local name, one function body at a time."""

    def rewrites(lines: list[str]) -> Iterator[Rewrite]:
        for start, end in _functions(lines):
            words = set(re.findall(r"\w+", "\n".join(lines[start:end])))
            for old, new in names.items():
                if old in words and new not in words:
                    yield from _rename_within(lines, start, end, old, new)

    return rewrites


def attributes(rename: Callable[[str], str]) -> Callable[[list[str]], Iterator[Rewrite]]:
    """A rule that renames attributes of self, one attribute of a module at a time."""

    def rewrites(lines: list[str]) -> Iterator[Rewrite]:
        places: dict[str, list[int]] = defaultdict(list)
        for number, line in enumerate(lines):
            for name in set(re.findall(r"\bself\.([a-z]\w{2,})\b(?!\()", line)):
                places[name].append(number)
        for name, numbers in sorted(places.items()):
            pattern = re.compile(rf"\bself\.{name}\b(?!\()")
            yield {n: pattern.sub(f"self.{rename(name)}", lines[n]) for n in numbers}

    return rewrites


def _rename_within(
    lines: list[str], start: int, end: int, old: str, new: str
) -> Iterator[Rewrite]:
    pattern = re.compile(rf"(?<![\w.'\"]){old}(?![\w'\"=])|(?<![\w.'\"]){old}(?= = )")
    found = {
        n: pattern.sub(new, lines[n])
        for n in range(start, end)
        if pattern.search(lines[n]) and _is_code(lines[n])
    }
    if len(found) >= 2:
        yield found


def _functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield (first line, line after the last) of each def, by indentation."""
    starts = [n for n, line in enumerate(lines) if re.match(r"\s*(async )?def \w+", line)]
    for start in starts:
        indent = len(lines[start]) - len(lines[start].lstrip())
        end = start + 1
        while end < len(lines):
            line = lines[end]
            if line.strip() and len(line) - len(line.lstrip()) <= indent:
                break
            end += 1
        yield start, end


def _is_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(("#", '"', "'", ">>>"))
