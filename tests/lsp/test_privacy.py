"""What must not leave the machine, and who may decide where it goes."""

from pathlib import Path

import pytest

from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, offered, reason, typed
from tests.lsp.standin import StandIn


@pytest.mark.parametrize("name", [".env", "keys/server.pem", "ignored.py", "deep/generated.py"])
def test_excluded_file_never_leaves(
    editor: Editor, gateway: StandIn, workspace: Path, name: str
) -> None:
    (workspace / ".gitignore").write_text("ignored.py\n")
    (workspace / "deep").mkdir(exist_ok=True)
    (workspace / "deep" / ".honeignore").write_text("generated.py\n")
    secret = editor.open(name, CODE.replace("value", "hidden"))
    editor.change(secret, ((2, 0), (2, 6), "hidden_too"))
    assert editor.next_edit(secret, 4) is None
    assert reason(editor) == "excluded"
    editor.next_edit(typed(editor), 4)
    assert len(gateway.requests) == 1
    assert not [body for body in gateway.bodies if "hidden" in body]


def test_file_that_becomes_ignored_leaves_the_history(
    editor: Editor, gateway: StandIn, workspace: Path
) -> None:
    uri = editor.open("soon.py", CODE.replace("value", "hidden"))
    editor.change(uri, ((2, 0), (2, 6), "hidden_too"))
    rules = workspace / ".honeignore"
    rules.write_text("soon.py\n")
    editor.notify("textDocument/didSave", {"textDocument": {"uri": rules.as_uri()}})
    editor.next_edit(typed(editor), 4)
    assert not [body for body in gateway.bodies if "hidden" in body]


def test_key_in_the_code_is_not_sent(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, CODE.replace("value_6 = 6", "key = 'AKIA" + "ABCDEFGH12345678'"))
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "excluded"
    assert gateway.bodies == []


def test_key_typed_later_is_not_reported(editor: Editor, gateway: StandIn) -> None:
    uri, _, name = offered(editor, gateway)
    editor.change(uri, ((5, 0), (5, 0), "key = 'AKIA" + "ABCDEFGH12345678'\n"))
    editor.wait_delivered()
    assert gateway.of(name, "settled")[0].settled_text is None
    assert not [body for body in gateway.bodies if "ABCDEFGH" in body]


def test_workspace_may_only_add_exclusions(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    rules = editor.workspace / ".hone.toml"
    rules.write_text('[gateway]\nurl = "http://elsewhere.example"\n')
    editor.initialize()

    def warned() -> list[str]:
        shown = [said["message"] for said in editor.hear("window/showMessage")]
        return [message for message in shown if "exclude.patterns" in message]

    [message] = editor.wait(warned, "the warning")
    assert "gateway" in message
    assert editor.status()["gateway"]["url"] == gateway.url


def test_workspace_exclusions_are_added(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_EXCLUDE__PATTERNS="b.py")
    (editor.workspace / ".hone.toml").write_text('[exclude]\npatterns = ["a.py"]\n')
    editor.initialize()
    for name in ("a.py", "b.py"):
        assert editor.next_edit(typed(editor, name=name), 4) is None
        assert reason(editor) == "excluded"
    editor.next_edit(typed(editor, name="c.py"), 4)
    assert [request.context.path for request in gateway.requests] == ["c.py"]


def test_initialization_options_cannot_move_the_gateway(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    options = {"gateway": {"url": "http://elsewhere.example", "key": "stolen"}}
    editor.initialize(initializationOptions=options)
    assert editor.status()["gateway"]["url"] == gateway.url


def test_key_typed_before_a_crash_is_not_reported(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = launch(HONE_LSP_SETTLING__QUIET_S="60", HONE_LSP_SETTLING__LONGEST_WAIT_S="60")
    editor.initialize()
    uri, _, name = offered(editor, gateway)
    editor.change(uri, ((5, 0), (5, 0), "key = 'AKIA" + "ABCDEFGH12345678'\n"))
    spools = tmp_path / "state" / "hone" / "spool"

    def kept() -> bool:
        return any('"text": "changed"' in path.read_text() for path in spools.glob("*/*/open.json"))

    editor.wait(kept, "the fact to be kept for the case of a crash")
    assert not [path for path in spools.glob("*/*/*") if "ABCDEFGH" in path.read_text()]
    editor.kill()
    again = launch()
    again.initialize()
    [settled] = again.wait(lambda: gateway.of(name, "settled"), "what the dead run left")
    assert (settled.settled_by, settled.settled_text) == ("recovered", None)
    assert not [body for body in gateway.bodies if "ABCDEFGH" in body]
