"""kill -9 of the gateway: its vLLM is adopted. kill -9 of vLLM: quiet failures, and then the
right adapter answers again, without anybody's help. One gateway with a vLLM of its own.
"""

import os
import signal
from pathlib import Path

import pytest

from deploy.demo.measure import context_of
from feedback_store.events import EditContext, Outcome, Reason
from server.engine import record as records
from server.engine.record import EngineRecord
from tests.e2e.feedback import PROFILE, small_sets, suggestion
from tests.e2e.stack import READY_S, Gateway, editor, gateway, poll, trainer

ZERO = "hone-000001"

pytestmark = [pytest.mark.engine, pytest.mark.long]


@pytest.fixture
def context() -> EditContext:
    return context_of(small_sets(20, 20).learning[0], PROFILE)


def recorded(running: Gateway) -> EngineRecord:
    found = records.read(running.data / "engine.json")
    assert found is not None
    return found


def test_a_killed_gateway_adopts_and_a_killed_engine_returns(
    tmp_path: Path, context: EditContext
) -> None:
    with gateway(tmp_path, {}) as running:
        said = trainer(running, "zero")
        assert said.returncode == 0, said.stdout + said.stderr
        assert suggestion(running, context).policy_version == ZERO
        the_gateway_is_killed(running, context)
        the_engine_is_killed(running, context, tmp_path)
        last = recorded(running)
    assert not records.is_ours(last)


def the_gateway_is_killed(running: Gateway, context: EditContext) -> None:
    before = recorded(running)
    running.kill()
    assert records.is_running(before)
    running.start()
    running.wait_ready()
    assert recorded(running) == before
    engine = running.get("/v1/status")["engine"]
    assert (engine["adopted"], engine["restarts"]) == (True, 0)
    answer = suggestion(running, context)
    assert answer.policy_version == ZERO
    assert answer.outcome is not Outcome.FAILED


def the_engine_is_killed(running: Gateway, context: EditContext, folder: Path) -> None:
    before = recorded(running)
    with editor(running, folder / "user") as user:
        uri = user.open("quiet.py", "value_0 = 0\nvalue_1 = 1\nvalue_2 = 2\n")
        user.change(uri, ((0, 0), (0, 5), "total"))
        os.kill(before.pid, signal.SIGKILL)
        failed = suggestion(running, context)
        assert (failed.outcome, failed.reason) == (Outcome.FAILED, Reason.ENGINE_DOWN)
        assert failed.detail
        assert user.next_edit(uri, 1) is None
        assert user.status()["last_silence"]["reason"] == "engine_down"
        poll(lambda: running.http.get("/readyz").status_code == 503, "a gateway that is not ready")
        assert running.http.get("/livez").status_code == 200
        running.wait_ready()
        assert not records.is_ours(before)
        assert recorded(running).pid != before.pid
        back = suggestion(running, context)
        assert (back.policy_version, back.outcome is Outcome.FAILED) == (ZERO, False)
        status = running.get("/v1/status")
        assert ZERO in status["engine"]["loaded"]
        assert status["engine"]["restarts"] == 1
        user.next_edit(uri, 1)
        poll(lambda: running.get("/v1/status")["engine"]["state"] == "up", "the engine", READY_S)
