"""How a region's text relates to a suggestion for it: taken, on the way there, or elsewhere.

Knows texts. Does not know who typed them, when, or in how many steps (that is `lsp.tracker`).
"""

from lsp.edits import changed_span

CLOSERS = frozenset(")]}'\"`>")
"""What editors insert by themselves behind the cursor."""
TAB = " " * 4


def loosely_equal(first: str, second: str) -> bool:
    """Whether two texts differ at most in trailing blanks, tabs for indentation and final
    newlines, which editors change by themselves."""
    return first == second or _plain(first) == _plain(second)


def progress(base: str, proposed: str, text: str) -> int | None:
    """Return how many characters of the proposed edit `text` already has, or None if `text` is
    not between `base` and `proposed`.

    Being between means: the beginning of what is to be written stands there, and what is left
    of that which is to be deleted behind it, maybe with brackets that the editor closed.
    """
    start, end, written = changed_span(base, proposed)
    tail = base[end:]
    if len(text) < start + len(tail) or not text.startswith(base[:start]):
        return None
    if not text.endswith(tail):
        return None
    middle = text[start : len(text) - len(tail)]
    done = 0
    while done < min(len(middle), len(written)) and middle[done] == written[done]:
        done += 1
    rest, deleted = middle[done:], base[start:end]
    if not deleted.endswith(rest) and not CLOSERS.issuperset(rest):
        return None
    return done


def _plain(text: str) -> str:
    lines: list[str] = []
    for line in text.rstrip().split("\n"):
        body = line.strip()
        indent = line[: len(line) - len(line.lstrip())].replace("\t", TAB) if body else ""
        lines.append(indent + body)
    return "\n".join(lines)
