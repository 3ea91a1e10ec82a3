"""From a document and a cursor to the region that an answer may rewrite, and what is around it.

The region holds at most as many lines as the model's profile allows: a third of them above the
cursor's line, the rest below, moved inward at the document's ends so that it stays full. It
depends on the cursor's line alone, so asking twice gives the same. Knows text. Does not know
gateways; their limits are arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store.events import EditContext, RecentEdit
from lsp.document import Document, Position, encodable, normalise

MAX_CHARS = 60_000
"""A context with more characters is not sent: some line is no line of code."""


@dataclass(frozen=True)
class Limits:
    """How much the model can see, from the gateway's `/v1/hello`."""

    region_lines: int = 10
    prefix_lines: int = 12
    suffix_lines: int = 6
    recent_edits: int = 3


@dataclass(frozen=True)
class Region:
    """Whole lines [first, last) of a document. One that reaches the end takes in the empty
    last line, so that text appended there falls into it."""

    first: int
    last: int


def region_around(lines: Sequence[str], cursor_line: int, limit: int) -> Region:
    """Choose the region for a cursor in `cursor_line` (0-based)."""
    real = len(lines) - 1 if lines[-1] == "" else len(lines)
    limit = max(limit, 1)
    last = min(max(0, cursor_line - (limit - 1) // 3) + limit, real)
    first = max(0, last - limit)
    return Region(first, len(lines) if last == real else last)


def region_text(lines: Sequence[str], region: Region) -> str:
    """Return the region's text with "\\n" as line ends."""
    return normalise("".join(lines[region.first : region.last]))


def build_context(
    document: Document,
    path: str,
    cursor: Position,
    limits: Limits,
    recent: tuple[RecentEdit, ...],
    wished: Region | None = None,
    instruction: str | None = None,
) -> tuple[Region, EditContext] | None:
    """Return the region and its context for a cursor in code points, or None if that is too
    long or not text that can be encoded (half a surrogate pair).

    The region is the wished one if there is one, which holds the cursor's line.
    """
    lines = document.lines
    region = wished or region_around(lines, cursor[0], limits.region_lines)
    prefix = normalise("".join(lines[max(0, region.first - limits.prefix_lines) : region.first]))
    suffix = normalise("".join(lines[region.last : region.last + limits.suffix_lines]))
    text = region_text(lines, region)
    history = "".join(edit.diff for edit in recent)
    if len(prefix) + len(text) + len(suffix) + len(history) > MAX_CHARS:
        return None
    if not encodable(prefix + text + suffix + history + (instruction or "")):
        return None
    return region, EditContext(
        path=path,
        language=document.language,
        prefix=prefix,
        region=text,
        suffix=suffix,
        region_first_line=region.first,
        cursor_line=cursor[0] - region.first,
        cursor_character=cursor[1],
        recent_edits=recent,
        instruction=instruction,
    )
