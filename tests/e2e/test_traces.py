"""A trace that hone-lsp begins goes on in the gateway's spans and in what the engine is asked."""

from pathlib import Path

from tests.e2e.stack import editor, gateway
from tests.lsp.scenes import typed
from tests.server.serving import ENGINE_KEY, StandIn, serve
from tests.server.test_observing import Collector


def test_a_trace_begins_in_the_editor(engine: StandIn, tmp_path: Path) -> None:
    collector = Collector()
    with serve(collector.app()) as url:
        env = {
            "HONE_SERVER_ENGINE__MANAGED": "false",
            "HONE_SERVER_ENGINE__URL": engine.url,
            "HONE_SERVER_ENGINE__KEY": ENGINE_KEY,
            "HONE_SERVER_OBSERVE__TRACES": url,
        }
        with gateway(tmp_path / "server", env) as running, editor(running, tmp_path) as session:
            session.next_edit(typed(session), 4)
    [asked, *_] = engine.completions()
    _, trace, parent, _ = asked["traceparent"].split("-")
    mine = {span.name: span for span in collector.spans if span.trace_id.hex() == trace}
    assert set(mine) == {"suggest", "generate"}
    assert mine["generate"].span_id.hex() == parent
    assert mine["generate"].parent_span_id == mine["suggest"].span_id
    # Whoever begins a trace has no parent: this one was begun before the gateway.
    assert len(mine["suggest"].parent_span_id) == 8
    assert mine["suggest"].parent_span_id not in {span.span_id for span in collector.spans}
