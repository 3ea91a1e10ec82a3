"""The gate on real parts: a policy trained to be worse is refused and serves nobody; a good one
passes. Both learn from the same feedback, through the commands that a person would type.
"""

import json

import httpx
import pytest

from deploy.demo.loop import SteadyEditor
from deploy.demo.measure import context_of
from server.engine.record import EngineRecord
from tests.e2e.feedback import PROFILE, leave, small_sets, suggestion
from tests.e2e.stack import Gateway, trainer

TASKS = 216
"""Half of them are held back; the gate wants a hundred."""
PROMOTED, REFUSED = 0, 3
BASE, BAD, GOOD = "hone-tiny", "hone-000001", "hone-000002"
SHORT = ("--batch.min_items", "200", "--batch.held_share", "0.5", "--train.groups", "8",
         "--train.samples", "8", "--train.warmup_steps", "0")  # fmt: skip
FAR = ("--train.max_steps", "10", "--train.learning_rate", "0.01")
"""A few reversed steps at the profile's own rate hardly harm, and the gate need not mind."""
FEW = ("--train.max_steps", "4")

# A reversed policy rambles up to its token limit, which takes minutes on a CPU.
pytestmark = [pytest.mark.engine, pytest.mark.long]


def test_a_reversed_policy_is_refused_and_a_good_one_passes(
    real: Gateway, vllm: EngineRecord
) -> None:
    tasks = small_sets(TASKS, 20)
    leave(real, tasks.learning)
    context = context_of(tasks.evaluation[0], PROFILE)

    reversed_run = ("--experiment.reverse_advantages", "true", *FAR)
    assert train_while_editing(real, *reversed_run) == REFUSED
    assert policies(real)[BAD] == ("refused", False)
    assert BAD not in listed(vllm)
    assert suggestion(real, context).policy_version == BASE
    assert asked_for_by_name(real, BAD) == {
        f"/v1/policies/{BAD}/promote": httpx.codes.CONFLICT,
        "/v1/policies": httpx.codes.CONFLICT,
        "/v1/rollouts": httpx.codes.SERVICE_UNAVAILABLE,
        "/v1/suggest": httpx.codes.UNPROCESSABLE_ENTITY,
    }

    assert train_while_editing(real, *FEW) == PROMOTED
    assert policies(real) == {BAD: ("refused", False), GOOD: ("live", True)}
    assert suggestion(real, context).policy_version == GOOD
    real.stop()
    check_decisions(real)


def train_while_editing(gateway: Gateway, *flags: str) -> int:
    """Run one cycle while an editor asks on; its exit code. Nobody may meet the bad version."""
    steady = SteadyEditor(gateway.url)
    with steady.asking():
        said = trainer(gateway, "run", *SHORT, *flags)
    print(said.stdout, said.stderr)
    assert steady.failed == 0
    assert BASE in steady.policies
    assert BAD not in steady.policies
    return said.returncode


def check_decisions(gateway: Gateway) -> None:
    """Both verdicts are stored with what they were made of, and so is the batch's fate."""
    refused, passed = gateway.stored("SELECT * FROM decisions ORDER BY ingest_seq")
    assert (refused["policy"], refused["passed"]) == (BAD, False)
    assert (passed["policy"], passed["passed"]) == (GOOD, True)
    worse, better = json.loads(refused["inputs"]), json.loads(passed["inputs"])
    for inputs in (worse, better):
        assert inputs["items"] >= 100
        assert inputs["probe_gap"] < 0.02
        assert inputs["differs_from_parent"] is True
    # The worse one may fall to any of the gate's bounds: rewards, lengths or silence.
    assert worse["verdict"] == "refused"
    assert better["reward_difference_low"] > -better["margin"]
    states = gateway.stored("SELECT number, state, policy FROM batch_states ORDER BY ingest_seq")
    assert [tuple(state.values()) for state in states] == [(1, "offered", BAD), (1, "spent", GOOD)]


def policies(gateway: Gateway) -> dict[str, tuple[str, bool]]:
    """Every version that is no snapshot: its status, and whether the engine holds it."""
    found = gateway.get("/v1/policies")
    versions = [policy for policy in found if policy["name"].startswith("hone-")]
    return {policy["name"]: (policy["status"], policy["loaded"]) for policy in versions}


def listed(engine: EngineRecord) -> set[str]:
    headers = {"Authorization": f"Bearer {engine.key}"}
    answer = httpx.get(f"{engine.url}/v1/models", headers=headers, trust_env=False)
    return {model["id"] for model in answer.json()["data"]}


def asked_for_by_name(gateway: Gateway, name: str) -> dict[str, int]:
    """Try every way to reach a version by its name; the status of each refusal."""
    bodies: dict[str, dict[str, object]] = {
        f"/v1/policies/{name}/promote": {},
        "/v1/policies": {"name": name},
        "/v1/rollouts": {"policy": name, "prompts": [[1, 2, 3]]},
        "/v1/suggest": {"policy": name},
    }
    return {path: gateway.http.post(path, json=body).status_code for path, body in bodies.items()}
