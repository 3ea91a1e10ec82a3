"""How a region's text relates to a suggestion for it: taken, on the way there, or elsewhere.

Knows texts. Does not know who typed them, when, or in how many steps (that is `lsp.tracker`).
"""

from lsp.edits import changed_span
from lsp.ends import common_start

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
    middle = _middle(base, start, end, text)
    if middle is None:
        return None
    done = common_start(middle, written)
    rest, deleted = middle[done:], base[start:end]
    if not deleted.endswith(rest) and not CLOSERS.issuperset(rest):
        return None
    return done


def reaches(base: str, proposed: str, text: str) -> bool:
    """Whether all that was to be written stands there, with more behind it that is not part of
    its last word."""
    start, end, written = changed_span(base, proposed)
    middle = _middle(base, start, end, text)
    if not middle or not written or not middle.startswith(written):
        return False
    return not _same_word(middle, len(written))


def is_part(base: str, proposed: str, before: str, text: str, *, from_within: bool) -> bool:
    """Whether the step from `before` to `text` took whole words of the proposed edit.

    Ending inside a word it is a piece of typing. From inside a word to its end it is rather what
    a menu of completions writes, unless the client would show that (`from_within`).
    """
    there, so_far = progress(base, proposed, text), progress(base, proposed, before)
    if there is None or so_far is None or there <= so_far + 1:
        return False
    start, _, written = changed_span(base, proposed)
    line, offset = base[:start] + written, start
    if there < len(written) and _same_word(line, offset + there):
        return False
    word = written[so_far:there]
    return from_within or not (_same_word(line, offset + so_far) and word.isidentifier())


def _same_word(text: str, at: int) -> bool:
    """Whether the characters on both sides of a place belong to one word."""
    return 0 < at < len(text) and is_word(text[at - 1]) and is_word(text[at])


def _middle(base: str, start: int, end: int, text: str) -> str | None:
    """Return what stands between the parts of `base` that the edit leaves alone."""
    tail = base[end:]
    if len(text) < start + len(tail) or not text.startswith(base[:start]):
        return None
    return text[start : len(text) - len(tail)] if text.endswith(tail) else None


def _plain(text: str) -> str:
    lines: list[str] = []
    for line in text.rstrip().split("\n"):
        body = line.strip()
        indent = line[: len(line) - len(line.lstrip())].replace("\t", TAB) if body else ""
        lines.append(indent + body)
    return "\n".join(lines)


def is_word(char: str) -> bool:
    """Whether a character belongs to a word."""
    return char.isalnum() or char == "_"
