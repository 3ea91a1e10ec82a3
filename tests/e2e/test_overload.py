"""A gateway that has no room says so in HTTP's words, and hone-lsp in its own."""

from pathlib import Path

from feedback_store.events import Reason, SuggestRequest
from lsp.config import GatewaySettings
from lsp.credentials import Found
from lsp.gateway import Gateway, Silence
from tests.server.samples import suggestion
from tests.server.serving import StandIn, settings_for
from tests.server.serving import gateway as serving


async def test_no_room_is_a_passing_silence(engine: StandIn, tmp_path: Path) -> None:
    with serving(settings_for(tmp_path / "data", engine.url)) as client:
        settings = GatewaySettings(url=str(client.base_url))
        asked = Gateway(settings, lambda: Found(None, "nowhere"), "test")
        try:
            assert await asked.greet()
            engine.answer(status=503, text="the queue is full")
            answer = await asked.suggest(SuggestRequest.model_validate(suggestion()))
            assert isinstance(answer, Silence)
            assert answer.reason is Reason.OVERLOADED
            assert "the queue is full" in answer.detail
            assert asked.hello, "a gateway that is busy is not gone"
            again = await asked.suggest(SuggestRequest.model_validate(suggestion()))
            assert not isinstance(again, Silence)
        finally:
            await asked.close()
