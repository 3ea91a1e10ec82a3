"""The wait for the next key follows the user; times are given, none is measured."""

import pytest

from feedback_store.events import FeedbackLevel, Outcome, Shown
from lsp.findings import Decided
from lsp.pace import DEBOUNCED_MS, LEAST_MS, MOST_MS, Pace
from tests.lsp.conftest import Launch
from tests.lsp.scenes import reason, typed
from tests.lsp.standin import StandIn


def paced(interval_s: float, keys: int = 100) -> float:
    pace = Pace(100.0, "code")
    for key in range(keys):
        pace.typed(key * interval_s)
    return pace.wait_ms(keys * interval_s)


def test_base_before_anything_is_known() -> None:
    assert Pace(100.0, "code").wait_ms(0.0) == 100.0


def test_wait_follows_the_rhythm_between_half_and_twice() -> None:
    assert paced(0.15) == pytest.approx(100.0)
    assert paced(0.12) == pytest.approx(80.0, rel=0.01)
    assert paced(0.01) == pytest.approx(50.0)
    assert paced(0.9) == pytest.approx(200.0)


def test_pauses_are_no_rhythm() -> None:
    assert paced(5.0) == 100.0


def test_refusals_and_accepts_wear_off() -> None:
    pace = Pace(100.0, "code")
    pace.refused(0.0)
    assert pace.wait_ms(0.0) == pytest.approx(150.0)
    pace.refused(0.0)
    assert pace.wait_ms(0.0) == pytest.approx(225.0)
    pace.taken(0.0)
    assert pace.wait_ms(0.0) == pytest.approx(180.0)
    assert 100.0 < pace.wait_ms(600.0) < 130.0
    assert pace.wait_ms(6000.0) == pytest.approx(100.0, rel=1e-3)


def test_wait_stays_within_bounds() -> None:
    pace = Pace(100.0, "code")
    for _ in range(20):
        pace.refused(0.0)
    assert pace.wait_ms(0.0) == MOST_MS
    for _ in range(90):
        pace.taken(0.0)
    assert pace.wait_ms(0.0) == LEAST_MS


@pytest.mark.parametrize(
    ("outcome", "visible_ms", "expected"),
    [
        (Outcome.ACCEPTED, 900.0, 80.0),
        (Outcome.PARTIALLY_ACCEPTED, 900.0, 80.0),
        (Outcome.REJECTED, 100.0, 150.0),
        (Outcome.DIVERGED, 900.0, 150.0),
        (Outcome.DIVERGED, 100.0, 100.0),
        (Outcome.DIVERGED, None, 100.0),
        (Outcome.SUPERSEDED, 900.0, 100.0),
        (Outcome.STALE, None, 100.0),
    ],
)
def test_what_counts_as_a_refusal(
    outcome: Outcome, visible_ms: float | None, expected: float
) -> None:
    pace = Pace(100.0, "code")
    told = Decided("s", FeedbackLevel.FULL, outcome, Shown.UNKNOWN, None, visible_ms, 0.0)
    pace.found(told, 0.0)
    assert pace.wait_ms(0.0) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["Neovim", "coc.nvim", "emacs", "Eglot", "IntelliJ IDEA"])
def test_clients_that_wait_are_not_waited_for(name: str) -> None:
    assert Pace(100.0, name).wait_ms(0.0) == DEBOUNCED_MS
    assert Pace(100.0, name).wait_ms(0.0, asked=False) == 100.0


def test_none_is_none() -> None:
    pace = Pace(0.0, "code")
    pace.refused(0.0)
    assert pace.wait_ms(0.0) == 0.0


def test_waiting_ends_with_the_next_key_but_not_by_hand(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__DEBOUNCE_MS="1000")
    editor.initialize()
    uri = typed(editor)
    by_itself = editor.at(uri, 2, 7) | {"context": {"triggerKind": 2}}
    number = editor.send("textDocument/inlineCompletion", by_itself)
    editor.status()  # whose answer comes once the server waits for the next key
    editor.change(uri, ((2, 7), (2, 7), "x"))
    by_hand = editor.at(uri, 2, 8) | {"context": {"triggerKind": 1}}
    editor.request("textDocument/inlineCompletion", by_hand)
    assert len(gateway.requests) == 1
    assert editor.result(number)["items"] == []
    assert reason(editor) == "document_moved"
    assert len(gateway.requests) == 1
