"""What is put right in an answer before anybody sees it: repeated code, foreign indentation.

Knows text only. Does not know which edits are refused altogether (`filters`).
"""

from collections.abc import Iterable

from feedback_store.events import EditContext
from server.prompts.text import has_word, split_lines

TELLING = 8
"""Characters that lines must have in common to count as repeated: a bracket or an `else` may well
stand there twice."""
USUAL_INDENT = 4


def mended(context: EditContext, new_region: str) -> str:
    """Return the region as it should be shown; the one before the edit if nothing is left of it."""
    return indented_alike(context, without_repeated_suffix(context, new_region))


def without_repeated_suffix(context: EditContext, new_region: str) -> str:
    """Cut off lines at the end that stand right behind the region already.

    A model that does not know where to stop goes on with the code that follows. Lines with which
    the region ended before are left alone: the file says the same thing twice.
    """
    new, behind = split_lines(new_region), split_lines(context.suffix)
    before = split_lines(context.region)
    for count in range(min(len(new), len(behind)), 0, -1):
        copied = new[-count:]
        if copied == behind[:count] and copied != before[-count:] and _telling(copied):
            return "".join(new[:-count])
    return new_region


def indented_alike(context: EditContext, new_region: str) -> str:
    """Indent new lines by tabs or by blanks, whichever the file uses alone."""
    around = split_lines(context.prefix + context.region + context.suffix)
    tabs = any(line.startswith("\t") for line in around)
    blanks = any(line.startswith("  ") for line in around)
    if tabs == blanks:
        return new_region
    kept = set(split_lines(context.region))
    lines = split_lines(new_region)
    written = [line for line in lines if line not in kept]
    unit = " " * _unit(written if tabs else around)
    old, new = (unit, "\t") if tabs else ("\t", unit)
    return "".join(line if line in kept else _reindented(line, old, new) for line in lines)


def _telling(lines: list[str]) -> bool:
    said = "".join("".join(lines).split())
    return len(said) >= TELLING and has_word(said)


def _unit(lines: Iterable[str]) -> int:
    """Return by how many blanks the lines are indented a step."""
    depths = [_depth(line) for line in lines if line.startswith("  ") and line.strip()]
    if not depths or all(depth % USUAL_INDENT == 0 for depth in depths):
        return USUAL_INDENT
    return 2


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _reindented(line: str, old: str, new: str) -> str:
    body = line.lstrip(" \t")
    return line[: len(line) - len(body)].replace(old, new) + body
