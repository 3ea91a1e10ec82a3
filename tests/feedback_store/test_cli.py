"""`hone-store` in a folder that no gateway owns, and its refusals."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from feedback_store import __version__
from feedback_store.cli import main
from feedback_store.config import StoreSettings
from feedback_store.events import Outcome
from feedback_store.folder import DATABASE, build
from feedback_store.maintenance import Difference, compare
from feedback_store.store import Store
from tests.feedback_store import made

SETTINGS = StoreSettings(threads=1)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


@pytest.fixture
def filled(open_store, folder: Path) -> Path:
    """A data folder with a bit of everything, which nobody owns."""
    store = open_store()
    for number in range(1, 5):
        store.submit(made.refused(number)).result(20)
    accepted = [
        made.suggestion(9, "acc"),
        made.outcome(90, "acc", Outcome.ACCEPTED),
        made.settled(91, "acc", accepted_text="é😀\n"),
        made.survival(92, "acc", last=True),
        made.outcome(93, "lost"),
    ]
    store.submit(accepted).result(20)
    store.record("policy", {"name": "hone-000001", "status": "live"}).result(20)
    store.export(1, 3)
    store.record("batch_state", {"number": 1, "state": "spent", "policy": "p"}).result(20)
    store.close()
    return folder


def run(*arguments: str) -> int:
    return main(list(arguments))


def at(folder: Path) -> list[str]:
    return ["--data.folder", str(folder)]


def damage_a_row(folder: Path) -> None:
    with duckdb.connect(str(folder / DATABASE)) as connection:
        connection.execute("UPDATE suggestions SET engine_ms = 1 WHERE suggestion_id = 'ref-1'")


def test_info_shows_the_counts(filled: Path, capsys) -> None:
    assert run("stats", *at(filled)) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["suggestions", "5"] in lines
    assert ["orphaned", "1"] in lines
    assert run("stats", "--json", *at(filled)) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows"]["batch_items"] == 3
    assert facts["outcomes"] == {"accepted": 1, "rejected": 4}


def test_check_finds_nothing_wrong(filled: Path, capsys) -> None:
    assert run("verify", *at(filled)) == 0
    out = capsys.readouterr().out
    assert "row for row" in out
    assert "WRONG" not in out


def test_check_finds_a_changed_row(filled: Path, capsys) -> None:
    damage_a_row(filled)
    assert run("verify", "--quick", *at(filled)) == 0
    assert run("verify", *at(filled)) == 1
    assert "table suggestions: 1 rows are not in the log, 1 are missing" in capsys.readouterr().out


def test_check_finds_a_damaged_log(filled: Path, capsys) -> None:
    log = filled / "log" / "00000001.jsonl"
    log.write_bytes(log.read_bytes().replace(b"ref-1", b"ref-X"))
    assert run("verify", *at(filled)) == 1
    assert "00000001.jsonl is damaged at byte" in capsys.readouterr().out


def test_check_allows_a_torn_end(filled: Path) -> None:
    log = filled / "log" / "00000001.jsonl"
    log.write_bytes(log.read_bytes() + b"deadbeef 0000")
    assert run("verify", *at(filled)) == 0


def test_check_finds_a_truncated_batch(filled: Path, capsys) -> None:
    parquet = filled / "batches" / "000001" / "batch.parquet"
    parquet.write_bytes(parquet.read_bytes()[:-1])
    assert run("verify", *at(filled)) == 1
    assert "truncated" in capsys.readouterr().out


def test_check_finds_a_batch_nobody_decided(filled: Path, capsys) -> None:
    (filled / "batches" / "000009").mkdir()
    assert run("verify", *at(filled)) == 1
    assert "000009" in capsys.readouterr().out


def test_rebuild_yields_the_same_rows(filled: Path) -> None:
    assert compare(filled / DATABASE, build(filled, SETTINGS)) == []


def test_compare_sees_a_difference(filled: Path, tmp_path: Path) -> None:
    rebuilt = build(filled, SETTINGS)
    damage_a_row(filled)
    assert compare(filled / DATABASE, rebuilt) == [Difference("suggestions", 1, 1)]


def test_rebuild_compares_or_repairs(filled: Path, capsys) -> None:
    damage_a_row(filled)
    assert run("rebuild", "--compare", *at(filled)) == 1
    assert "suggestions: 1 rows only before" in capsys.readouterr().out
    assert run("verify", *at(filled)) == 1
    assert run("rebuild", *at(filled)) == 0
    assert run("verify", *at(filled)) == 0
    assert run("rebuild", "--compare", *at(filled)) == 0
    assert sorted(path.name for path in filled.glob("store.*")) == ["store.duckdb"]


def test_rebuild_replaces_a_destroyed_database(filled: Path) -> None:
    (filled / DATABASE).write_bytes(b"destroyed" * 1000)
    assert run("verify", *at(filled)) == 1
    assert run("rebuild", *at(filled)) == 0
    assert run("verify", *at(filled)) == 0


def test_export_publishes_the_next_batch(filled: Path, capsys) -> None:
    assert run("export", "--min-items", "9", *at(filled)) == 1
    assert "2 suggestions are ready, fewer than asked for" in capsys.readouterr().out
    assert run("export", *at(filled)) == 0
    assert "000002 with 2 suggestions" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["stats", "verify", "rebuild", "export", "retain"])
def test_a_folder_with_an_owner_is_left_alone(store: Store, folder: Path, capsys, command) -> None:
    nobody = ["--gateway.socket", str(folder / "no-socket")]
    assert run(command, *nobody, *at(folder)) == 3
    error = capsys.readouterr().err
    assert "owned by a gateway" in error
    assert error.count("\n") == 1


def test_what_is_no_data_folder_is_refused(tmp_path: Path, capsys) -> None:
    assert run("stats", *at(tmp_path / "nowhere")) == 2
    assert "no data folder" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_bad_configuration_is_refused(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("HONE_STORE_STORE__THREDS", "1")
    assert run("stats", *at(tmp_path)) == 2
    assert "HONE_STORE_STORE__THREADS" in capsys.readouterr().err


def test_the_program_explains_itself() -> None:
    def hone_store(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from feedback_store.cli import main; exit(main())"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    assert hone_store("--version").stdout == f"hone-store {__version__}\n"
    text = hone_store("--help").stdout
    assert all(name in text for name in ("stats", "verify", "rebuild", "export", "examples:"))
    assert hone_store("stats", "--nonsense").returncode == 2
