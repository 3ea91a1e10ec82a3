"""Damage and interruption: what can be read is mined, and nothing is mined twice."""

import tempfile
from pathlib import Path

import duckdb
import pytest

from tests.trainer.mining.repositories import git, mined, tasks, with_edits
from trainer.batches import BadBatch
from trainer.lock import AlreadyRunning
from trainer.mining import run as run_module
from trainer.mining.git import list_commits, open_repository
from trainer.mining.output import PARQUET, locked, read_mined
from trainer.mining.parts import Parts
from trainer.mining.walk import Walk


def loose(code: Path, name: str) -> Path:
    """Return the file of an object, of which every part is writable."""
    sha = git(code, "rev-parse", name)
    file = code / ".git/objects" / sha[:2] / sha[2:]
    file.chmod(0o644)
    return file


class Interrupted(Exception):
    """Stands for Ctrl-C."""


def test_a_commit_whose_files_are_lost_is_counted_and_the_others_are_mined(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=6)
    # Two commits show this text: the one that wrote it and the one that replaced it.
    loose(code, "HEAD~3:pkg/module.py").unlink()
    report = mined(tmp_path / "out", code)
    (one,) = report.repositories
    assert (one.commits, one.failed, report.skipped["damaged commit"]) == (7, False, 2)
    assert {task.date[:10] for task in tasks(tmp_path / "out")} == {
        f"2026-01-{day:02}" for day in (3, 4, 7, 8)
    }


def test_a_corrupt_pack_is_an_error_and_the_other_repositories_are_mined(tmp_path: Path) -> None:
    bad, good = with_edits(tmp_path / "bad"), with_edits(tmp_path / "good", commits=1)
    git(bad, "gc", "--quiet")
    (pack,) = (bad / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:60])
    first, second = mined(tmp_path / "out", bad, good).repositories
    assert first.failed
    assert str(bad) in first.note
    assert (second.failed, second.tasks > 0) == (False, True)


def test_too_much_damage_ends_the_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.mining.walk.MAX_DAMAGED", 1)
    code = with_edits(tmp_path / "code", commits=6)
    loose(code, "HEAD~3:pkg/module.py").unlink()
    (one,) = mined(tmp_path / "out", code).repositories
    assert one.failed
    assert "git fsck" in one.note


def test_every_commit_is_read_once_wherever_reading_begins(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=5)
    repository = open_repository(code)
    with tempfile.TemporaryFile() as file:
        count, merges = list_commits(repository, repository.head, [], file)
        walk = Walk(code, file, count, 3)
        whole = list(walk.read(0))
        assert (count, merges) == (6, 0)
        assert [raw.sha for raw in whole] == git(code, "rev-list", "--reverse", "HEAD").split()
        assert list(walk.read(4)) == whole[4:]


def test_an_interrupted_run_goes_on_where_it_published_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = with_edits(tmp_path / "code", commits=9)
    mined(tmp_path / "whole", code, checkpoint_commits=4)
    publish = Parts.publish

    def once(self: Parts, position: int, skipped: object) -> object:
        if position > 4:
            raise Interrupted
        return publish(self, position, skipped)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patched:
        patched.setattr(Parts, "publish", once)
        with pytest.raises(Interrupted):
            mined(tmp_path / "out", code, checkpoint_commits=4)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["000001", "LOCK"]
    report = mined(tmp_path / "out", code, checkpoint_commits=4)
    assert report.repositories[0].commits == 6
    for split in ("train", "valid"):
        found = [(t.id, t.wanted) for t in tasks(tmp_path / "out", split) if t.kind == "edit"]
        whole = [(t.id, t.wanted) for t in tasks(tmp_path / "whole", split) if t.kind == "edit"]
        assert found == whole
    assert mined(tmp_path / "out", code).repositories[0].commits == 0


def test_an_interrupted_walk_is_finished_before_newer_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = with_edits(tmp_path / "code", commits=7)
    git(code, "branch", "later")
    git(code, "reset", "--quiet", "--hard", "HEAD~2")
    with monkeypatch.context() as patched:
        patched.setattr(run_module.Miner, "mine", _fails_at("2026-01-05T00:00:00Z"))
        with pytest.raises(Interrupted):
            mined(tmp_path / "out", code, checkpoint_commits=2)
    git(code, "reset", "--quiet", "--hard", "later")
    mined(tmp_path / "out", code, checkpoint_commits=2)
    dates = [task.date for task in tasks(tmp_path / "out")]
    assert dates == sorted(dates)
    assert {date[:10] for date in dates} == {f"2026-01-{day:02}" for day in range(3, 10)}


def _fails_at(date: str):
    mine = run_module.Miner.mine

    def fails(self: object, commit: object, body: object) -> object:
        if getattr(commit, "date", "") == date:
            raise Interrupted
        return mine(self, commit, body)  # pyright: ignore[reportArgumentType]

    return fails


def test_two_runs_do_not_share_an_output(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=1)
    with locked(tmp_path / "out"), pytest.raises(AlreadyRunning, match="another run"):
        mined(tmp_path / "out", code)


def test_what_a_killed_run_left_aside_is_removed(tmp_path: Path) -> None:
    (tmp_path / "out/.mining-x").mkdir(parents=True)
    (tmp_path / "out/.tmp-000001-7").mkdir()
    mined(tmp_path / "out", with_edits(tmp_path / "code", commits=1))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["000001", "LOCK"]


def test_a_damaged_output_is_refused(tmp_path: Path) -> None:
    code = with_edits(tmp_path / "code", commits=1)
    mined(tmp_path / "out", code)
    file = tmp_path / "out/000001" / PARQUET
    data = file.read_bytes()
    file.write_bytes(data[:-9] + b"x" + data[-8:])
    with pytest.raises(BadBatch, match="damaged"):
        tasks(tmp_path / "out")
    file.unlink()
    with pytest.raises(BadBatch, match="damaged"):
        mined(tmp_path / "out", code)


def test_an_output_without_batches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadBatch, match="run hone-trainer mine"):
        next(read_mined(tmp_path))


def test_another_kind_of_batch_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out/000001"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"kind": "batch", "schema": 1, "files": {}}')
    with pytest.raises(BadBatch, match="another"):
        mined(tmp_path / "out", with_edits(tmp_path / "code", commits=1))


def test_the_columns_are_those_of_feedback_and_more(tmp_path: Path) -> None:
    from dataclasses import fields

    from trainer.batches import Row

    mined(tmp_path / "out", with_edits(tmp_path / "code", commits=2))
    file = str(tmp_path / "out/000001" / PARQUET)
    with duckdb.connect() as connection:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [file]).fetchall()
        rows = connection.execute(
            "SELECT ingest_seq, region_changed, kind, received_at, session, ordinal, outcome, "
            "prompt_token_ids FROM read_parquet(?)",
            [file],
        ).fetchall()
    columns = {name: kind for name, kind, *_ in described}
    assert {field.name for field in fields(Row)} < set(columns)
    assert {"repository", "commit", "commit_date", "kind", "split"} < set(columns)
    assert columns["received_at"] == columns["commit_date"] == "TIMESTAMP"
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row[1] == (row[2] == "edit") for row in rows)
    assert all(row[6:] == (None, []) for row in rows)
