"""A disk that is really full, for log and database alike, in a process of its own.

The limit on the size of files stands for it: whatever hits it first fails as on a full disk.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from feedback_store.config import StoreSettings
from feedback_store.folder import DATABASE, build
from feedback_store.maintenance import compare
from feedback_store.store import Store

_CHILD = """
import json, resource, signal, sys, time
from pathlib import Path
from feedback_store.config import StoreSettings
from feedback_store.errors import StoreUnavailable
from feedback_store.store import Store
from tests.feedback_store import made

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, which = Path(sys.argv[1]), sys.argv[2]
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
# Where the database is to fail, no segment may grow as large.
segment_mib = 50 if which == "log" else 0.01
store = Store.open(folder, StoreSettings(threads=1, retry_s=0.05, segment_mib=segment_mib))
acked, refused = [], []

def put(number):
    ids = [f"s{number}-{i}" for i in range(20)]
    entries = [made.suggestion(number * 20 + i + 1, one) for i, one in enumerate(ids)]
    store.submit(entries).result(20)
    acked.extend(ids)

for number in range(5):
    put(number)
name = "log/00000001.jsonl" if which == "log" else "store.duckdb.wal"
limit = (folder / name).stat().st_size + 20_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
number = 5
while not refused:
    try:
        put(number)
        number += 1
    except StoreUnavailable as error:
        refused.append(str(error))
trouble = store.trouble
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
deadline = time.monotonic() + 20
while True:
    try:
        put(number)
        break
    except StoreUnavailable:
        assert time.monotonic() < deadline
        time.sleep(0.02)
print(json.dumps({"acked": acked, "refused": refused, "trouble": trouble}))
store.close()
"""


@pytest.mark.parametrize("which", ["log", "database"])
def test_what_was_acknowledged_stays_and_the_store_recovers(tmp_path: Path, which: str) -> None:
    folder = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), which],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "accepts nothing until it has recovered" in told["refused"][0]
    assert told["trouble"] is not None
    assert ("duckdb" in told["refused"][0]) == (which == "database")
    settings = StoreSettings(threads=1)
    with Store.open(folder, settings) as store:
        rows = store.query("SELECT suggestion_id AS id FROM suggestions ORDER BY ingest_seq")
    assert [row["id"] for row in rows] == told["acked"]
    assert compare(folder / DATABASE, build(folder, settings)) == []
