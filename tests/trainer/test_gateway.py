"""The client against a real HTTP server: retries, refusals, and a gateway that is not there."""

import pytest

from feedback_store.events import Decision
from trainer.config import GatewaySection
from trainer.gateway import Gateway, GatewayError

from .standin import StandIn, served


@pytest.fixture
def stand_in(tmp_path):
    return StandIn(tmp_path)


@pytest.fixture
def waits():
    return []


@pytest.fixture
def gateway(stand_in, waits):
    with served(stand_in) as url, Gateway(GatewaySection(url=url), sleep=waits.append) as gateway:
        yield gateway


def test_an_engine_that_is_away_is_waited_for(stand_in, gateway, waits):
    stand_in.failing = [503, 502]
    assert gateway.hello().base_model == "hone-tiny"
    assert waits == [0.5, 1.0]


def test_a_refusal_is_not_repeated_and_says_why(stand_in, gateway, waits):
    stand_in.failing = [409]
    with pytest.raises(GatewayError, match="409 not now") as caught:
        gateway.policies()
    assert caught.value.status == 409
    assert waits == []


def test_a_decision_is_sent_once(stand_in, gateway, waits):
    stand_in.failing = [503]
    with pytest.raises(GatewayError):
        gateway.decide(Decision(policy="hone-000001", passed=False, why="", inputs={}))
    assert waits == []


def test_counting_ready_feedback_exports_nothing(stand_in, gateway):
    stand_in.ready = [{"number": 1, "items": 12}]
    assert gateway.ready_items() == 12
    assert stand_in.batches == {}


def test_nobody_there_says_what_to_do():
    nowhere = GatewaySection(url="http://127.0.0.1:9")
    with (
        Gateway(nowhere, retry_for_s=0) as gateway,
        pytest.raises(GatewayError, match="start hone-server"),
    ):
        gateway.hello()
