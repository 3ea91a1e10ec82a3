"""Reads next-edit records, one JSON object a line, and makes tasks of them.

A record is one hunk of a commit, asked for after the commit's earlier hunks have been applied:
`id repo commit date language path history[{path,diff}] before before_first_line
region_start_line region_end_line region_after cursor_line`, where lines count from 1 within
`before` (a crop of the file) and the last two line numbers are inclusive.

Knows these fields and how a window becomes a task. Does not know models. What a record says about
its own target (`flags`) stays in the record and never reaches a task, hence no prompt.
"""

import difflib
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from feedback_store.events import EditContext, RecentEdit
from trainer.languages import language_called
from trainer.noise import stable_hash
from trainer.tasks import EDIT, NOTHING, EditTask, recent_edits

PREFIX_LINES, SUFFIX_LINES = 60, 20
SHOWN_EDITS = 8
JITTER_LINES = 2
"""The record's cursor is mostly the first changed line itself, which gives the answer away."""
NOTHING_MARGIN_LINES = 3
AFTER_SHARE = 4
"""One in so many "change nothing" tasks is the place of the edit, already made."""


class BadSource(Exception):
    """A file of tasks that cannot be read at all; the message says what to do."""


@dataclass(frozen=True)
class EditRecord:
    """One hunk to predict. Lines are counted from 0 within `lines`, ends excluded."""

    id: str
    repository: str
    commit: str
    date: str
    path: str
    language: str
    """The LSP identifier."""
    lines: tuple[str, ...]
    """The file's crop before the hunk, without line ends."""
    first_line: int
    """Of the document, at which the crop begins."""
    start: int
    end: int
    """The window [start, end) that holds the hunk."""
    after: str
    """The window after the hunk; every line ended."""
    cursor: int
    """The line at which the change begins."""
    history: tuple[RecentEdit, ...]
    """All of the commit's earlier edits, oldest first."""
    flags: Mapping[str, Any] = field(default_factory=dict)
    """Computed from the target: for slices of an evaluation, never for a prompt."""


def read_records(
    path: Path,
    skipped: Counter[str] | None = None,
    *,
    jitter: int = JITTER_LINES,
    nothing_every: int = 0,
) -> Iterator[EditTask]:
    """Yield the tasks of a JSONL file, gzipped or not, in its order.

    What cannot be used is left out and counted by reason in `skipped`. One record in
    `nothing_every` (chosen by its id; 0 is none) also yields a "change nothing" task.

    Raises:
        BadSource: the file is damaged. OSError: it cannot be opened.
    """
    skipped = Counter() if skipped is None else skipped
    for record in parse_records(path, skipped):
        try:
            yield task_of(record, jitter=jitter)
            if nothing_every and chance(record.id, "also", nothing_every) == 0:
                task = nothing_windows(record)
                if task is not None:
                    yield task
        except (ValidationError, UnicodeEncodeError):
            skipped["bad_text"] += 1


def parse_records(path: Path, skipped: Counter[str]) -> Iterator[EditRecord]:
    """Yield the records themselves, for whoever needs the whole crop or the flags."""
    for found in json_lines(path, skipped):
        try:
            record = _record(found)
        except (KeyError, TypeError, ValueError, AttributeError):
            skipped["missing_field"] += 1
            continue
        if record is None:
            skipped["region_mismatch"] += 1
        else:
            yield record


def json_lines(path: Path, skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file, gzipped or not; other lines are counted and left out.

    Raises:
        BadSource: the compressed file is damaged. OSError: it cannot be opened.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                if not line.strip():
                    continue
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError):
                    found = None
                if isinstance(found, dict):
                    yield cast(dict[str, Any], found)
                else:
                    skipped["unreadable_line"] += 1
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadSource(f"{path} is damaged ({error}); fetch it again") from error


def task_of(record: EditRecord, *, jitter: int = JITTER_LINES) -> EditTask:
    """Return the record as a task; the cursor stands up to `jitter` lines from the change."""
    moved = record.cursor + chance(record.id, "cursor", 2 * jitter + 1) - jitter
    cursor = min(max(moved, record.start), record.end - 1) - record.start
    return _task(record, record.lines, (record.start, record.end), record.after, cursor)


def nothing_windows(
    record: EditRecord,
    *,
    margin: int = NOTHING_MARGIN_LINES,
    after_share: int = AFTER_SHARE,
) -> EditTask | None:
    """Return a task of the same history in which nothing is to be done, or None without room.

    Mostly a window of the same size elsewhere in the crop, at least `margin` lines from the
    record's. Windows above come first: the commit's hunks are in order, so it has nothing left to
    do there, while below it may go on. For one record in `after_share` (0 is none) it is the
    record's own window once the edit is made, which is then the last of the history.
    """
    if after_share and chance(record.id, "after", after_share) == 0:
        return _after(record)
    size = record.end - record.start
    above = range(record.start - margin - size + 1)
    below = range(record.end + margin, len(record.lines) - size + 1)
    room = above or below
    if not room:
        return None
    start = room[chance(record.id, "window", len(room))]
    cursor = chance(record.id, "line", size)
    same = _text(record.lines[start : start + size])
    return _task(record, record.lines, (start, start + size), same, cursor, NOTHING)


def chance(name: str, what: str, sides: int) -> int:
    """Return a die's face in [0, sides) that depends on `name` and `what` alone."""
    return int(stable_hash(f"{what}:{name}")[:12], 16) % sides


def _after(record: EditRecord) -> EditTask | None:
    new = record.after.split("\n")[:-1]
    if not new:
        return None
    lines = (*record.lines[: record.start], *new, *record.lines[record.end :])
    made = _edits_between(record, new)
    window = (record.start, record.start + len(new))
    cursor = min(record.cursor - record.start, len(new) - 1)
    return _task(record, lines, window, record.after, cursor, NOTHING, made)


def _edits_between(record: EditRecord, new: list[str]) -> tuple[RecentEdit, ...]:
    """Return the record's own hunk as the edits that an editor would report for it."""
    old = list(record.lines[record.start : record.end])
    above = [record.lines[record.start - 1]] if record.start else []
    diff = "".join(f"{line}\n" for line in _marked(above, old, new))
    return recent_edits(record.path, diff)


def _marked(above: list[str], old: list[str], new: list[str]) -> Iterator[str]:
    yield from (f" {line}" for line in above)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from (f" {line}" for line in old[i1:i2])
        else:
            yield from (f"-{line}" for line in old[i1:i2])
            yield from (f"+{line}" for line in new[j1:j2])


def _task(
    record: EditRecord,
    lines: tuple[str, ...],
    window: tuple[int, int],
    wanted: str,
    cursor: int,
    kind: str = EDIT,
    made: tuple[RecentEdit, ...] = (),
) -> EditTask:
    start, end = window
    wanted.encode()  # half a surrogate pair, which JSON can spell, is no text
    return EditTask(
        id=record.id if kind == EDIT else f"{record.id}-nothing",
        source="mined",
        repository=record.repository,
        cluster=f"{record.repository}@{record.commit}",
        kind=kind,
        context=EditContext(
            path=record.path,
            language=record.language,
            prefix=_text(lines[max(0, start - PREFIX_LINES) : start]),
            region=_text(lines[start:end]),
            suffix=_text(lines[end : end + SUFFIX_LINES]),
            region_first_line=record.first_line + start,
            cursor_line=cursor,
            cursor_character=0,
            recent_edits=(*record.history, *made)[-SHOWN_EDITS:],
        ),
        wanted=wanted,
        date=record.date,
    )


def _record(found: dict[str, Any]) -> EditRecord | None:
    lines = tuple(found["before"].split("\n"))
    start, end = int(found["region_start_line"]) - 1, int(found["region_end_line"])
    if not 0 <= start < end <= len(lines):
        return None
    if found.get("region_before", "\n".join(lines[start:end])) != "\n".join(lines[start:end]):
        return None
    after = str(found["region_after"])
    edits = (recent_edits(str(part["path"]), part["diff"]) for part in found["history"])
    return EditRecord(
        id=str(found["id"]),
        repository=str(found["repo"]),
        commit=str(found["commit"]),
        date=str(found["date"]),
        path=str(found["path"]),
        language=language_called(str(found["language"]), str(found["path"])),
        lines=lines,
        first_line=int(found["before_first_line"]) - 1,
        start=start,
        end=end,
        after=f"{after}\n" if after else "",
        cursor=int(found["cursor_line"]) - 1,
        history=tuple(edit for part in edits for edit in part),
        flags=dict(found.get("flags") or {}),
    )


def _text(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)
