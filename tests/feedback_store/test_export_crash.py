"""A batch is decided once, and its folder follows from the decision, whatever fails between."""

import threading
from pathlib import Path
from typing import Any

import pytest

from feedback_store import export as export_module
from feedback_store.config import StoreSettings
from feedback_store.export import Export, TooLittle
from feedback_store.publish import publish, read_manifest
from feedback_store.store import Store
from tests.feedback_store import made
from tests.feedback_store.helpers import abandon, ids_of, put, rows_of
from tests.feedback_store.watched import crash_at


@pytest.mark.usefixtures("crashes_are_quiet")
@pytest.mark.parametrize("point", ["staged", "appended", "synced", "committed"])
def test_a_crash_while_a_batch_is_decided(folder: Path, point: str) -> None:
    settings = StoreSettings(threads=1)
    store = Store.open(folder, settings, passed=crash_at(point, count=2))
    put(store, *made.refused(1), *made.refused(2)[:1])
    exporter = threading.Thread(target=store.export, args=(1, 10), daemon=True)
    exporter.start()
    abandon(store)
    with Store.open(folder, settings) as again:
        first = again.export(1, 10)
        published = sorted((folder / "batches").glob("0*"))
        assert len(published) == 1
        assert read_manifest(published[0])["items"] == 1
        if isinstance(first, TooLittle):
            assert point in ("appended", "synced", "committed")
        else:
            assert ids_of(first) == ["ref-1"]
        assert again.export(1, 10) == TooLittle(ready=0, min_items=1)
        items = again.query("SELECT suggestion_id AS id FROM batch_items")
        assert items == [{"id": "ref-1"}]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_while_a_batch_is_published(
    open_store, folder: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """What is decided but not on disk is written at the next start, as it was decided."""
    store = open_store()
    put(store, *made.refused(1))

    def fail(*arguments: Any) -> Path:
        if when == "after":
            publish(*arguments)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(export_module, "publish", fail)
        with pytest.raises(OSError, match="No space"):
            store.export(1, 10)
        # What comes now is known later than the decision, and changes no batch.
        put(store, made.settled(90, "ref-1", settled_text="later\n"), *made.refused(2)[:1])
        store.close()
    again = open_store()
    manifest = read_manifest(folder / "batches" / "000001")
    assert manifest["items"] == 1
    assert again.export(1, 10) == TooLittle(ready=0, min_items=1)
    result = Export(1, folder / "batches" / "000001", manifest)
    assert made.SECRET in rows_of(result)[0]["settled_text"]


def test_a_batch_whose_publishing_failed_is_the_next_one_exported(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, *made.refused(1))

    def fail(*arguments: Any) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(export_module, "publish", fail)
        with pytest.raises(OSError, match="No space"):
            store.export(1, 10)
    assert ids_of(store.export(5, 10)) == ["ref-1"]


def test_a_batch_is_the_same_when_written_again(open_store, folder: Path) -> None:
    store = open_store()
    put(store, *made.refused(1), *made.refused(2)[:1])
    first = rows_of(store.export(1, 10))
    put(store, made.survival(70, "ref-1", last=True))
    store.close()
    (folder / "batches" / "000001").rename(folder / "elsewhere")
    again = open_store()
    batch = folder / "batches" / "000001"
    assert rows_of(Export(1, batch, read_manifest(batch))) == first
    assert again.query("SELECT number FROM batches") == [{"number": 1}]
