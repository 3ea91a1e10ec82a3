"""Lines, tokens, and what a diff says was replaced by what.

Knows text and the bodies of diffs. Does not know contexts, models or prompts.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"\w+|[^\w\s]|\s+")
_WORD = re.compile(r"\w")

MOST_COMPARED = 400
"""Tokens a side that are compared: twenty lines of code. The time grows with their cube at worst,
and an editor waits."""


@dataclass(frozen=True)
class Hunk:
    """The lines of a diff's body, without their signs and line ends."""

    above: str | None
    """The unchanged line before the change, if the diff shows one."""
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @classmethod
    def of(cls, diff: str) -> "Hunk":
        """Read the body of a diff with one change."""
        lines = diff.split("\n")
        first = next((n for n, line in enumerate(lines) if line[:1] in ("-", "+")), 0)
        above = lines[first - 1][1:] if first and lines[first - 1].startswith(" ") else None
        return cls(above, _signed(lines, "-"), _signed(lines, "+"))


def _signed(lines: list[str], sign: str) -> tuple[str, ...]:
    return tuple(line[1:] for line in lines if line.startswith(sign))


def split_lines(text: str) -> list[str]:
    """Split at newlines only, where str.splitlines would also split at form feeds and others."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def common_start(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many signs, or lines, both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def tokens(text: str) -> list[str]:
    """Split into words, single signs and runs of blanks; nothing is lost."""
    return _TOKEN.findall(text)


def has_word(text: str) -> bool:
    """Whether there is more than signs and blanks."""
    return _WORD.search(text) is not None


def replacements(diff: str) -> Iterator[tuple[str, str]]:
    """Yield what a diff's body replaces by what, in order; each with a word, both not blank.

    Removed and added lines are compared token by token. An insertion or a deletion takes one
    token of either side along, or nothing would say where it belongs. Of an edit that is too long
    to be compared nothing is known.
    """
    hunk = Hunk.of(diff)
    old, new = tokens("\n".join(hunk.removed)), tokens("\n".join(hunk.added))
    if not old or not new or max(len(old), len(new)) > MOST_COMPARED:
        return
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        before, behind = _neighbours(tag, (i1, i2, len(old)), (j1, j2, len(new)))
        removed = "".join(old[i1 - before : i2 + behind])
        added = "".join(new[j1 - before : j2 + behind])
        if has_word(removed) and added.strip():
            yield removed, added


def _neighbours(tag: str, old: tuple[int, int, int], new: tuple[int, int, int]) -> tuple[int, int]:
    """Return how many tokens before and behind a place belong to it: (start, end, all) each."""
    if tag == "replace":
        return 0, 0
    return min(1, old[0], new[0]), min(1, old[2] - old[1], new[2] - new[1])


def replace_tokens(text: str, old: str, new: str) -> str:
    """Return `text` with every `old` replaced, unless it is a part of a longer word."""
    begin = r"(?<!\w)" if _WORD.match(old[0]) else ""
    end = r"(?!\w)" if _WORD.match(old[-1]) else ""
    return re.sub(begin + re.escape(old) + end, lambda _: new, text)
