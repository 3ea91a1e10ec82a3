"""Real repositories in, published tasks out."""

import json
from pathlib import Path

from rich.console import Console

from feedback_store.publish import read_manifest
from tests.trainer.mining.repositories import (
    ADDRESS,
    AUTHOR,
    SHORT,
    changed,
    commit,
    git,
    mined,
    repository,
    tasks,
    text,
    with_edits,
)
from trainer.mining.config import MineSection
from trainer.mining.run import run
from trainer.progress import Display
from trainer.tasks import EDIT, NOTHING


def test_each_hunk_is_a_task_with_the_ones_before_it_as_history(tmp_path: Path) -> None:
    with_edits(tmp_path / "code", commits=1)
    report = mined(tmp_path / "out", tmp_path / "code", nothing_share=0)
    second, third = tasks(tmp_path / "out")
    assert [edit.diff for edit in second.context.recent_edits] == [
        " value_4 = compute(4)\n-value_5 = compute(5)\n+c0_5 = value_5 = compute(5)\n"
    ]
    assert len(third.context.recent_edits) == 2
    assert "c0_25 = " in third.context.prefix + third.context.region
    assert "c0_45 = " in third.wanted
    assert "c0_45 = " not in third.context.prefix + third.context.region + third.context.suffix
    assert (third.source, third.kind, third.repository) == ("mined", EDIT, "code")
    assert (third.context.path, third.context.language) == ("pkg/module.py", "python")
    head = git(tmp_path / "code", "rev-parse", "HEAD")
    assert (third.cluster, third.date) == (f"code@{head}", "2026-01-03T00:00:00Z")
    # The file's creation, and the first edit.
    assert report.skipped["hunk without earlier edits"] == 2


def test_a_first_hunk_is_a_task_if_asked_for(tmp_path: Path) -> None:
    with_edits(tmp_path / "code", commits=1)
    mined(tmp_path / "out", tmp_path / "code", first_hunks=True, nothing_share=0)
    assert [len(task.context.recent_edits) for task in tasks(tmp_path / "out")] == [0, 1, 2]


def test_the_asked_for_share_wants_nothing(tmp_path: Path) -> None:
    with_edits(tmp_path / "code", commits=14)
    mined(tmp_path / "out", tmp_path / "code", nothing_share=0.25)
    found = tasks(tmp_path / "out")
    nothing = [task for task in found if task.kind == NOTHING]
    assert 0.2 < len(nothing) / len(found) <= 0.25
    assert all(task.wanted == task.context.region for task in nothing)
    assert all(task.context.recent_edits for task in nothing)
    assert all(task.wants_edit == (task.kind == EDIT) for task in found)


def test_the_newest_commits_are_for_validation(tmp_path: Path) -> None:
    with_edits(tmp_path / "code", commits=9)
    mined(tmp_path / "out", tmp_path / "code", valid_share=0.3)
    train, valid = (tasks(tmp_path / "out", split) for split in ("train", "valid"))
    assert len(train) + len(valid) == len(tasks(tmp_path / "out"))
    assert {task.date[:10] for task in valid} == {f"2026-01-{day}" for day in ("09", "10", "11")}
    assert max(task.date for task in train) < min(task.date for task in valid)


def test_whole_repositories_are_for_validation_if_asked_for(tmp_path: Path) -> None:
    for name in "abcdefgh":
        with_edits(tmp_path / "all" / name, commits=2, lines=[f"{name}_{s}" for s in SHORT])
    mined(tmp_path / "out", tmp_path / "all", split="repository", valid_share=0.5)
    of = {s: {task.repository for task in tasks(tmp_path / "out", s)} for s in ("train", "valid")}
    assert of["train"]
    assert of["valid"]
    assert not of["train"] & of["valid"]


def test_a_later_run_takes_in_new_commits_only(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=2)
    assert mined(tmp_path / "out", code).repositories[0].commits == 3
    before = tasks(tmp_path / "out")
    assert mined(tmp_path / "out", code).repositories[0].commits == 0
    lines = (code / "pkg/module.py").read_text().splitlines()
    commit(code, {"pkg/module.py": text(changed(lines, 10, 30, 50, to="late"))}, day=20)
    assert mined(tmp_path / "out", code).repositories[0].commits == 1
    after = tasks(tmp_path / "out")
    assert after[: len(before)] == before
    assert {task.date for task in after[len(before) :]} == {"2026-01-21T00:00:00Z"}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["000001", "000002", "LOCK"]


def test_the_border_in_time_moves_with_later_runs(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=3)
    mined(tmp_path / "out", code, valid_share=0.5)
    early = {task.id for task in tasks(tmp_path / "out", "valid")}
    lines = (code / "pkg/module.py").read_text().splitlines()
    for number in range(6):
        lines = changed(lines, 10 + number, 30 + number, 50 + number, to="late")
        commit(code, {"pkg/module.py": text(lines)}, day=10 + number)
    mined(tmp_path / "out", code, valid_share=0.5)
    train, valid = (tasks(tmp_path / "out", split) for split in ("train", "valid"))
    assert early <= {task.id for task in train}
    assert max(task.date for task in train) < min(task.date for task in valid)


def test_rewritten_history_brings_no_task_twice(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=3)
    mined(tmp_path / "out", code)
    before = [task.id for task in tasks(tmp_path / "out")]
    clone = tmp_path / "again" / "code"
    repository(clone)
    exported = git(code, "fast-export", "HEAD", "--reencode=no").replace(AUTHOR, "Another One")
    git(clone, "fast-import", "--quiet", given=(exported + "\n").encode())
    report = mined(tmp_path / "out", clone)
    assert report.repositories[0].commits == 4
    assert report.skipped["known task"] > 0
    assert [task.id for task in tasks(tmp_path / "out")] == before


def test_the_same_change_is_taken_a_few_times_only(tmp_path: Path) -> None:
    code = repository(tmp_path / "code")
    files = {f"m{n}.py": text([f"{n}_{line}" for line in SHORT]) for n in range(9)}
    commit(
        code,
        {**files, "call.py": text(["old()" if n % 10 == 5 else s for n, s in enumerate(SHORT)])},
    )
    changes = text(["new()" if n % 10 == 5 else s for n, s in enumerate(SHORT)])
    commit(code, {"call.py": changes})
    report = mined(tmp_path / "out", code, repeats=2, nothing_share=0)
    assert len(tasks(tmp_path / "out")) == 2
    assert report.skipped["repeated change"] == 3


def test_nobody_who_wrote_the_code_is_stored(tmp_path: Path) -> None:
    code = repository(tmp_path / "code")
    lines = [f"# by {ADDRESS}", f"# @author {AUTHOR}", *SHORT]
    commit(code, {"a.py": text(lines)})
    commit(code, {"a.py": text(changed(lines, 4, 10, 14))})
    mined(tmp_path / "out", code)
    told = repr(tasks(tmp_path / "out")) + (tmp_path / "out/000001/manifest.json").read_text()
    assert "(address)" in told
    assert ADDRESS not in told
    assert AUTHOR not in told


def test_what_is_not_code_that_people_wrote_is_counted_and_left_out(tmp_path: Path) -> None:
    code = repository(tmp_path / "code")
    secret = 'password = "x9Kd72' + 'bQz81LmR4tY0"'
    latin = text([*SHORT, "# caf"]).encode() + b"\xe9\n"
    start = {
        "vendor/a.py": text(SHORT),
        "b_pb2.py": text(SHORT),
        "generated.py": text(["# Code generated by a tool. DO NOT EDIT.", *SHORT]),
        "secret.py": text([secret, *SHORT]),
        "latin.py": latin,
        "feed.py": text(["\x0c", *SHORT]),
        "wide.py": text(["x" * 2000, *SHORT]),
        "data.xyz": text(SHORT),
        "picture.py": b"\0\1" * 100,
    }
    commit(code, start)

    def edited(old: str | bytes) -> bytes:
        raw = old if isinstance(old, bytes) else old.encode()
        return raw.replace(b"value_5 ", b"other_5 ").replace(b"value_40 ", b"other_40 ") + b"\0" * (
            b"\0" in raw
        )

    commit(code, {name: edited(old) for name, old in start.items()})
    report = mined(tmp_path / "out", code)
    assert tasks(tmp_path / "out") == []
    both = {  # in the first commit, and in the second
        "vendored file": 2,
        "generated file": 4,
        "file that holds a secret": 2,
        "text that is not UTF-8": 2,
        "odd line ends": 2,
        "minified file": 2,
        "unknown kind of file": 2,
        "binary file": 2,
    }
    assert {reason: report.skipped[reason] for reason in both} == both


def test_bulk_and_formatting_commits_are_left_out(tmp_path: Path) -> None:
    code = repository(tmp_path / "code")
    commit(code, {f"m{n}.py": text(SHORT) for n in range(4)})
    commit(code, {f"m{n}.py": text(changed(SHORT, 5, 40)) for n in range(4)})
    commit(code, {"m0.py": text([f"{line}  " for line in changed(SHORT, 5, 40)])})
    report = mined(tmp_path / "out", code, max_files=3)
    assert tasks(tmp_path / "out") == []
    assert (report.skipped["bulk commit"], report.skipped["formatting commit"]) == (2, 1)


def test_line_ends_are_the_editors(tmp_path: Path) -> None:
    code = repository(tmp_path / "code")
    git(code, "config", "core.autocrlf", "false")
    commit(code, {"a.py": text(SHORT).replace("\n", "\r\n")})
    commit(code, {"a.py": text(changed(SHORT, 5, 40)).replace("\n", "\r\n").removesuffix("\r\n")})
    mined(tmp_path / "out", code, nothing_share=0)
    (task,) = tasks(tmp_path / "out")
    assert "\r" not in repr(task)
    assert task.wanted.endswith("\n")


def test_a_renamed_file_goes_by_its_new_name(tmp_path: Path) -> None:
    code = repository(tmp_path / "code")
    commit(code, {"old.py": text(SHORT)})
    git(code, "mv", "old.py", 'neü "name".py')
    commit(code, {'neü "name".py': text(changed(SHORT, 5, 40))})
    mined(tmp_path / "out", code, nothing_share=0)
    (task,) = tasks(tmp_path / "out")
    assert task.context.path == 'neü "name".py'
    assert {edit.path for edit in task.context.recent_edits} == {'neü "name".py'}


def test_merges_and_submodules_are_left_out(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=1)
    library = with_edits(tmp_path / "library", commits=1)
    git(code, "submodule", "--quiet", "add", str(library), "library")
    commit(code, {})
    git(code, "checkout", "--quiet", "-b", "side", "HEAD~1")
    commit(code, {"side.py": "a = 1\n"})
    git(code, "merge", "--quiet", "--no-edit", "main")
    report = mined(tmp_path / "out", code)
    assert report.skipped["merge commit"] == 1
    assert {task.repository for task in tasks(tmp_path / "out")} == {"code"}


def test_a_repository_without_commits_is_told_of(tmp_path: Path) -> None:
    empty, code = repository(tmp_path / "empty"), with_edits(tmp_path / "code", commits=1)
    report = mined(tmp_path / "out", empty, code)
    first, second = report.repositories
    assert (first.note, first.failed) == (f"{empty} has no commits: nothing to mine", False)
    assert second.tasks > 0


def test_a_shallow_clone_is_mined_as_far_as_it_goes(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=4)
    git(tmp_path, "clone", "--quiet", "--depth=3", f"file://{code}", "shallow")
    report = mined(tmp_path / "out", tmp_path / "shallow")
    (one,) = report.repositories
    assert (one.commits, one.failed) == (3, False)
    assert "git fetch --unshallow" in one.note
    assert {task.date[:10] for task in tasks(tmp_path / "out")} == {"2026-01-05", "2026-01-06"}


def test_the_command_shows_tables_and_says_what_to_do(tmp_path: Path) -> None:
    code, empty = with_edits(tmp_path / "code", commits=2), repository(tmp_path / "empty")
    console = Console(record=True, width=100, quiet=False, file=(tmp_path / "log").open("w"))
    assert run(MineSection(output=tmp_path / "out"), [code, empty], Display(console)) == 0
    console.file.close()
    told = console.export_text()
    for words in ("mined", "left out", "hunk without earlier edits", "has no commits", "code: 3/3"):
        assert words in told


def test_a_manifest_says_how_the_tasks_were_made(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=2)
    mined(tmp_path / "out", code)
    manifest = read_manifest(tmp_path / "out/000001")
    assert manifest["kind"] == "mined"
    assert manifest["head"] == git(code, "rev-parse", "HEAD")
    assert manifest["split"] == {"by": "time", "valid_share": 0.3}
    assert sum(manifest["kept"].values()) == manifest["rows"] == len(tasks(tmp_path / "out"))
    assert str(tmp_path) not in json.dumps(manifest)
