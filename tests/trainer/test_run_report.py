"""The picture, the table and the event file hold what was measured."""

import duckdb
import pytest

from trainer import run_report

HISTORY = [
    {"step": 1.0, "reward": 0.25, "groups": 8.0, "dropped_groups": 2.0, "skipped": 1.0},
    {"step": 2.0, "reward": 0.5, "groups": 8.0, "dropped_groups": 4.0, "kl": 0.125},
]


def test_the_table_has_a_row_per_update(tmp_path):
    run_report.write(tmp_path, HISTORY)
    query = f"SELECT step, reward, kl, dropped_share FROM '{tmp_path / run_report.TABLE}'"
    assert duckdb.sql(query).fetchall() == [(1, 0.25, None, 0.25), (2, 0.5, 0.125, 0.5)]


def test_the_picture_is_a_picture(tmp_path):
    run_report.write(tmp_path, HISTORY)
    assert (tmp_path / run_report.PLOT).read_bytes().startswith(b"\x89PNG")


def test_events_are_those_of_the_last_writing(tmp_path):
    run_report.write(tmp_path, HISTORY[:1])
    run_report.write(tmp_path, HISTORY)
    (events,) = tmp_path.glob("events.out.tfevents.*")
    data = events.read_bytes()
    assert data.count(b"reward") == 2
    assert data.count(b"kl") == 1


def test_a_run_without_updates_writes_nothing(tmp_path):
    run_report.write(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("groups", [0.0, 4.0])
def test_the_share_of_dropped_groups_needs_groups(groups):
    found = run_report.with_shares({"groups": groups, "dropped_groups": 1.0})
    assert found.get("dropped_share") == (0.25 if groups else None)
