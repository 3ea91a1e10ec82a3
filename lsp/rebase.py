"""Whether an offer made for one version of a document still holds at a later one.

The region's own text is judged by `lsp.matching`. Here: an edit elsewhere does no harm unless it
changed what the prompt showed in a way that matters. The code around the region must be the same
but for blank lines and blanks at lines' ends. As long as the user has not begun to type the offer,
each recent edit that it followed from must still be there as it was: one that grew, was undone or
overwritten may call for another answer. Later edits of other lines do no harm, nor do diagnostics
and excerpts, which change with every key. Knows texts. Does not know documents or versions.
"""

from collections.abc import Sequence

from feedback_store.events import EditContext, RecentEdit
from lsp.context import Region
from lsp.document import normalise

SLACK = 8
"""How many blank lines may have come in between."""


def still_fits(
    shown: EditContext,
    lines: Sequence[str],
    region: Region,
    recent: Sequence[RecentEdit] | None,
) -> bool:
    """Whether the prompt `shown` would still say the same for `region` of `lines`; without
    `recent`, of the code around it alone."""
    before, after = _code(shown.prefix), _code(shown.suffix)
    above = max(0, region.first - shown.prefix.count("\n") - SLACK)
    below = region.last + shown.suffix.count("\n") + 1 + SLACK
    now_before = _code(normalise("".join(lines[above : region.first])))
    now_after = _code(normalise("".join(lines[region.last : below])))
    if now_before[max(0, len(now_before) - len(before)) :] != before:
        return False
    if now_after[: len(after)] != after:
        return False
    return recent is None or _still_there(shown.recent_edits, recent)


def edited_since(shown: EditContext, recent: Sequence[RecentEdit]) -> bool:
    """Whether something was edited that the prompt `shown` knows nothing of."""
    known = len(shown.recent_edits)
    return tuple(recent[len(recent) - known :] if known else recent) != shown.recent_edits


def _still_there(followed: Sequence[RecentEdit], recent: Sequence[RecentEdit]) -> bool:
    if not set(followed) <= set(recent):
        return False
    written = {(edit.path, line) for edit in followed for line in _lines(edit, "+")}
    newer = recent[max(map(recent.index, followed), default=-1) + 1 :]
    overwritten = {(edit.path, line) for edit in newer for line in _lines(edit, "-")}
    return not written & overwritten


def _lines(edit: RecentEdit, sign: str) -> list[str]:
    return [line[1:] for line in edit.diff.split("\n") if line.startswith(sign)]


def _code(text: str) -> list[str]:
    lines = (line.rstrip() for line in text.split("\n"))
    return [line for line in lines if line]
