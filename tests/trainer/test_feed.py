"""What a cycle learns from: caps, replay, and what is counted."""

from pathlib import Path

import pytest

from trainer.config import TrainerSettings
from trainer.feed import feed
from trainer.records import RunFolder, new_run, refusals

from .made import context, row


def settings(**sections):
    return TrainerSettings.model_validate({"gate": {"min_items": 4}, **sections})


@pytest.fixture(scope="module")
def rows(tokenizer):
    return [row(tokenizer, number) for number in range(40)]


def test_new_feedback_and_replay_of_old(rows, tokenizer):
    old = [row(tokenizer, number) for number in range(100, 140)]
    got = feed((3,), rows, settings(batch={"held_share": 0.3}), old)
    assert len(got.parts.held) == 12
    assert len(got.parts.train) == 28
    assert len(got.replay) == 12  # 30 % of 28 + 12
    assert {r.suggestion_id for r in got.replay} <= {r.suggestion_id for r in old}
    assert not {r.suggestion_id for r in got.train} & {r.suggestion_id for r in got.parts.held}
    assert feed((3,), rows, settings(batch={"held_share": 0.3}), old) == got


def test_unchanged_regions_and_busy_users_are_capped(tokenizer):
    quiet = [
        row(tokenizer, n, settled_text=row(tokenizer, n).context.region, region_changed=False)
        for n in range(20)
    ]
    busy = [row(tokenizer, n, user="ann") for n in range(20, 60)]
    asked = settings(batch={"held_share": 0.0, "user_share": 0.4, "replay_share": 0})
    got = feed((1,), [*quiet, *busy], asked, [])
    assert got.counts["over_user_share"] == 40 - 24
    assert got.counts["over_nothing_wanted_share"] == 20 - 6
    assert got.counts["train"] == len(got.train) == 30
    silence = asked.model_copy(
        update={"experiment": asked.experiment.model_copy(update={"reward": "silence"})}
    )
    assert feed((1,), quiet, silence, []).counts["over_nothing_wanted_share"] == 0


def test_noise_is_measured_before_anything_is_left_out(tokenizer):
    taken = [row(tokenizer, n, outcome="accepted") for n in range(8)]
    refused = [
        row(tokenizer, n, outcome="rejected", region_changed=False, settled_text=context(n).region)
        for n in range(8, 20)
    ]
    got = feed((1,), [*taken, *refused], settings(), [])
    assert got.counts["over_nothing_wanted_share"] > 0
    assert got.label_noise.taken == 8 / 20


def test_only_refusals_count_against_a_batch(tmp_path: Path):
    for result, batches in (("refused", [1, 2]), ("refused", [2]), ("promoted", [2]), (None, [1])):
        run = new_run(tmp_path)
        run.describe(batches=batches, **({"result": result} if result else {}))
    (tmp_path / "runs" / "000009").mkdir()
    (tmp_path / "runs" / "000009" / "run.json").write_text("{ torn")
    assert refusals(tmp_path) == {1: 1, 2: 2}
    assert new_run(tmp_path).name == "000010"


def test_records_are_plain_json(tmp_path: Path):
    run = new_run(tmp_path)
    run.describe(one=1, two=float("nan"))
    run.describe(two=[tmp_path])
    assert run.facts() == {"one": 1, "two": [str(tmp_path)]}
    run.measure(step=1.0)
    run.measure(step=float("inf"))
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert lines == ['{"step": 1.0}', '{"step": null}']
    assert RunFolder(tmp_path / "nowhere").facts() == {}
