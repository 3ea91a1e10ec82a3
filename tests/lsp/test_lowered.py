"""A level that is lowered holds for everything that is under way, in memory and on disk."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import FeedbackLevel, Outcome, Reason, SuggestRequest
from lsp.config import GatewaySettings
from lsp.credentials import Found
from lsp.gateway import Gateway
from tests.lsp.conftest import Launch
from tests.lsp.desk import Desk
from tests.lsp.line import Line
from tests.lsp.scenes import CODE, typed
from tests.lsp.standin import HELLO, StandIn

FULL, FACTS, OFF = FeedbackLevel.FULL, FeedbackLevel.FACTS, FeedbackLevel.OFF
LONG = {"HONE_LSP_SETTLING__QUIET_S": "60", "HONE_LSP_SETTLING__LONGEST_WAIT_S": "60"}


def on_disk(folder: Path) -> str:
    """All that is kept of suggestions."""
    found = ""
    for path in folder.rglob("spool/*/*/*"):
        # What is looked at may be put in another file's place, or go.
        with suppress(FileNotFoundError):
            found += path.read_text("utf-8")
    return found


@pytest.mark.parametrize("lowered", [FACTS, OFF])
def test_an_answer_does_not_undo_what_was_lowered_meanwhile(lowered: FeedbackLevel) -> None:
    desk = Desk(CODE)
    first, second = desk.ask(2, 4), desk.ask(10, 12)
    first.level = second.level = lowered
    desk.answer(first, "better\n")
    desk.tracker.silent(second, "s9", FULL, Outcome.WITHHELD, Reason.NO_EDIT, desk.now)
    desk.wait(100)
    assert {w.level for w in (first, second)} == {finding.level for finding in desk.found}
    assert {finding.level for finding in desk.found} == {lowered}


def test_an_answer_in_flight_is_kept_without_text(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = launch(**LONG)
    editor.initialize()
    uri = typed(editor)
    gateway.delay_s = 0.5
    gateway.answers.append(lambda region: region.replace("value_4 = 4", "secret_4 = 4"))
    number = editor.send("textDocument/copilotInlineEdit", editor.at(uri, 4))
    editor.wait(lambda: gateway.requests, "the request")
    assert editor.command("hone.feedback", "facts")["level"] == "facts"
    [edit] = editor.result(number)["edits"]
    name = edit["command"]["arguments"][0]
    editor.wait(lambda: name in on_disk(tmp_path), "the offer to be kept")
    assert "secret" not in on_disk(tmp_path)
    assert "value_4" not in on_disk(tmp_path)


def test_what_the_gateway_allowed_last_holds_while_it_is_away(gateway: StandIn) -> None:
    gateway.hello = HELLO.model_copy(update={"feedback_level": FACTS})

    async def levels() -> list[FeedbackLevel]:
        known = Gateway(GatewaySettings(url=gateway.url), lambda: Found(None, "nowhere"), "0")
        found = [known.allows()]
        assert await known.greet()
        found.append(known.allows())
        gateway.stop()
        assert await known.greet() is None
        found.append(known.allows())
        await known.close()
        return found

    assert asyncio.run(levels()) == [FULL, FACTS, FACTS]


class Opened:
    """A line with one document, and an offer on screen in it."""

    def __init__(self, folder: Path, **overrides: str) -> None:
        self.line = Line(folder, self._model, overrides)
        self.uri = (folder / "a.py").as_uri()
        self._version = 1
        self._root = folder.as_uri()

    def _model(self, request: SuggestRequest) -> str | None:
        return request.context.region.replace("value_4 = 4", "secret_4 = 4")

    async def offered(self) -> None:
        about = {"processId": None, "rootUri": self._root, "capabilities": {}}
        await self._say("initialize", about, id=1)
        document = {"uri": self.uri, "languageId": "python", "version": 1, "text": CODE}
        await self._say("textDocument/didOpen", {"textDocument": document})
        await self.change(2, "x")
        place = {"line": 4, "character": 0}
        params = {"textDocument": {"uri": self.uri, "version": 2}, "position": place}
        answer = await self._say("textDocument/copilotInlineEdit", params, id=2)
        assert answer
        assert answer["result"]["edits"]

    async def change(self, line: int, text: str) -> None:
        self._version += 1
        spot = {"line": line, "character": 0}
        document = {"uri": self.uri, "version": self._version}
        changes = [{"range": {"start": spot, "end": spot}, "text": text}]
        params = {"textDocument": document, "contentChanges": changes}
        await self._say("textDocument/didChange", params)

    async def _say(self, method: str, params: Any, **more: int) -> dict[str, Any] | None:
        return await self.line.send({"jsonrpc": "2.0", "method": method, "params": params} | more)


@pytest.mark.parametrize("typing", [True, False])
def test_what_the_administrator_lowers_is_lowered_at_once(tmp_path: Path, typing: bool) -> None:
    async def run() -> tuple[str, str]:
        scene = Opened(tmp_path)
        await scene.offered()
        await scene.line.wait(1)
        before = on_disk(tmp_path)
        scene.line.oracle.hello = HELLO.model_copy(update={"feedback_level": FACTS})
        if typing:
            await scene.change(15, "y")
        else:
            scene.line.server.session.observation.heed()
        after = on_disk(tmp_path)
        await scene.line.end()
        return before, after

    before, after = asyncio.run(run())
    assert "secret_4" in before
    assert "s1" in after
    assert "secret_4" not in after
