"""Rules that take long to read, or never can be: nobody waits for them, and nothing is sent."""

import os
from pathlib import Path

import pytest

from feedback_store.events import Reason
from lsp.branch import BranchWatch
from lsp.config import ExcludeSettings
from lsp.exclude import Exclusions
from lsp.folders import Folders
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, reason, rewrite, typed
from tests.lsp.standin import StandIn

HIDDEN = CODE.replace("value", "hidden")


def slow_git(folder: Path) -> dict[str, str]:
    """A git that has no answer: what it excludes is known only once it is given up."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "git"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def silence(editor: Editor, uri: str) -> str | None:
    return editor.status()["documents"][uri]["silence"]


def test_a_request_meets_its_deadline_while_rules_are_read(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = launch(**slow_git(tmp_path), HONE_LSP_SUGGEST__DEADLINE_MS="100")
    editor.initialize()
    uri = typed(editor)
    assert silence(editor, uri) == "its rules are not known yet"
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "deadline"
    assert gateway.requests == []
    editor.wait(lambda: silence(editor, uri) is None, "the rules to be known")
    gateway.answers += [rewrite("value_4 = 4", "total_4 = 4")] * 100
    assert editor.wait(lambda: editor.next_edit(uri, 4), "a suggestion")
    # What was typed meanwhile is remembered.
    assert "total_2" in gateway.requests[0].context.recent_edits[0].diff


def test_edits_of_what_turns_out_to_be_excluded_stay_here(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = launch(**slow_git(tmp_path))
    (editor.workspace / ".gitignore").write_text("hidden.py\n")
    editor.initialize()
    uri = editor.open("hidden.py", HIDDEN)
    editor.change(uri, ((2, 0), (2, 6), "hidden_too"))
    assert silence(editor, uri) == "its rules are not known yet"
    # This one waits for the rules of both.
    editor.next_edit(typed(editor), 4)
    assert silence(editor, uri) == ".gitignore ignores it"
    assert [edit.path for edit in gateway.requests[-1].context.recent_edits] == ["a.py"]
    assert not [body for body in gateway.bodies if "hidden" in body]


@pytest.mark.parametrize("name", [".gitignore", ".honeignore", ".hone.toml"])
def test_a_pipe_is_not_read(launch: Launch, gateway: StandIn, name: str) -> None:
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    gateway.answers += [Reason.NO_EDIT]
    editor.next_edit(uri, 4)
    assert len(gateway.requests) == 1
    os.mkfifo(editor.workspace / name)
    other = typed(editor, name="b.py")
    for closed in (other, uri):
        assert editor.next_edit(closed, 4) is None
        assert reason(editor) == "excluded"
    assert len(gateway.requests) == 1
    (editor.workspace / name).unlink()
    editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
    editor.wait(lambda: silence(editor, uri) is None, "the rules to be read")
    editor.change(uri, ((2, 0), (2, 7), "sum_2"))
    editor.next_edit(uri, 4)
    assert len(gateway.requests) > 1


def test_what_git_keeps_may_be_odd(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert Exclusions(tmp_path, []).reason(tmp_path / "a.py") is None
    folders = Folders(ExcludeSettings(), {})
    folders.change([tmp_path], ())
    assert folders.place((tmp_path / "a.py").as_uri()) == ("a.py", None)
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    assert not BranchWatch().switched([tmp_path])
