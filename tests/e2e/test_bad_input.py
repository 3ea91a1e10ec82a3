"""Bad input to the real gateway and the real language server together: nothing is garbled.

What each of the two does alone with bad input is tested in their own packages. Here both run, and
what the store holds in the end is compared with the editor's own text. The engine is a stand-in,
so that its answers and its slowness are the test's.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lsp.context import region_around, region_text
from server.prompts.profiles import profile_for
from tests.e2e.stack import Gateway, editor
from tests.lsp.editor import Editor
from tests.server.samples import event, feedback, suggestion
from tests.server.serving import StandIn

CODE = "".join(f"value_{n} = {n}\n" for n in range(12))
ODD = CODE.replace("value_5 = 5", "value_5 = '\U0001f40d \U0001d54f é'").replace("\n", "\r\n")
"""Carriage returns, and characters that UTF-16 spells with two units."""


@pytest.fixture
def client(running: Gateway, tmp_path: Path) -> Iterator[Editor]:
    with editor(running, tmp_path / "user") as started:
        yield started


def typed(client: Editor, name: str, text: str = CODE) -> str:
    """Open a document and make an edit that a next one may follow."""
    uri = client.open(name, text)
    client.change(uri, ((3, 0), (3, 5), "total"))
    return uri


def silence(client: Editor) -> str:
    return str(client.status()["last_silence"]["reason"])


def region_of(text: str, line: int = 5) -> str:
    """The region that the language server asks about for a cursor in `line`."""
    lines = text.replace("\r\n", "\n").splitlines(keepends=True)
    return region_text(lines, region_around(lines, line, profile_for("hone-tiny").region_lines))


def rewritten(text: str, old: str, new: str) -> str:
    """What the engine is to answer: the region with `old` replaced."""
    assert old in region_of(text)
    return region_of(text).replace(old, new)


def said(wanted: str) -> str:
    """The model's answer that makes `wanted` of a whole region of as many lines."""
    return f"<|L0|>{wanted}<|L{wanted.count(chr(10))}|>"


def test_surrogate_pairs_and_carriage_returns_arrive_as_they_are(
    running: Gateway, engine: StandIn, client: Editor
) -> None:
    uri = typed(client, "odd.py", ODD)
    # Behind the two-unit characters a column is not a code point.
    client.change(uri, ((5, 13), (5, 14), "_\U0001f980"))
    asked_for = client.texts[uri]
    wanted = rewritten(asked_for, "value_7 = 7", "total_7 = '\U0001f40d'")
    engine.answer(text=said(wanted))
    edit = client.next_edit(uri, 5)
    assert edit
    client.apply(uri, edit)
    client.change(uri, ((0, 0), (0, 0), "# \U0001f980\r\n"))
    client.wait_delivered()
    assert client.texts[uri] == "# \U0001f980\r\n" + asked_for.replace(
        "value_7 = 7", "total_7 = '\U0001f40d'"
    )
    client.shutdown()
    running.stop()
    [row] = running.stored("SELECT * FROM suggestion_content")
    seen = json.loads(row["context"])
    around = seen["prefix"] + seen["region"] + seen["suffix"]
    plain = asked_for.replace("\r\n", "\n")
    assert around in plain
    assert seen["region"] == region_of(asked_for)
    assert row["new_region"] == wanted
    [settled] = running.stored("SELECT * FROM settlement_content")
    assert settled["settled_text"] == settled["accepted_text"] == wanted


def test_a_document_edited_meanwhile_gets_no_stale_edit(
    running: Gateway, engine: StandIn, client: Editor
) -> None:
    uri = typed(client, "moved.py")
    engine.answer(text=said(rewritten(client.texts[uri], "value_5", "total_5")), delay_s=1.0)
    asked = client.send("textDocument/copilotInlineEdit", client.at(uri, 5))
    client.wait(lambda: engine.completions(), "the request on its way")
    client.change(uri, ((5, 0), (5, 5), "count"))
    assert client.result(asked) == {"edits": []}
    assert silence(client) in ("document_moved", "cancelled")
    engine.answer(text=said(rewritten(client.texts[uri], "value_6", "total_6")))
    edit = client.next_edit(uri, 5)
    assert edit
    client.apply(uri, edit)
    assert "count_5 = 5\ntotal_6 = 6\n" in client.texts[uri]
    client.wait_delivered()
    client.shutdown()
    running.stop()
    rows = running.stored("SELECT * FROM settlement_content WHERE accepted_text IS NOT NULL")
    assert [row["settled_text"] for row in rows] == [region_of(client.texts[uri])]


UNFIT = {
    "huge.py": "x = 1\n" * 1_700_000,
    "line.py": f"x = 1\n{'y' * 200_000}\nz = 1\n" * 3,
    "data.bin": CODE + "\0\1\2\x7f",
    "half.py": CODE.replace("value_5 = 5", "value_5 = '\ud83d'"),
    "marker.py": CODE.replace("value_5", "'<|region|>'"),
}


def test_what_no_model_should_see_is_silent(
    running: Gateway, engine: StandIn, client: Editor
) -> None:
    reasons = {}
    for name, text in UNFIT.items():
        assert client.next_edit(typed(client, name, text), 4) is None, name
        reasons[name] = silence(client)
    assert reasons == {
        "huge.py": "excluded",
        "line.py": "prompt_too_long",
        "data.bin": "excluded",
        "half.py": "prompt_too_long",
        "marker.py": "sentinel",
    }
    assert engine.completions() == []
    # The pair goes on working, for these documents' neighbour.
    uri = typed(client, "fine.py")
    engine.answer(text=said(rewritten(client.texts[uri], "value_5", "total_5")))
    edit = client.next_edit(uri, 5)
    assert edit
    client.apply(uri, edit)
    assert client.texts[uri] == CODE.replace("value_3", "total_3").replace("value_5", "total_5")


RUBBISH: list[tuple[bytes, int]] = [
    (b"{not json", 400),
    (b"\xff\xfe\x00", 400),
    (b"[]", 422),
    (json.dumps(suggestion(wire=2)).encode(), 426),
    (json.dumps(suggestion(surprise=1)).encode(), 422),
    (json.dumps(suggestion(region="\ud83d")).encode(), 422),
]


def test_rubbish_at_both_doors_changes_nothing(
    running: Gateway, engine: StandIn, client: Editor
) -> None:
    uri = typed(client, "between.py")
    headers = {"content-type": "application/json"}
    for body, status in RUBBISH:
        answer = running.http.post("/v1/suggest", content=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]
    later = running.http.post("/v1/feedback", json=feedback(event("x", 1)) | {"wire": 2})
    assert later.status_code == httpx.codes.UPGRADE_REQUIRED
    assert "update the gateway" in later.json()["detail"]
    for message in (b"{not json", b"[1, 2]", b'{"jsonrpc": "1.0"}', b"\xff\xfe"):
        client.raw(message)
    engine.answer(text=said(rewritten(client.texts[uri], "value_5", "total_5")))
    edit = client.next_edit(uri, 5)
    assert edit
    client.apply(uri, edit)
    client.wait_delivered()
    counts = running.get("/v1/status")["store"]
    assert (counts["suggestions"], counts["outcomes"], counts["quarantined"]) == (1, 1, 0)
