"""Reads next-edit examples in the public Zeta form: `events`, `input`, `output`, one JSON a line.

`events` holds blocks that begin with `User edited "path":`, each with a fenced diff. `input` is a
fenced excerpt whose first line names the path; in it, `<|editable_region_start|>` and
`<|editable_region_end|>` stand around the region, `<|user_cursor_is_here|>` at the cursor, and
`<|start_of_file|>` at the top of a file. `output` is the same excerpt with the region rewritten.

Knows this form. Does not know models. An excerpt's place in its file is not told, so its first
line counts as line 0.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from feedback_store.events import EditContext, RecentEdit
from server.prompts.text import split_lines
from trainer.edit_records import PREFIX_LINES, SHOWN_EDITS, SUFFIX_LINES, json_lines
from trainer.languages import language_of
from trainer.noise import stable_hash
from trainer.reward import normalise
from trainer.tasks import EDIT, NOTHING, EditTask, recent_edits

START, END = "<|editable_region_start|>", "<|editable_region_end|>"
FENCE = "```"
CURSOR, TOP = "<|user_cursor_is_here|>", "<|start_of_file|>"
_EVENT = re.compile(r'^User edited "([^"\n]*)":?\s*\n+```diff\n(.*?)^```\s*$', re.DOTALL | re.M)


class Unusable(Exception):
    """An example that is not in this form; its text is the reason to count."""


@dataclass(frozen=True)
class Excerpt:
    """A fenced excerpt, taken apart. All texts are whole lines."""

    path: str
    prefix: str
    region: str
    suffix: str
    cursor: tuple[int, int]
    """Line and character in the region; its beginning if no cursor stands in it."""


def read_zeta(path: Path, skipped: Counter[str]) -> Iterator[EditTask]:
    """Yield the examples of a JSONL file, gzipped or not; the unusable ones are counted by reason.

    Raises:
        BadSource: the file is damaged. OSError: it cannot be opened.
    """
    for number, found in enumerate(json_lines(path, skipped)):
        try:
            yield example(found, path.name.partition(".")[0], number)
        except Unusable as error:
            skipped[str(error)] += 1
        except (ValidationError, UnicodeEncodeError):
            skipped["bad_text"] += 1


def example(found: dict[str, Any], repository: str, number: int) -> EditTask:
    """Return one example as a task.

    Raises:
        Unusable: a field or a marker is missing.
    """
    events, before, after = (found.get(name) for name in ("events", "input", "output"))
    if not (isinstance(events, str) and isinstance(before, str) and isinstance(after, str)):
        raise Unusable("missing_field")
    shown, wanted = excerpt(before), rewritten(after)
    changes = [
        edit
        for path, diff in _events(events)
        for edit in recent_edits(_same_root(path, shown.path), diff)
    ]
    same = normalise(shown.region) == normalise(wanted)
    return EditTask(
        id=f"{repository}-{number:05d}-{stable_hash(before + after)[:8]}",
        source="zeta",
        repository=repository,
        cluster=shown.path or str(number),
        kind=NOTHING if same else EDIT,
        context=_context(shown, changes),
        wanted=wanted,
    )


def excerpt(text: str) -> Excerpt:
    """Take a fenced excerpt apart.

    Raises:
        Unusable: no path, or not exactly one region.
    """
    head, _, body = text.replace("\r\n", "\n").strip("\n").partition("\n")
    if not head.startswith(FENCE):
        raise Unusable("no_fence")
    before, region, behind = _parts(body)
    if before and not before.endswith("\n"):
        raise Unusable("region_within_line")
    inside, found, below = region.partition(CURSOR)
    cursor = (inside.count("\n"), len(inside) - inside.rfind("\n") - 1) if found else (0, 0)
    return Excerpt(
        path=head.removeprefix(FENCE).strip(),
        prefix=before.replace(f"{TOP}\n", "", 1).replace(TOP, "", 1).replace(CURSOR, ""),
        region=_lines(inside + below),
        suffix=_lines(behind.removeprefix("\n").replace(CURSOR, "")),
        cursor=cursor,
    )


def rewritten(text: str) -> str:
    """Return the region of an `output`, of which nothing else counts.

    Raises:
        Unusable: not exactly one region.
    """
    _, region, _ = _parts(text.replace("\r\n", "\n"))
    return _lines(region.replace(CURSOR, ""))


def _parts(body: str) -> tuple[str, str, str]:
    """Return what stands before, in and behind the region, the closing fence left out."""
    body = re.sub(rf"(^|\n){FENCE}[ \t]*\Z", r"\1", body.rstrip())
    if body.count(START) != 1 or body.count(END) != 1 or body.index(START) > body.index(END):
        raise Unusable("no_region")
    before, _, rest = body.partition(START)
    region, _, behind = rest.partition(END)
    return before, region.removeprefix("\n"), behind


def _same_root(path: str, shown: str) -> str:
    """Return an event's path as the excerpt's file is named, if it is the same file.

    An editor names the excerpt's file from its project's folder on, and edited ones within it.
    """
    return shown if shown.endswith(f"/{path}") else path


def _context(shown: Excerpt, changes: list[RecentEdit]) -> EditContext:
    prefix, suffix = split_lines(shown.prefix), split_lines(shown.suffix)
    last = max(shown.region.count("\n") - 1, 0)
    return EditContext(
        path=shown.path,
        language=language_of(shown.path) or "plaintext",
        prefix="".join(prefix[-PREFIX_LINES:]),
        region=shown.region,
        suffix="".join(suffix[:SUFFIX_LINES]),
        region_first_line=len(prefix),
        cursor_line=min(shown.cursor[0], last),
        cursor_character=shown.cursor[1],
        recent_edits=tuple(changes[-SHOWN_EDITS:]),
    )


def _events(text: str) -> Iterator[tuple[str, str]]:
    for match in _EVENT.finditer(text.replace("\r\n", "\n")):
        yield match[1], match[2]


def _lines(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
