"""What the gateway refuses, and what cannot be read: kept for a look, but not for ever."""

import os
from pathlib import Path

import pytest

from feedback_store.events import FeedbackLevel
from lsp.aside import REFUSED_BYTES
from lsp.config import SpoolSettings
from lsp.reporter import Reporter
from lsp.spool import Spool, open_spools
from tests.lsp.test_bad_state import ENVELOPE
from tests.lsp.test_spool import add, die, loss, settled

DAY = 86_400.0
TORN = '[{"suggestion_id": "secret'


def refuse(spool: Spool, at: float, text: str) -> None:
    """Have the gateway refuse an event with a text."""
    spool.append(lambda seq: settled(f"s{seq}", seq, at, text))
    batch = spool.batch(1)
    assert batch
    spool.set_aside(batch)


def kept(spool: Spool) -> list[str]:
    file = spool.folder / "refused.jsonl"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def torn(folder: Path) -> Spool:
    """What a run had open that a full disk cut short, in the hands of the next one."""
    first, _ = open_spools(folder, "w")
    add(first, "a")
    (first.folder / "open.json").write_text(TORN)
    die(first)
    return open_spools(folder, "w")[0]


def test_of_too_much_the_oldest_goes(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    for n in range(30):
        refuse(spool, 1.0, f"text {n} " + "x" * (REFUSED_BYTES // 10))
    assert (spool.folder / "refused.jsonl").stat().st_size <= REFUSED_BYTES
    lines = kept(spool)
    assert "text 29 " in lines[-1]
    assert "text 0 " not in "".join(lines)
    texts = ['"settled_text":"' in line for line in lines]
    assert texts == sorted(texts)


def test_less_room_for_all_is_less_for_these(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    for _ in range(10):
        refuse(spool, 1.0, "x" * 1000)
    spool.keep_within(5_000, 14.0, 1.0, loss)
    assert 0 < (spool.folder / "refused.jsonl").stat().st_size <= 5_000


def test_age_takes_texts_and_then_all(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    for age, text in ((30, "oldest"), (8, "older"), (1, "newest")):
        refuse(spool, (100 - age) * DAY, text)
    spool.keep_within(10**9, 7.0, 100 * DAY, loss)
    assert ["oldest" in line for line in kept(spool)] == [False, False]
    assert ["older" in line for line in kept(spool)] == [False, False]
    assert "newest" in kept(spool)[1]
    assert spool.depth == 0, "what was never to be sent is no loss"
    spool.keep_within(10**9, 7.0, 200 * DAY, loss)
    assert (kept(spool), spool.refused) == ([], 0)
    spool.close()
    assert not spool.folder.exists()


@pytest.mark.parametrize("level", ["full", "facts", "off"])
def test_a_lower_level_takes_the_texts(tmp_path: Path, level: str) -> None:
    spool, _ = open_spools(tmp_path, "w")
    refuse(spool, 1.0, "secret")
    spool.lower(FeedbackLevel(level))
    assert len(kept(spool)) == {"full": 1, "facts": 1, "off": 0}[level]
    assert ("secret" in "".join(kept(spool))) == (level == "full")


@pytest.mark.parametrize(("level", "lines"), [("facts", 1), ("off", 0)])
def test_texts_go_although_they_were_on_their_way(tmp_path: Path, level: str, lines: int) -> None:
    """The level falls while the gateway looks at what it then refuses."""
    spool, _ = open_spools(tmp_path, "w")
    spool.append(lambda seq: settled("s", seq, 1.0, "secret"))
    batch = spool.batch(1)
    assert batch
    spool.lower(FeedbackLevel(level))
    spool.set_aside(batch)
    assert len(kept(spool)) == lines
    assert "secret" not in "".join(kept(spool))
    assert spool.depth == 0


def test_what_cannot_be_read_stays_for_a_look(tmp_path: Path) -> None:
    spool = torn(tmp_path)
    assert spool.take_open() == []
    batch = spool.batch()
    assert batch
    spool.acknowledge(batch, 9)
    spool.save_open([])
    spool.close()
    assert (spool.folder / "open.unreadable").read_text() == TORN


def test_what_cannot_be_read_is_not_deleted_unlooked_at(tmp_path: Path) -> None:
    spool = torn(tmp_path)
    batch = spool.batch()
    assert batch
    spool.acknowledge(batch, 9)
    spool.close()
    assert (spool.folder / "open.json").read_text() == TORN


def test_what_cannot_be_read_gets_old(tmp_path: Path) -> None:
    spool = torn(tmp_path)
    spool.take_open()
    file = spool.folder / "open.unreadable"
    os.utime(file, (100 * DAY, 100 * DAY))
    spool.keep_within(10**9, 7.0, 106 * DAY, loss)
    assert file.exists()
    spool.keep_within(10**9, 7.0, 108 * DAY, loss)
    assert not file.exists()


@pytest.mark.parametrize("level", ["facts", "off"])
def test_where_no_text_may_be_kept_it_goes(tmp_path: Path, level: str) -> None:
    reporter = Reporter(SpoolSettings(), ENVELOPE, lambda: FeedbackLevel(level), torn(tmp_path), [])
    assert "secret" not in "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())
    reporter.close()


def test_a_list_that_cannot_be_emptied_is_told(tmp_path: Path) -> None:
    spools = [open_spools(tmp_path, "w")[0] for _ in range(2)]
    for spool in spools:
        add(spool, "a")
        die(spool)
    own, [left] = open_spools(tmp_path, "w")
    (left.folder / "open.json").mkdir()
    (left.folder / "open.unreadable").write_text("in the way")
    reporter = Reporter(SpoolSettings(), ENVELOPE, lambda: FeedbackLevel.FULL, own, [left])
    assert "cannot be kept" in reporter.trouble
    reporter.close()
