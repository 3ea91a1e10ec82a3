"""Retention, backups, imports and copies before a change of schema: what goes and what stays."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from feedback_store import backup, retention
from feedback_store.config import RetentionSettings, StoreSettings
from feedback_store.events import FeedbackLevel
from feedback_store.folder import DATABASE, build, open_database
from feedback_store.maintenance import check, compare
from feedback_store.migrations import migrate, shipped
from feedback_store.operations import Busy, Operations, read_log
from feedback_store.publish import read_manifest
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import count, put
from tests.feedback_store.test_erasure import everything_under

SETTINGS = StoreSettings(threads=1)
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def kept_days(store: Store, days_ago: float, *numbers: int) -> None:
    """Store suggestions with their feedback as if they had come some days ago."""
    for number in numbers:
        store.submit(made.refused(number), at=NOW - timedelta(days=days_ago)).result(20)


def test_texts_go_before_numbers(open_store, folder: Path) -> None:
    store = open_store()
    kept_days(store, 800, 1)
    kept_days(store, 100, 2)
    kept_days(store, 1, 3)
    settings = RetentionSettings(prompts_days=90, settled_days=200, facts_days=730, batches_days=0)
    found = retention.retain(store, settings, NOW)
    assert found["entries"] == 3 + 1
    ids = "SELECT suggestion_id FROM {} ORDER BY 1"
    there = {
        table: [row["suggestion_id"] for row in store.query(ids.format(table))]
        for table in ("suggestions", "outcomes", "suggestion_content", "settlement_content")
    }
    assert there == {
        "suggestions": ["ref-2", "ref-3"],
        "outcomes": ["ref-2", "ref-3"],
        "suggestion_content": ["ref-3"],
        "settlement_content": ["ref-2", "ref-3"],
    }
    facts = store.query("SELECT * FROM suggestions WHERE suggestion_id = 'ref-2'")[0]
    assert (facts["prompt_tokens"], facts["language"], facts["level"]) == (3, "python", "full")
    assert retention.retain(store, settings, NOW)["entries"] == 0
    assert put(store, *made.refused(1)).duplicates == 3
    store.close()
    assert compare(folder / DATABASE, build(folder, SETTINGS)) == []


def test_no_byte_of_what_ran_out_is_left(open_store, folder: Path) -> None:
    store = open_store()
    kept_days(store, 100, 1, 2)
    store.export(1, 10, now=NOW)
    backup.take(store, {})
    settings = RetentionSettings(backups_days=30)
    later = datetime.now(UTC) + timedelta(days=91)
    assert any(made.SECRET.encode() in data for data in everything_under(folder).values())
    found = retention.retain(store, settings, later)
    assert (found["batches"], len(found["backups"])) == ([1], 1)
    store.close()
    left = [name for name, data in everything_under(folder).items() if made.SECRET.encode() in data]
    assert left == []
    again = open_store()
    assert not (folder / "batches" / "000001").exists()
    again.close()
    assert check(folder, SETTINGS, deep=True).wrong == []


def test_zero_days_keep_for_good(store: Store) -> None:
    kept_days(store, 5000, 1)
    forever = dict.fromkeys(RetentionSettings.model_fields, 0.0)
    found = retention.retain(store, RetentionSettings(**forever), NOW)
    assert found == {"entries": 0, "batches": [], "run_records": 0, "backups": []}
    assert count(store, "settlement_content") == 1


def test_a_backup_is_a_data_folder(open_store, folder: Path, tmp_path: Path) -> None:
    store = open_store()
    (folder / "pseudonym.key").write_text("secret")
    put(store, *made.refused(1), *made.refused(2))
    store.export(1, 1)
    path = Path(Operations(store).backup("os:root")["folder"])
    manifest = read_manifest(path)
    assert (manifest["kind"], manifest["ingest_seq"]) == ("backup", 7)
    assert (path / "pseudonym.key").stat().st_mode & 0o077 == 0
    put(store, made.suggestion(9))
    shutil.copytree(path, tmp_path / "restored")
    with Store.open(tmp_path / "restored", SETTINGS) as restored:
        assert count(restored, "suggestions") == 2
        assert put(restored, *made.refused(1), *made.refused(2)).duplicates == 6
        assert [row["number"] for row in restored.query("SELECT number FROM batches")] == [1]


def test_an_import_keeps_times_and_is_stored_once(open_store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "other", SETTINGS) as other:
        other.submit(made.refused(1), at=NOW).result(20)
        facts = [made.suggestion(2, "b", level=FeedbackLevel.FACTS), made.outcome(9, "b")]
        other.submit(facts, at=NOW).result(20)
        other.record("policy", {"name": "hone-000001", "status": "live"}).result(20)
    store = open_store()
    operations = Operations(store)
    found = operations.take_in("os:root", read_log(tmp_path / "other"))
    assert found == {"stored": 5, "duplicates": 0, "quarantined": 0, "skipped": 1}
    again = operations.take_in("os:root", read_log(tmp_path / "other" / "log"))
    assert (again["stored"], again["duplicates"]) == (0, 5)
    received = store.query("SELECT DISTINCT received_at FROM outcomes")
    assert received == [{"received_at": NOW.replace(tzinfo=None)}]


def test_compaction_gives_back_room_and_changes_nothing(open_store, folder: Path) -> None:
    store = open_store()
    for number in range(1, 400):
        store.submit(made.refused(number))
    Operations(store).erase("os:root", "local")
    before = store.query("SELECT * FROM suggestions ORDER BY ingest_seq")
    Operations(store).compact("os:root")
    assert store.query("SELECT * FROM suggestions ORDER BY ingest_seq") == before
    assert put(store, made.suggestion(1000)).stored == 1
    assert [path.name for path in folder.glob("store.*") if "re" in path.suffix] == []


def test_one_operation_at_a_time(store: Store) -> None:
    operations = Operations(store)
    with operations._exclusive(), pytest.raises(Busy, match="under way"):
        operations.compact("os:root")
    assert operations.compact("os:root")["bytes_after"] > 0


def test_the_database_is_copied_before_its_schema_changes(folder: Path) -> None:
    folder.mkdir()
    with duckdb.connect(str(folder / DATABASE)) as connection:
        migrate(connection, shipped()[:1])
    open_database(folder, SETTINGS).close()
    (copied,) = (folder / "backups").iterdir()
    assert copied.name == "before-schema-2.duckdb"
    with duckdb.connect(str(copied)) as connection:
        found = connection.execute("SELECT version FROM schema_migrations").fetchall()
    assert found == [(1,)]
    copied.unlink()
    open_database(folder, SETTINGS).close()
    assert not copied.exists()
