"""Records become tasks that reassemble the document, and nothing of the target leaks."""

import gzip
import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.edit_records import (
    PREFIX_LINES,
    SHOWN_EDITS,
    SUFFIX_LINES,
    BadSource,
    EditRecord,
    nothing_windows,
    parse_records,
    read_records,
    task_of,
)

HISTORY = "@@ -1,2 +1,2 @@\n import os\n-total = 0\n+amount = 0\n"


def raw(number=0, lines=None, window=(9, 12), **changes):
    """A record as it stands in a file: the third line of the window is rewritten."""
    lines = lines or [f"line {n}" for n in range(40)]
    start, end = window
    after = lines[start:end]
    after[-1] = f"{after[-1]} changed"
    return {
        "id": f"r{number}",
        "repo": "owner/name",
        "commit": "abc",
        "date": "2024-01-01",
        "language": "C#",
        "path": "src/a.cs",
        "history": [{"path": "src/a.cs", "diff": HISTORY}],
        "before": "\n".join(lines),
        "before_first_line": 5,
        "region_start_line": start + 1,
        "region_end_line": end,
        "region_before": "\n".join(lines[start:end]),
        "region_after": "\n".join(after),
        "cursor_line": end,
        "flags": {"guess_exact": True},
    } | changes


def write(path, records):
    text = "".join(f"{json.dumps(one)}\n" if isinstance(one, dict) else one for one in records)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def only(tmp_path, **changes):
    path = write(tmp_path / "one.jsonl", [raw(**changes)])
    (record,) = parse_records(path, Counter())
    return record


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.jsonl.gz"])
def test_a_record_becomes_a_task(tmp_path, name):
    (task,) = read_records(write(tmp_path / name, [raw()]))
    context = task.context
    assert (task.id, task.source, task.kind) == ("r0", "mined", "edit")
    assert (task.repository, task.cluster) == ("owner/name", "owner/name@abc")
    assert (context.language, context.path) == ("csharp", "src/a.cs")
    assert context.region == "line 9\nline 10\nline 11\n"
    assert task.wanted == "line 9\nline 10\nline 11 changed\n"
    assert context.region_first_line == 4 + 9
    assert context.prefix == "".join(f"line {n}\n" for n in range(9))
    assert context.suffix == "".join(f"line {n}\n" for n in range(12, 12 + SUFFIX_LINES))
    assert [edit.diff for edit in context.recent_edits] == [" import os\n-total = 0\n+amount = 0\n"]
    assert "guess_exact" not in repr(task)


def test_what_cannot_be_used_is_counted_by_reason(tmp_path):
    path = write(
        tmp_path / "bad.jsonl",
        [
            raw(1),
            "{not json\n",
            "[1]\n",
            "\n",
            {"id": "r2"},
            raw(3, region_before="something else"),
            raw(4, region_end_line=400),
            raw(5, path="src/\ud800.cs"),
            raw(7, region_after="\udfff"),
            raw(6),
        ],
    )
    skipped = Counter()
    assert [task.id for task in read_records(path, skipped)] == ["r1", "r6"]
    assert skipped == {
        "unreadable_line": 2,
        "missing_field": 1,
        "region_mismatch": 2,
        "bad_text": 2,
    }


def test_a_damaged_file_is_said_in_one_line(tmp_path):
    path = write(tmp_path / "cut.jsonl.gz", [raw(n) for n in range(200)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadSource, match="fetch it again"):
        list(read_records(path))
    path.write_bytes(b"no gzip at all")
    with pytest.raises(BadSource, match="damaged"):
        list(read_records(path))


def test_the_cursor_moves_a_little_and_stays_in_the_region(tmp_path):
    record = only(tmp_path, window=(5, 30), cursor_line=20)
    moved = {task_of(replace(record, id=str(n))).context.cursor_line for n in range(60)}
    assert moved == {12, 13, 14, 15, 16}
    assert task_of(record, jitter=0).context.cursor_line == 14
    narrow = only(tmp_path, window=(8, 9), cursor_line=9)
    assert {task_of(narrow, jitter=9).context.cursor_line} == {0}


def test_only_the_last_edits_are_shown(tmp_path):
    diffs = [{"path": f"f{n}", "diff": f"-a{n}\n+b{n}\n"} for n in range(20)]
    shown = task_of(only(tmp_path, history=diffs)).context.recent_edits
    assert [edit.path for edit in shown] == [f"f{n}" for n in range(20 - SHOWN_EDITS, 20)]


LINES = st.lists(st.text("ab é", max_size=6), min_size=1, max_size=90)


@st.composite
def records(draw):
    lines = draw(LINES)
    start = draw(st.integers(0, len(lines) - 1))
    end = draw(st.integers(start + 1, len(lines)))
    after = draw(st.lists(st.text("ab ", max_size=6), max_size=12))
    return EditRecord(
        id=draw(st.text("xyz0123", min_size=1, max_size=6)),
        repository="o/n",
        commit="c",
        date="",
        path="p.py",
        language="python",
        lines=tuple(lines),
        first_line=draw(st.integers(0, 9)),
        start=start,
        end=end,
        after="".join(f"{line}\n" for line in after),
        cursor=draw(st.integers(start, end - 1)),
        history=(),
    )


def document(lines):
    return "".join(f"{line}\n" for line in lines)


def around(context):
    return context.prefix + context.region + context.suffix


def lies_at(context, record, text):
    """Whether the context is the slice of `text` that its line numbers say."""
    lines = text.splitlines(keepends=True)
    first = context.region_first_line - record.first_line
    above = context.prefix.count("\n")
    amount = around(context).count("\n")
    return "".join(lines[first - above : first - above + amount]) == around(context)


@settings(deadline=None)
@given(records())
def test_the_wanted_text_reassembles_the_document(record):
    task = task_of(record)
    before = document(record.lines)
    wanted = document(record.lines[: record.start]) + record.after
    wanted += document(record.lines[record.end :])
    assert lies_at(task.context, record, before)
    edited = task.context.model_copy(update={"region": task.wanted})
    assert lies_at(edited, record, wanted)
    assert task.context.cursor_line < task.context.region.count("\n")
    assert task.context.prefix.count("\n") == min(record.start, PREFIX_LINES)


@settings(deadline=None)
@given(records())
def test_a_nothing_task_is_a_place_where_nothing_is_to_be_done(record):
    task = nothing_windows(record, after_share=0)
    if task is None:
        return
    assert task.wanted == task.context.region
    assert not task.wants_edit
    assert lies_at(task.context, record, document(record.lines))
    size = record.end - record.start
    assert task.context.region.count("\n") == size
    first = task.context.region_first_line - record.first_line
    assert first + size + 3 <= record.start or first >= record.end + 3
    assert (task.id, task.kind) == (f"{record.id}-nothing", "nothing")
    assert task == nothing_windows(record, after_share=0)


@settings(deadline=None)
@given(records())
def test_a_nothing_task_after_the_edit_shows_it_made(record):
    task = nothing_windows(record, after_share=1)
    if task is None:
        assert record.after == ""
        return
    edited = document(record.lines[: record.start]) + record.after
    edited += document(record.lines[record.end :])
    assert task.wanted == task.context.region == record.after
    assert lies_at(task.context, record, edited)
    old, new = record.lines[record.start : record.end], record.after.split("\n")[:-1]
    shown = "".join(edit.diff for edit in task.context.recent_edits).splitlines()
    assert bool(shown) == (list(old) != new)
    assert {line[1:] for line in shown if line[0] == "+"} <= set(new)
    assert {line[1:] for line in shown if line[0] == "-"} <= set(old)


def test_one_nothing_task_in_so_many_records(tmp_path):
    path = write(tmp_path / "many.jsonl", [raw(n, window=(20, 23)) for n in range(400)])
    tasks = list(read_records(path, nothing_every=5))
    nothing = [task for task in tasks if task.kind == "nothing"]
    assert len(tasks) - len(nothing) == 400
    assert 50 < len(nothing) < 110
    after = [task for task in nothing if "changed" in task.context.region]
    assert 5 < len(after) < 45
    assert [task.id for task in read_records(path, nothing_every=5)] == [t.id for t in tasks]


def test_no_room_is_none(tmp_path):
    record = only(tmp_path, lines=[f"{n}" for n in range(7)], window=(2, 5))
    assert nothing_windows(record, after_share=0) is None
