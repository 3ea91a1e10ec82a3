"""Feedback files that end in the middle of a line: what comes next has a file to itself."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lsp.spool import Spool, open_spools
from tests.lsp.test_spool import add, die


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file grows beyond this, as on a full disk: a write that does is cut short."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def acknowledge_first(spool: Spool) -> None:
    batch = spool.batch(1)
    assert batch
    spool.acknowledge(batch, batch.events[0].seq)
    spool.tidy()


def left_to_the_next(spool: Spool, root: Path) -> list[str]:
    die(spool)
    return [event.suggestion_id for event in open_spools(root, "w")[0].waiting]


@pytest.mark.parametrize("first_line", [b"", b'{"seq": 3, "kin'])
def test_a_file_that_holds_no_whole_line_is_not_continued(
    tmp_path: Path, first_line: bytes
) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "a", "b")
    die(spool)
    (spool.folder / "events-000000000003.jsonl").write_bytes(first_line)
    again, _ = open_spools(tmp_path, "w")
    add(again, "c", "d")
    for _ in range(3):
        acknowledge_first(again)
    assert left_to_the_next(again, tmp_path) == ["d"]


@pytest.mark.parametrize("before", [0, 2])
def test_a_write_cut_short_leaves_nothing_behind(tmp_path: Path, before: int) -> None:
    spool, _ = open_spools(tmp_path, "w")
    names = [f"before {n}" for n in range(before)]
    add(spool, *names)
    size = sum(path.stat().st_size for path in spool.folder.glob("events-*"))
    with room(size + 100), pytest.raises(OSError, match="no room"):
        add(spool, "cut")
    assert sum(path.stat().st_size for path in spool.folder.glob("events-*")) == size
    add(spool, "c", "d")
    for _ in range(before + 1):
        acknowledge_first(spool)
    assert left_to_the_next(spool, tmp_path) == ["d"]
