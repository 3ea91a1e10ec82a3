"""An erased user is nowhere: not in a table, a segment, a batch, a run, nor a backup."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from feedback_store import erasure
from feedback_store.config import StoreSettings
from feedback_store.events import Outcome
from feedback_store.folder import DATABASE, build
from feedback_store.maintenance import check, compare
from feedback_store.operations import Operations
from feedback_store.publish import read_manifest
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import WAIT_S, count, put
from tests.feedback_store.watched import crash_at

MARK = "planted_marker_of_zoe"
ZOE = "0123456789abcdef0123"
"""The pseudonym of the user who is erased."""
SETTINGS = StoreSettings(threads=1, retry_s=0.05)


def everything_under(folder: Path) -> dict[str, bytes]:
    """Return what every file holds: segments unpacked, Parquet as its rows."""
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if path.name.endswith(".gz"):
                data += gzip.decompress(data)
            if path.suffix == ".parquet":
                with duckdb.connect() as connection:
                    rows = connection.execute(f"SELECT * FROM '{path}'").fetchall()
                data += repr(rows).encode()
            found[str(path.relative_to(folder))] = data
    return found


def holders(folder: Path) -> list[str]:
    """Return the files in which the marker stands."""
    return sorted(name for name, data in everything_under(folder).items() if MARK.encode() in data)


def life_of(user: str, first: int, mark: str) -> list[Any]:
    """A suggestion, refused, and all that follows, with a marker in every text."""
    said = made.context().model_copy(update={"region": mark, "path": f"{mark}.py"})
    id_ = f"{user}-{first}"
    suggestion = made.suggestion(
        first, id_, user=user, context=said, new_region=mark, output_text=mark, session=mark
    )
    spool: dict[str, Any] = {"user": user, "producer": f"{user}/{mark}"}
    return [
        suggestion,
        made.outcome(first * 3, id_, Outcome.REJECTED, **spool),
        made.settled(first * 3 + 1, id_, settled_text=mark, accepted_text=mark, **spool),
        made.survival(first * 3 + 2, id_, last=True, **spool),
    ]


def fill(store: Store, folder: Path) -> None:
    """Two users, a batch, a run that used it, two adapters, and a backup."""
    put(store, *life_of(ZOE, 1, MARK))
    put(store, *life_of("ann", 2, "kept"))
    put(store, made.outcome(50, f"{ZOE}-1", user="bob", producer="bob/spool"))
    store.export(1, 10)
    put(store, *life_of(ZOE, 3, MARK))
    put(store, *life_of("ann", 4, "kept"))
    run = folder / "runs" / "000001"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"batches": [1]}))
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM (VALUES (1, '{ZOE}-1', '{MARK}'), (1, 'ann-2', 'kept')) "
            "AS t (step, suggestion_id, prompt)) "
            f"TO '{run / 'rollouts-000001.parquet'}' (FORMAT parquet)"
        )
    for name, batches, parent in (("hone-000001", [1], None), ("hone-000002", [], "hone-000001")):
        adapter = folder / "adapters" / name
        adapter.mkdir(parents=True)
        facts = {"name": name, "batches": batches, "parent": parent, "created_at": name}
        (adapter / "manifest.json").write_text(json.dumps(facts))
    Operations(store).backup("os:root")


def test_no_file_holds_anything_of_an_erased_user(open_store, folder: Path) -> None:
    store = open_store()
    fill(store, folder)
    found = holders(folder)
    assert {"store.duckdb", "store.duckdb.wal"} & set(found)
    kinds = ("log/", "batches/", "runs/", "backups/")
    assert all(any(name.startswith(kind) for name in found) for kind in kinds)

    report = Operations(store).erase("os:root", ZOE)
    assert (report["entries"], report["batches"], report["runs"]) == (8, [1], ["runs/000001"])
    assert report["adapters_to_retrain"] == ["hone-000001", "hone-000002"]
    assert holders(folder) == []
    assert [row["user_id"] for row in store.query("SELECT user_id FROM suggestions")] == [
        "ann",
        "ann",
    ]
    store.close()
    assert holders(folder) == []
    kept = [name for name, data in everything_under(folder).items() if b"'kept'" in data]
    assert any(name.startswith("batches/") for name in kept)
    assert compare(folder / DATABASE, build(folder, SETTINGS)) == []


def test_a_damaged_manifest_hides_nothing(open_store, folder: Path) -> None:
    store = open_store()
    fill(store, folder)
    taken = next((folder / "backups").glob("0*")) / "manifest.json"
    adapter = folder / "adapters" / "hone-000002" / "manifest.json"
    for manifest in (taken, adapter):
        manifest.write_text(manifest.read_text("utf-8")[:-9], "utf-8")
    report = Operations(store).erase("os:root", ZOE)
    assert holders(folder) == []
    assert report["backups_dropped"] == [str(taken.parent)]
    assert set(report["adapters_to_retrain"]) == {"hone-000001", "hone-000002"}


def test_what_was_rewritten_says_so_and_verifies(open_store, folder: Path) -> None:
    store = open_store(clock=lambda: datetime(2026, 5, 1, 12, tzinfo=UTC))
    fill(store, folder)
    Operations(store).erase("os:root", ZOE)
    manifest = read_manifest(folder / "batches" / "000001")
    assert manifest["items"] == 1
    assert manifest["rewritten"] == [{"why": "erasure", "at": "2026-05-01T12:00:00+00:00"}]
    facts = json.loads((folder / "runs" / "000001" / "run.json").read_text())
    assert (facts["batches"], facts["rewritten"][0]["why"]) == ([1], "erasure")
    (backup,) = sorted((folder / "backups").iterdir())
    assert read_manifest(backup)["facts"]["why"] == "erasure"
    store.close()
    assert check(folder, SETTINGS, deep=True).wrong == []


def test_what_arrives_later_is_not_stored(open_store, folder: Path) -> None:
    store = open_store()
    put(store, *life_of(ZOE, 1, "before")[:1])
    Operations(store).erase("os:root", ZOE)
    ack = put(store, *life_of(ZOE, 1, MARK)[1:])
    assert (ack.stored, ack.quarantined, ack.high_water) == (0, 0, 5)
    put(store, *life_of(ZOE, 9, MARK))
    store.close()
    again = open_store()
    put(again, *life_of(ZOE, 10, MARK))
    assert [count(again, name) for name in ("suggestions", "quarantine", "outcomes")] == [0, 0, 0]
    assert holders(folder) == []


def test_an_import_and_an_old_segment_obey_the_tombstone(
    open_store, folder: Path, tmp_path: Path
) -> None:
    other = Store.open(tmp_path / "other", SETTINGS)
    put(other, *life_of(ZOE, 1, MARK), *life_of("ann", 2, "kept"))
    log = list(other._writer.log.read())
    other.close()
    store = open_store()
    operations = Operations(store)
    operations.erase("os:root", ZOE)
    counts = operations.take_in("os:root", log)
    assert (counts["stored"], count(store, "suggestions")) == (4, 1)
    assert holders(folder) == []


def test_from_the_tombstone_on_nothing_is_shown_or_exported(store: Store) -> None:
    put(store, *life_of(ZOE, 1, MARK), *life_of("ann", 2, "kept"))
    erasure.entomb(store, ZOE)
    assert erasure.pending(store) == [ZOE]
    tables = ("suggestions", "suggestion_content", "outcomes", "settlement_content", "survivals")
    assert [count(store, table) for table in tables] == [1, 1, 1, 1, 1]
    assert store.export(1, 10).manifest["items"] == 1  # type: ignore[union-attr]


def test_feedback_of_others_on_an_erased_suggestion_is_orphaned(store: Store) -> None:
    put(store, *life_of(ZOE, 1, MARK))
    put(store, made.outcome(50, f"{ZOE}-1", user="bob", producer="bob/spool"))
    assert store.query("SELECT reason FROM quarantine") == [{"reason": "foreign_user"}]
    Operations(store).erase("os:root", ZOE)
    assert store.query("SELECT reason FROM quarantine") == [{"reason": "orphaned"}]


@pytest.mark.usefixtures("crashes_are_quiet")
@pytest.mark.parametrize("point", ["appended", "synced", "committed", "acked"])
def test_an_interrupted_erasure_is_finished_at_the_next_start(folder: Path, point: str) -> None:
    with Store.open(folder, SETTINGS) as store:
        fill(store, folder)
        high = store.ingest_seq
    crashing = Store.open(folder, SETTINGS, passed=crash_at(point))
    crashing.record("erasure", {"erased_user": ZOE, "state": "asked"})
    crashing._writer._thread.join(WAIT_S)
    crashing._writer.database.close()
    crashing._writer.log.close()
    crashing._lock.release()
    with Store.open(folder, SETTINGS) as again:
        assert again.ingest_seq > high
        Operations(again).resume()
        assert erasure.pending(again) == []
        assert count(again, "suggestions") == 2
    assert holders(folder) == []
    assert compare(folder / DATABASE, build(folder, SETTINGS)) == []


def test_an_erasure_may_be_repeated(open_store, folder: Path) -> None:
    store = open_store()
    fill(store, folder)
    first = Operations(store).erase("os:root", ZOE)
    erasure.entomb(store, ZOE)
    second = erasure.finish(store, [ZOE])
    assert (second["entries"], second["batches"]) == (0, first["batches"])
    assert second["adapters_to_retrain"] == first["adapters_to_retrain"]
    store.close()
    assert check(folder, SETTINGS, deep=True).wrong == []
