"""The language server as a process, an editor over stdio, and a real HTTP gateway."""

from tests.lsp.editor import Editor
from tests.lsp.standin import StandIn

CODE = "".join(f"value_{n} = {n}\n" for n in range(20))


def rewrite(old: str, new: str):
    return lambda region: region.replace(old, new)


def typed(editor: Editor, text: str = CODE, name: str = "a.py") -> str:
    """Open a document and make an edit that a next edit can follow."""
    uri = editor.open(name, text)
    editor.change(uri, ((2, 0), (2, 7), "total_2"))
    return uri


def test_next_edit_is_accepted_by_command(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    assert edit["textDocument"] == {"uri": uri, "version": 2}
    editor.apply(uri, edit)
    assert editor.texts[uri] == CODE.replace("value_2", "total_2").replace("value_4", "total_4")
    name = edit["command"]["arguments"][0]
    assert editor.command(edit["command"]["command"], name) in (True, False)
    editor.wait_delivered()
    [outcome], [settled] = gateway.of(name, "outcome"), gateway.of(name, "settled")
    assert outcome.outcome == "accepted"
    assert settled.settled_by == "quiet"
    assert settled.region_changed
    assert "total_4 = 4\n" in settled.settled_text
    assert settled.accepted_text == settled.settled_text
    survivals = gateway.of(name, "survival")
    assert [s.horizon_s for s in survivals] == [0, 0.1, 0.3]
    assert [s.last for s in survivals] == [False, False, True]
    assert {s.retained for s in survivals} == {1.0}
    request = gateway.requests[0]
    assert request.context.path == "a.py"
    assert request.context.recent_edits[-1].diff == " value_1 = 1\n-value_2 = 2\n+total_2 = 2\n"
    assert (request.context.region_first_line, request.context.cursor_line) == (1, 3)
