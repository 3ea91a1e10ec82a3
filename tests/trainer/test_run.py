"""Whole cycles over HTTP: promoted, refused, too little; batches are spent only by who passed."""

import json
import subprocess
import sys

import pytest
from rich.console import Console

from server.prompts.profiles import profile_for
from trainer.adapters import Origin, shelf
from trainer.config import TrainerSettings
from trainer.gateway import GatewayError
from trainer.lock import AlreadyRunning, run_lock
from trainer.model import load_policy, zero_state
from trainer.overview import status_lines
from trainer.progress import Display
from trainer.records import RunFolder
from trainer.run import run_cycle
from trainer.setup import publish_zero
from trainer.torch_sampler import TorchSampler
from trainer.verdict import Result

from .conftest import MODEL
from .made import batch, row
from .standin import StandIn, served

QUIET = Display(Console(quiet=True))


@pytest.fixture(scope="module")
def other_model():
    """The stand-in samples in another thread, so it needs weights of its own."""
    return load_policy(MODEL, profile_for("hone-tiny"), "cpu")


@pytest.fixture
def world(tmp_path, other_model, tokenizer):
    """A stand-in gateway with 28 settled suggestions ready for export."""
    rows = [row(tokenizer, number) for number in range(28)]
    batch(tmp_path / "batches", 1, rows)
    stand_in = StandIn(tmp_path, TorchSampler(other_model))
    stand_in.ready = [{"number": 1, "items": len(rows), "folder": str(tmp_path / "batches/000001")}]
    with served(stand_in) as url:
        yield stand_in, url


def settings(world, **sections):
    stand_in, url = world
    small = {
        "batch": {"min_items": 20, "held_share": 0.4},
        "train": {"groups": 4, "samples": 4, "max_steps": 2, "warmup_steps": 0},
        "gate": {"min_items": 6, "margin": 0.5, "max_silence_change": 1.0},
        "model": {"threads": 1},
    }
    for name, values in sections.items():
        small[name] = small.get(name, {}) | values
    where = {"gateway": {"url": url}, "data": {"folder": stand_in.data}}
    return TrainerSettings.model_validate(where | small)


def run_facts(stand_in):
    return json.loads(sorted(stand_in.data.glob("runs/*/run.json"))[-1].read_text())


def test_a_cycle_promotes_and_spends_its_batch(world):
    stand_in, _ = world
    assert publish_zero(settings(world), QUIET) == "hone-000001"
    assert run_cycle(settings(world), QUIET) is Result.PROMOTED
    assert stand_in.policies["hone-000002"] == "live"
    assert stand_in.policies["hone-000001"] == "previous"
    assert stand_in.batches[1]["state"] == "spent"
    assert not [n for n, status in stand_in.policies.items() if status == "snapshot"]
    assert not list((stand_in.data / "snapshots").iterdir())
    manifest = json.loads((stand_in.data / "adapters/hone-000002/manifest.json").read_text())
    assert (manifest["parent"], manifest["batches"], manifest["step"]) == ("hone-000001", [1], 2)
    (decision,) = stand_in.decisions
    assert decision["passed"]
    assert decision["inputs"]["probe_gap"] < 1e-4
    assert decision["inputs"]["items"] >= 11
    facts = run_facts(stand_in)
    assert facts["result"] == "promoted"
    assert facts["shares_prefix"] is True
    assert "key" not in facts["settings"]["gateway"]
    lines = (stand_in.data / "runs" / "000001" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1.0, 2.0]
    assert len(list((stand_in.data / "runs" / "000001").glob("rollouts-*.parquet"))) == 2
    assert any("hone-000002" in line for line in status_lines(settings(world)))


def test_an_adapter_equal_to_its_parent_is_refused_and_its_batch_offered_up_to_a_bound(world):
    stand_in, _ = world
    same = settings(world, experiment={"zero_steps": True}, batch={"max_offers": 2})
    assert run_cycle(same, QUIET) is Result.REFUSED
    assert "does not differ" in stand_in.decisions[0]["why"]
    assert stand_in.batches[1]["state"] == "offered"
    assert stand_in.policies == {"hone-000001": "refused"}
    assert run_cycle(same, QUIET) is Result.REFUSED
    assert run_cycle(same, QUIET) is Result.TOO_LITTLE
    assert len(stand_in.decisions) == 2


def test_what_an_administrator_refused_meanwhile_is_not_published_again(world):
    stand_in, _ = world
    stand_in.refused_by_hand = True
    assert run_cycle(settings(world), QUIET) is Result.REFUSED
    assert stand_in.policies["hone-000001"] == "refused"
    assert stand_in.batches[1]["state"] == "offered"
    assert run_facts(stand_in)["result"] == "refused"


def test_after_refusals_a_run_starts_from_the_base_and_is_compared_with_the_live(world):
    stand_in, _ = world
    publish_zero(settings(world), QUIET)
    assert run_cycle(settings(world), QUIET) is Result.PROMOTED
    stand_in.batches[1]["state"] = "offered"
    again = {"batch": {"max_offers": 9}, "restart": {"after_refusals": 1}}
    same = settings(world, experiment={"zero_steps": True}, **again)
    assert run_cycle(same, QUIET) is Result.REFUSED
    assert run_facts(stand_in)["restart"] is None
    run_cycle(same, QUIET)
    facts = run_facts(stand_in)
    assert facts["restart"] == "the last 1 runs were refused"
    assert facts["live"] == "hone-000002"
    assert facts["settings"]["batch"]["replay_share"] == 0.7
    base, live = (
        json.loads((stand_in.data / f"adapters/{name}/manifest.json").read_text())
        for name in (facts["policy"], "hone-000003")
    )
    assert (base["parent"], live["parent"]) == (None, "hone-000002")
    assert "does not differ" in stand_in.decisions[1]["why"]
    assert "does not differ" not in stand_in.decisions[2]["why"]


def test_likelihood_needs_no_rollouts(world):
    stand_in, _ = world
    imitate = settings(
        world, train={"method": "sft", "learning_rate": 1e-3, "max_steps": 8, "passes": 8}
    )
    assert run_cycle(imitate, QUIET) is Result.PROMOTED
    assert not list(stand_in.data.glob("runs/*/rollouts-*"))
    manifest = json.loads((stand_in.data / "adapters/hone-000001/manifest.json").read_text())
    assert manifest["method"] == "sft"
    assert manifest["metrics"]["last"]["nll"] < manifest["metrics"]["first"]["nll"]


def test_too_little_feedback_or_evidence_trains_nothing(world):
    stand_in, _ = world
    assert run_cycle(settings(world, batch={"min_items": 29}), QUIET) is Result.TOO_LITTLE
    assert not stand_in.batches
    assert run_cycle(settings(world, gate={"min_items": 20}), QUIET) is Result.TOO_LITTLE
    assert stand_in.batches[1]["state"] == "offered"
    assert not stand_in.decisions
    assert not list(stand_in.data.glob("runs/*/run.json"))


def test_a_left_over_snapshot_is_unloaded(world, policy):
    stand_in, _ = world
    place = shelf(stand_in.data, policy.profile, MODEL)
    left = place.publish_snapshot(zero_state(policy), Origin("000009", 4, "gapo"))
    stand_in.policies[left.name] = "snapshot"
    run_cycle(settings(world, experiment={"zero_steps": True}), QUIET)
    assert stand_in.policies[left.name] == "retired"
    assert not left.exists()


def test_a_run_whose_engine_went_away_goes_on_where_it_was(world):
    stand_in, _ = world
    stand_in.samples_left = 1  # the second rollout batch is refused
    with pytest.raises(GatewayError, match="the engine is away"):
        run_cycle(settings(world), QUIET)
    (folder,) = (stand_in.data / "runs").glob("0*")
    recorded = (folder / "rollouts-000001.parquet").read_bytes()
    assert not (folder / "rollouts-000002.parquet").exists()
    assert not stand_in.decisions
    stand_in.samples_left = None
    assert run_cycle(settings(world), QUIET) is Result.PROMOTED
    assert [path.name for path in (stand_in.data / "runs").glob("0*")] == [folder.name]
    assert (folder / "rollouts-000001.parquet").read_bytes() == recorded
    assert [line["step"] for line in RunFolder(folder).measured()] == [1.0, 2.0]
    assert not [n for n, status in stand_in.policies.items() if status == "snapshot"]
    assert not (folder / "state.pt").exists()


def test_one_run_at_a_time(world):
    stand_in, _ = world
    with run_lock(stand_in.data), pytest.raises(AlreadyRunning, match="trains in"):
        run_cycle(settings(world), QUIET)


def test_a_gateway_with_another_base_is_refused(world):
    stand_in, _ = world
    stand_in.base_model = "other"
    with pytest.raises(GatewayError, match="serves other"):
        run_cycle(settings(world), QUIET)


def test_two_processes_train_and_one_decides(world):
    stand_in, url = world
    given = settings(world)
    sections = {
        name: getattr(given, name).model_dump(exclude_unset=True)
        for name in ("batch", "train", "gate", "model")
    }
    flags = [f"--{s}.{n}={v}" for s, chosen in sections.items() for n, v in chosen.items()]
    where = [f"--gateway.url={url}", f"--data.folder={stand_in.data}"]
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "trainer.cli"]
    command = [sys.executable, "-m", *torchrun, "run", *where, *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [n for n, status in stand_in.policies.items() if status == "live"] == ["hone-000001"]
    assert len(stand_in.decisions) == 1
    assert run_facts(stand_in)["result"] == "promoted"
    lines = (stand_in.data / "runs" / "000001" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1.0, 2.0]
