"""The log keeps what was synced, drops what a crash tore, and refuses what was damaged."""

import gzip
from pathlib import Path

import pytest

from feedback_store import frames
from feedback_store.entries import to_json
from feedback_store.errors import CorruptLog
from feedback_store.log import EventLog


def entry(seq: int, text: str = "x") -> dict[str, object]:
    return {"ingest_seq": seq, "text": text}


def body(seq: int, text: str = "x") -> bytes:
    return to_json(entry(seq, text))


def write(folder: Path, seqs: range, segment_bytes: int = 1 << 20) -> None:
    log = EventLog(folder, segment_bytes)
    log.open(log.tail())
    for seq in seqs:
        log.append([body(seq)])
        log.sync()
    log.close()


def seqs_of(folder: Path, after: int = 0) -> list[int]:
    return [item["ingest_seq"] for item in EventLog(folder).read(after)]


def test_frames_read_back_and_damage_is_seen() -> None:
    line = frames.encode(body(1, "é😀\u2028\x00\n"))
    assert line.count(b"\n") == 1
    assert frames.decode(line) == entry(1, "é😀\u2028\x00\n")
    for index in range(len(line)):
        changed = line[:index] + bytes([line[index] ^ 0x01]) + line[index + 1 :]
        with pytest.raises(frames.BadFrame):
            frames.decode(changed)


def test_entries_read_back_from_any_number(tmp_path: Path) -> None:
    write(tmp_path, range(1, 6))
    assert seqs_of(tmp_path) == [1, 2, 3, 4, 5]
    assert seqs_of(tmp_path, after=3) == [4, 5]
    assert seqs_of(tmp_path, after=5) == []


def test_full_segments_are_sealed_and_compressed(tmp_path: Path) -> None:
    write(tmp_path, range(1, 21), segment_bytes=150)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) > 3
    assert all(name.endswith(".jsonl.gz") for name in names[:-1])
    assert names[-1].endswith(".jsonl")
    for after in range(21):
        assert seqs_of(tmp_path, after) == list(range(after + 1, 21))


def test_both_forms_of_a_segment_count_once(tmp_path: Path) -> None:
    """A crash between the rename of the compressed form and the end of the plain one."""
    write(tmp_path, range(1, 4))
    plain = tmp_path / "00000001.jsonl"
    (tmp_path / "00000001.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert seqs_of(tmp_path) == [1, 2, 3]
    write(tmp_path, range(4, 6))
    assert seqs_of(tmp_path) == [1, 2, 3, 4, 5]
    assert not plain.exists()


@pytest.mark.parametrize("cut", [1, 2, 10, 25])
def test_a_torn_end_is_dropped(tmp_path: Path, cut: int, caplog) -> None:
    write(tmp_path, range(1, 4))
    path = tmp_path / "00000001.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    write(tmp_path, range(3, 5))
    assert seqs_of(tmp_path) == [1, 2, 3, 4]
    assert "torn end" in caplog.text


def test_zeros_after_a_power_cut_are_a_torn_end(tmp_path: Path) -> None:
    write(tmp_path, range(1, 4))
    path = tmp_path / "00000001.jsonl"
    path.write_bytes(path.read_bytes() + bytes(4096))
    log = EventLog(tmp_path)
    tail = log.tail()
    assert (tail.torn_bytes, tail.last_seq) == (4096, 3)


@pytest.mark.parametrize("segment_bytes", [1 << 20, 1])
def test_reading_up_to_a_torn_end(tmp_path: Path, segment_bytes: int) -> None:
    """Also where the torn frame is the only one of its segment."""
    write(tmp_path, range(1, 4), segment_bytes)
    last = max(tmp_path.glob("*.jsonl"))
    last.write_bytes(last.read_bytes()[:-3])
    log = EventLog(tmp_path)
    assert [item["ingest_seq"] for item in log.read(until=log.tail().last_seq)] == [1, 2]
    with pytest.raises(CorruptLog, match="no end"):
        list(log.read())


def test_looking_for_the_end_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, range(1, 4))
    path = tmp_path / "00000001.jsonl"
    path.write_bytes(torn := path.read_bytes()[:-5])
    EventLog(tmp_path).tail()
    assert path.read_bytes() == torn


def test_damage_in_the_middle_is_no_torn_end(tmp_path: Path) -> None:
    write(tmp_path, range(1, 5))
    path = tmp_path / "00000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], lines[1].replace(b"x", b"y"), *lines[2:]])
    path.write_bytes(damaged)
    with pytest.raises(CorruptLog, match=r"00000001\.jsonl.*checksum") as error:
        EventLog(tmp_path).tail()
    assert (error.value.file, error.value.offset) == (path, len(lines[0]))
    with pytest.raises(CorruptLog, match="checksum"):
        seqs_of(tmp_path)
    assert path.read_bytes() == damaged


def test_damage_in_a_sealed_segment_is_found(tmp_path: Path) -> None:
    write(tmp_path, range(1, 21), segment_bytes=150)
    first = tmp_path / "00000001.jsonl.gz"
    first.write_bytes(first.read_bytes()[:-12])
    with pytest.raises(CorruptLog, match=r"00000001\.jsonl\.gz"):
        seqs_of(tmp_path)


@pytest.mark.parametrize("number", [1, 2])
def test_a_missing_segment_is_found(tmp_path: Path, number: int) -> None:
    write(tmp_path, range(1, 21), segment_bytes=150)
    (tmp_path / f"{number:08d}.jsonl.gz").unlink()
    with pytest.raises(CorruptLog, match="belongs"):
        seqs_of(tmp_path)


def test_rewind_cuts_off_what_was_never_synced(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.open(log.tail())
    log.append([body(1)])
    log.sync()
    log.append([body(2)])
    log.rewind()
    assert seqs_of(tmp_path) == [1]


def test_an_empty_log_ends_at_zero(tmp_path: Path) -> None:
    tail = EventLog(tmp_path / "log").tail()
    assert (tail.last_seq, tail.torn_bytes) == (0, 0)
    assert seqs_of(tmp_path / "log") == []
