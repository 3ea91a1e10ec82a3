"""Nobody waits for a gateway that has failed again and again, until it greets again."""

from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import reason, rewrite, typed
from tests.lsp.standin import StandIn

LONG_MS = "60000"


def trouble(editor: Editor) -> str:
    return editor.status()["gateway"]["trouble"]


def test_mute_gateway_is_waited_for_a_few_times_only(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SUGGEST__DEADLINE_MS="300")
    editor.initialize()
    uri = typed(editor)
    editor.wait(lambda: editor.status()["gateway"]["connected"], "the greeting")
    gateway.delay_s, gateway.muted = 20.0, True
    for line in (4, 5, 6):
        assert editor.next_edit(uri, line) is None
        assert reason(editor) == "deadline"
    assert not editor.status()["gateway"]["connected"]
    assert "does not answer" in trouble(editor)
    asked = len(gateway.requests)
    for line in (7, 8, 9):
        assert editor.next_edit(uri, line) is None
    assert len(gateway.requests) == asked


def test_gone_gateway_is_greeted_in_the_background(launch: Launch, gateway: StandIn) -> None:
    gateway.stop()
    editor = launch(HONE_LSP_SUGGEST__DEADLINE_MS=LONG_MS, HONE_LSP_GATEWAY__TIMEOUT_S="60")
    editor.initialize()
    uri = typed(editor)
    for _ in range(3):
        assert editor.next_edit(uri, 4) is None
    gateway.muted = True
    gateway.start()
    # The greeting hangs now. A request that waited for it would time out this test.
    assert editor.next_edit(uri, 4) is None
    editor.wait(lambda: gateway.greetings, "a greeting")
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "gateway_down"
    assert gateway.greetings == 1
    gateway.muted = False
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    editor.wait(lambda: editor.next_edit(uri, 4), "suggestions again")


def test_refusing_gateway_is_not_gone(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    editor.wait(lambda: editor.status()["gateway"]["connected"], "the greeting")
    for line in (4, 5, 6, 7):
        gateway.status = 503
        assert editor.next_edit(uri, line) is None
        assert reason(editor) == "engine_down"
    gateway.status = 200
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    assert editor.next_edit(uri, 4)
