"""Folders appear whole or not at all, and are known again or refused."""

import json
from pathlib import Path

import pytest

from feedback_store.publish import (
    MANIFEST,
    AlreadyPublished,
    BadManifest,
    next_number,
    publish,
    read_manifest,
    replacing,
)


def write_two(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"0123456789")
    (folder / "sub").mkdir()
    (folder / "sub" / "b.txt").write_text("text", encoding="utf-8")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return publish(tmp_path, "000001", write_two, {"kind": "test", "number": 1})


def test_a_published_folder_reads_back(published: Path) -> None:
    manifest = read_manifest(published)
    assert manifest["kind"] == "test"
    assert manifest["files"]["a.bin"]["bytes"] == 10
    assert set(manifest["files"]) == {"a.bin", "sub/b.txt"}


def test_nothing_appears_when_writing_fails(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write_two(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(tmp_path, "000001", fail, {})
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_published_once(published: Path) -> None:
    with pytest.raises(AlreadyPublished, match="000001"):
        publish(published.parent, "000001", write_two, {})
    assert read_manifest(published)["number"] == 1


def test_a_name_taken_while_writing_is_not_replaced(tmp_path: Path) -> None:
    def lose_the_race(folder: Path) -> None:
        publish(tmp_path, "other", write_two, {"who": "other"}).rename(tmp_path / "000001")

    with pytest.raises(AlreadyPublished):
        publish(tmp_path, "000001", lose_the_race, {"who": "me"})
    assert read_manifest(tmp_path / "000001")["who"] == "other"
    assert not list(tmp_path.glob(".tmp-*"))


def damage_truncate(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"01234")


def damage_flip(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"012345678X")


def damage_remove(folder: Path) -> None:
    (folder / "a.bin").unlink()


def damage_add(folder: Path) -> None:
    (folder / "extra.bin").write_bytes(b"pickle")


def damage_manifest(folder: Path) -> None:
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    (folder / MANIFEST).write_text(text[: len(text) // 2], encoding="utf-8")


def damage_no_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def damage_shape(folder: Path) -> None:
    (folder / MANIFEST).write_text(json.dumps(["files"]), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (damage_truncate, "truncated"),
        (damage_flip, "sha256"),
        (damage_remove, "lacks"),
        (damage_add, "does not list"),
        (damage_manifest, "cannot be read"),
        (damage_no_manifest, "never published"),
        (damage_shape, "cannot be read"),
    ],
)
def test_damage_is_named(published: Path, damage, says: str) -> None:
    damage(published)
    with pytest.raises(BadManifest, match=says):
        read_manifest(published)


def test_without_verify_only_hashes_are_left_out(published: Path) -> None:
    damage_flip(published)
    assert read_manifest(published, verify=False)["number"] == 1
    damage_truncate(published)
    with pytest.raises(BadManifest, match="truncated"):
        read_manifest(published, verify=False)


def test_next_number_counts_whole_names_only(tmp_path: Path) -> None:
    assert next_number(tmp_path / "none", r"(\d{6})") == 1
    for name in ("000002", "000007", "hone-000040", ".tmp-000099-1"):
        (tmp_path / name).mkdir()
    assert next_number(tmp_path, r"(\d{6})") == 8
    assert next_number(tmp_path, r"hone-(\d{6})") == 41


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "state"
    for text in (b"first", b"second"):
        with replacing(path) as file:
            file.write(text)
        assert path.read_bytes() == text
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half of the th" * (1 // 0))
    assert path.read_bytes() == b"second"
