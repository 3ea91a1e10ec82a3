"""A run that is killed goes on from its records, to the same bits; two processes do what one does.

Knows real processes and real kills.
"""

import json
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from trainer import run_state
from trainer.adapters import Origin
from trainer.model import equal
from trainer.training import learner, train

from .conftest import bench_with
from .made import row

ORIGIN = Origin(run="000001", step=0, method="gapo")


def started(folder, *options, processes=1):
    folder.mkdir(exist_ok=True)
    launcher = ["-m"]
    if processes > 1:
        torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        launcher += torchrun
    command = [sys.executable, *launcher, "tests.trainer.interrupted", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def measured(folder):
    lines = (folder / "runs" / "000001" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    done = started(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("killed_at", [pytest.param(1, marks=pytest.mark.long), 4])
def test_a_run_killed_within_an_update_ends_with_the_same_bits(whole, tmp_path, killed_at):
    killed = started(tmp_path, "--kill-at", str(killed_at))
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "adapter.safetensors").exists()
    resumed = started(tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    names = "adapter.safetensors"
    assert equal(load_file(tmp_path / names), load_file(whole / names))
    timed = ("rollout_s", "update_s", "total_s")
    found, wanted = (
        [{n: v for n, v in one.items() if n not in timed} for one in measured(folder)]
        for folder in (tmp_path, whole)
    )
    assert found == wanted
    assert [one["step"] for one in found] == list(range(1, len(found) + 1))


def test_later_updates_of_a_batch_see_ratios_and_clipping(whole):
    first, second, *_ = measured(whole)
    assert (first["ratio"], first["clip_fraction"]) == (pytest.approx(1.0, abs=1e-5), 0.0)
    assert abs(second["ratio"] - 1) > 1e-3
    assert any(one["clip_fraction"] > 0 for one in measured(whole))


@pytest.mark.long
def test_two_processes_give_what_one_gives(whole, tmp_path):
    done = started(tmp_path, processes=2)
    assert done.returncode == 0, done.stderr
    one, two = (load_file(folder / "adapter.safetensors") for folder in (whole, tmp_path))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-5)
    assert [m["reward"] for m in measured(tmp_path)] == [m["reward"] for m in measured(whole)]


def test_recorded_rollouts_are_used_again_and_give_the_same_adapter(policy, tmp_path):
    bench = bench_with(policy, tmp_path, train={"groups": 2, "samples": 4, "max_steps": 2})
    rows = [row(policy.tokenizer, number) for number in range(4)]
    first = policy.state()
    history = train(bench, learner(bench, first), rows, ORIGIN)
    once = policy.state()
    assert not equal(once, first)
    run_state.forget(bench.run)
    # Sampling again is impossible now, so the records must be what is learnt from.
    bench.sampler.sample = None  # type: ignore[method-assign, assignment]
    again = train(bench, learner(bench, first), rows, ORIGIN)
    assert equal(policy.state(), once)
    assert [m["reward"] for m in again] == [m["reward"] for m in history]
    run_state.forget(bench.run)
    with pytest.raises(ValueError, match="other prompts"):
        train(bench, learner(bench, first), list(reversed(rows))[:3], ORIGIN)
