"""Lines are looked at for keys once, however often what is under observation is kept."""

from pathlib import Path
from typing import Any

from lsp.scan import Scan
from tests.lsp.line import Line
from tests.lsp.scenes import CODE

URI = "file:///w/a.py"


def test_a_line_is_looked_at_once() -> None:
    seen: list[str] = []

    def holds_key(line: str) -> bool:
        seen.append(line)
        return "key" in line

    scan = Scan(holds_key, kept=3)
    for _ in range(2):
        assert not scan.holds("one\ntwo")
        assert scan.holds("a key")
    assert (seen, scan.looked_at) == (["one", "two", "a key"], 3)
    # What is forgotten is looked at again.
    assert not scan.holds("three\none")
    assert seen[3:] == ["three", "one"]


async def test_only_what_changed_is_looked_at_again(tmp_path: Path) -> None:
    line = Line(tmp_path, lambda request: request.context.region.replace("value_4", "total_4"), {})

    async def notify(method: str, params: dict[str, Any]) -> None:
        await line.send({"jsonrpc": "2.0", "method": f"textDocument/{method}", "params": params})

    async def ask(method: str, params: dict[str, Any]) -> Any:
        answer = await line.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return answer and answer["result"]

    async def typed(version: int, row: int, text: str) -> None:
        spot = {"line": row, "character": 0}
        change = {"range": {"start": spot, "end": spot}, "text": text}
        document = {"uri": URI, "version": version}
        await notify("didChange", {"textDocument": document, "contentChanges": [change]})

    capabilities = {"textDocument": {"inlineCompletion": {}}}
    about = {"processId": None, "rootUri": "file:///w", "capabilities": capabilities}
    await ask("initialize", about)
    item = {"uri": URI, "languageId": "python", "version": 1, "text": CODE}
    await notify("didOpen", {"textDocument": item})
    await typed(2, 2, "x")
    place = {"textDocument": {"uri": URI}, "position": {"line": 4, "character": 0}}
    assert (await ask("textDocument/copilotInlineEdit", place))["edits"]
    observation, scan = line.server.session.observation, line.server.session.reporter.scan
    observation.keep()
    known = scan.looked_at
    assert known > 10
    observation.keep()
    assert scan.looked_at == known
    await typed(3, 5, "y")
    observation.keep()
    assert scan.looked_at == known + 1
    await line.end()
