"""The schedule by the clock, by cron and by feedback; and what a restart remembers."""

import json
from datetime import datetime

import pytest
from pydantic import ValidationError

from trainer.config import WatchSection
from trainer.watch import Schedule, Watch


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def watching(folder, clock, ready=lambda: 0, cycle=None, **settings):
    starts = []

    def run():
        starts.append(clock.now)
        if cycle:
            cycle()

    schedule = Schedule(WatchSection(**{"poll_s": 10, **settings}))
    return Watch(folder, schedule, run, ready, clock, clock.sleep), starts


def test_by_interval_at_once_and_then_from_start_to_start(tmp_path):
    clock = Clock()
    watch, starts = watching(tmp_path, clock, interval_s=100, cycle=lambda: clock.sleep(30))
    watch.forever(cycles=3)
    assert [start - starts[0] for start in starts] == [0, 100, 200]


def test_a_restart_keeps_the_schedule(tmp_path):
    clock = Clock()
    watching(tmp_path, clock, interval_s=100)[0].forever(cycles=1)
    again, starts = watching(tmp_path, clock, interval_s=100)
    again.forever(cycles=1)
    assert starts == [1_000_100.0]


def test_a_killed_cycle_is_not_started_again_at_once(tmp_path):
    clock = Clock()

    def killed():
        raise SystemExit

    with pytest.raises(SystemExit):
        watching(tmp_path, clock, interval_s=100, cycle=killed)[0].forever()
    again, starts = watching(tmp_path, clock, interval_s=100)
    again.forever(cycles=1)
    assert starts == [1_000_100.0]


def test_by_cron_in_local_time(tmp_path):
    noon = datetime(2026, 11, 2, 12, 0).astimezone().timestamp()
    clock = Clock(noon)
    watch, starts = watching(tmp_path, clock, cron="30 3 * * *", poll_s=600)
    watch.forever(cycles=2)
    times = [datetime.fromtimestamp(start) for start in starts]
    assert [(t.day, t.hour, t.minute) for t in times] == [(3, 3, 30), (4, 3, 30)]


def test_enough_feedback_starts_early(tmp_path):
    clock = Clock()
    amounts = iter([0, 49, 50, 0, 0])
    watch, starts = watching(
        tmp_path, clock, ready=lambda: next(amounts), interval_s=1e6, new_feedback=50
    )
    (tmp_path / "watch.json").write_text(json.dumps({"last_start": clock.now}))
    watch.forever(cycles=1)
    assert starts == [1_000_020.0]


def test_a_gateway_that_is_away_starts_nothing(tmp_path):
    schedule = Schedule(WatchSection(new_feedback=50))
    assert not schedule.due(1_000_000.0, 1_000_010.0, None)
    assert schedule.due(1_000_000.0, 1_003_600.0, None)


def test_a_damaged_state_is_as_good_as_none(tmp_path):
    (tmp_path / "watch.json").write_text("{")
    watch, starts = watching(tmp_path, Clock())
    watch.forever(cycles=1)
    assert starts == [1_000_000.0]


def test_a_wrong_cron_expression_is_refused():
    with pytest.raises(ValidationError, match="no cron expression"):
        WatchSection(cron="every day")
