"""One content takes another's place: whole, the user's alone, and with nothing left beside it."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lsp.consent import Consent
from lsp.credentials import store_key
from lsp.files import replace_file
from lsp.spool import open_spools
from tests.lsp.editor import ROOT
from tests.lsp.test_consent import FULL
from tests.lsp.test_spool import add, die
from tests.lsp.test_torn_writes import room


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """A user whose new files anybody may read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_every_file_is_the_users_alone(tmp_path: Path, open_to_all: None) -> None:
    Consent(FULL, [], tmp_path / "state", lambda: FULL).choose(FULL)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    store_key("http://a", "key", environ)
    spool, _ = open_spools(tmp_path / "spool", "w")
    add(spool, "a")
    spool.save_open([{"kept": True}])
    spool.tidy()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"consent.json", "lsp-keys.json", "acked", "open.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_what_cannot_be_written_leaves_all_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace_file(file, b"old")
    with room(100), pytest.raises(OSError, match="too large"):
        replace_file(file, b"x" * 1000)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_those_who_write_at_once_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "file"
    contents = [bytes([n]) * 20_000 * n for n in range(1, 5)]

    def write(content: bytes) -> None:
        for _ in range(50):
            replace_file(file, content)

    with ThreadPoolExecutor() as threads:
        list(threads.map(write, contents))
    assert file.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [file]


KILLED = """
import resource, signal, sys
from pathlib import Path
from lsp.files import replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
replace_file(Path(sys.argv[1]), b"secret" * 1000)
"""
"""A process that the system ends in the middle of its writing."""


def test_what_a_killed_owner_had_begun_goes(tmp_path: Path) -> None:
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "a")
    die(spool)
    file = str(spool.folder / "open.json")
    assert subprocess.run([sys.executable, "-c", KILLED, file], cwd=ROOT).returncode < 0
    assert [path for path in spool.folder.iterdir() if b"secret" in path.read_bytes()]
    again, _ = open_spools(tmp_path, "w")
    assert again.producer == spool.producer
    assert not [path for path in again.folder.iterdir() if b"secret" in path.read_bytes()]
