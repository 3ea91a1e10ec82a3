"""Workspace folders that come and go, each with its rules, and documents that are no files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from feedback_store.events import EditContext
from lsp.config import ExcludeSettings
from lsp.documents import UNKNOWN, Documents
from lsp.folders import Folders
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, reason, rewrite, typed
from tests.lsp.standin import StandIn


def change_folders(
    editor: Editor, *, added: tuple[Path, ...] = (), removed: tuple[Path, ...] = ()
) -> None:
    def named(folders: tuple[Path, ...]) -> list[dict[str, Any]]:
        return [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]

    event = {"added": named(added), "removed": named(removed)}
    editor.notify("workspace/didChangeWorkspaceFolders", {"event": event})


def open_uri(editor: Editor, uri: str) -> None:
    """Open a document that need not be a file, and make an edit."""
    editor.texts[uri], editor.versions[uri] = CODE, 1
    item = {"uri": uri, "languageId": "python", "version": 1, "text": CODE}
    editor.notify("textDocument/didOpen", {"textDocument": item})
    editor.change(uri, ((2, 0), (2, 7), "total_2"))


def asked(editor: Editor, gateway: StandIn, uri: str) -> EditContext:
    """Ask by hand, which is never answered from memory; what the gateway is told."""
    params = editor.at(uri, 4) | {"context": {"triggerKind": 1}}
    editor.request("textDocument/inlineCompletion", params)
    return gateway.requests[-1].context


def refresh(folders: Folders) -> Iterable[Path]:
    """Look at the rules and take them over; the folders whose own had changed."""
    sight = folders.look(())
    folders.adopt(sight)
    return sight.changed


def withdrawn(documents: Documents) -> list[str]:
    """Look at the rules and obey; the names of what is refused from now on."""
    sight = documents.folders.look(documents.known)
    return [refused.rpartition("/")[2] for refused in documents.reconsider(sight)]


def test_the_innermost_folder_rules(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / ".hone.toml").write_text('[exclude]\npatterns = ["a.py"]\n')
    folders = Folders(ExcludeSettings(), {})
    folders.change([tmp_path, inner], ())
    assert folders.place((tmp_path / "a.py").as_uri()) == ("a.py", "your configuration excludes it")
    assert folders.place((inner / "a.py").as_uri()) == ("a.py", None)
    folders.change((), [inner])
    assert folders.place((inner / "a.py").as_uri())[0] == "inner/a.py"
    assert folders.place((inner / "a.py").as_uri())[1]
    assert folders.roots == [tmp_path]


def test_rules_that_cannot_be_read_close_the_folder(tmp_path: Path) -> None:
    rules = tmp_path / ".hone.toml"
    rules.write_text("[exclude\n")
    folders = Folders(ExcludeSettings(other_schemes=("untitled",)), {})
    folders.change([tmp_path], ())
    assert list(refresh(folders)) == [tmp_path]
    assert ".hone.toml" in folders.problems[0]
    assert "cannot be used" in str(folders.place((tmp_path / "a.py").as_uri())[1])
    assert folders.place("untitled:a.py")[1]
    rules.write_text("")
    assert list(refresh(folders)) == [tmp_path]
    assert list(refresh(folders)) == []
    assert (folders.problems, folders.place((tmp_path / "a.py").as_uri())[1]) == ([], None)


def test_edits_of_a_closed_file_are_forgotten_with_it(tmp_path: Path) -> None:
    documents = Documents(ExcludeSettings(), {})
    documents.folders.change([tmp_path], ())
    for name in ("open.py", "closed.py"):
        documents.open((tmp_path / name).as_uri(), "python", 1, "")
    documents.close((tmp_path / "closed.py").as_uri())
    assert withdrawn(documents) == []
    (tmp_path / ".honeignore").write_text("*.py\n")
    assert withdrawn(documents) == ["open.py", "closed.py"]
    assert withdrawn(documents) == []


def test_edits_are_forgotten_whatever_path_the_file_had(tmp_path: Path) -> None:
    documents = Documents(ExcludeSettings(), {})
    uri = (tmp_path / "pkg" / "a.py").as_uri()
    documents.open(uri, "python", 1, "")
    documents.folders.change([tmp_path], ())
    assert withdrawn(documents) == []
    assert documents.place(uri) == ("pkg/a.py", None)
    documents.close(uri)
    (tmp_path / ".honeignore").write_text("*.py\n")
    assert documents.open(uri, "python", 1, "").refusal == UNKNOWN
    assert withdrawn(documents) == ["a.py"]
    assert withdrawn(documents) == []


def test_a_look_does_not_bring_back_a_folder_that_went(tmp_path: Path) -> None:
    folders = Folders(ExcludeSettings(), {})
    folders.change([tmp_path], ())
    (tmp_path / ".hone.toml").write_text("[exclude]\n")
    sight = folders.look(())
    folders.change((), [tmp_path])
    folders.adopt(sight)
    assert folders.roots == []


def test_documents_that_are_no_files() -> None:
    allowed = ExcludeSettings(
        other_schemes=("untitled", "vscode-remote"),
        patterns=("private/",),
        workspaces=("/home/me/work", "*-confidential"),
    )
    closed, opened = Folders(ExcludeSettings(), {}), Folders(allowed, {})
    remote = "vscode-remote://ssh-remote%2Bhost/home/me/a%20b.py"
    for uri in ("untitled:Untitled-1", remote):
        assert "exclude.other_schemes" in str(closed.place(uri)[1])
    assert opened.place("untitled:Untitled-1") == ("Untitled-1", None)
    assert opened.place(remote) == ("a b.py", None)
    for refused in (
        "untitled:.env",
        "vscode-remote://host/home/me/.ssh/config",
        "vscode-remote://host/private/a.py",
        "vscode-remote://host/home/me/work/a.py",
        "vscode-remote://host/x-confidential/a.py",
        "file://server/share/a.py",
        "git:/a.py",
        "no uri at all",
    ):
        assert opened.place(refused)[1], refused


def test_folders_come_and_go(launch: Launch, gateway: StandIn, tmp_path: Path) -> None:
    editor = launch()
    answer = editor.initialize()
    offered = answer["capabilities"]["workspace"]["workspaceFolders"]
    assert offered == {"supported": True, "changeNotifications": True}
    second = tmp_path / "second"
    (second / "pkg").mkdir(parents=True)
    (second / ".hone.toml").write_text('[exclude]\npatterns = ["hidden.py"]\n')
    inside, hidden = (second / "pkg" / "a.py").as_uri(), (second / "hidden.py").as_uri()
    open_uri(editor, inside)
    open_uri(editor, hidden)
    told = asked(editor, gateway, inside)
    assert (told.path, [edit.path for edit in told.recent_edits]) == ("a.py", ["a.py", "hidden.py"])
    change_folders(editor, added=(second,))
    told = asked(editor, gateway, inside)
    assert (told.path, [edit.path for edit in told.recent_edits]) == ("pkg/a.py", ["a.py"])
    assert editor.next_edit(hidden, 4) is None
    assert reason(editor) == "excluded"
    change_folders(editor, removed=(second,))
    assert asked(editor, gateway, inside).path == "a.py"


def test_rules_are_read_again_when_they_change(launch: Launch, gateway: StandIn) -> None:
    editor = launch()
    editor.initialize()
    uri = typed(editor)
    rules = editor.workspace / ".hone.toml"
    rules.write_text('[exclude]\npatterns = ["a.py"]\n')
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "excluded"
    assert gateway.requests == []
    rules.write_text("[exclude]\n")

    def allowed() -> bool:
        assert editor.next_edit(uri, 4) is None
        return reason(editor) == "no_recent_edit"

    editor.wait(allowed, "the rules to be seen, without what was edited before")
    gateway.answers.append(rewrite("value_4", "total_4"))
    editor.change(uri, ((2, 0), (2, 7), "sum_2"))
    assert editor.next_edit(uri, 4)
    rules.write_text("[gateway]\n")
    editor.notify("textDocument/didSave", {"textDocument": {"uri": rules.as_uri()}})

    def warned() -> bool:
        said = editor.hear("window/showMessage")
        return any("exclude.patterns" in message["message"] for message in said)

    editor.wait(warned, "the warning")
    assert editor.next_edit(uri, 4) is None


def test_documents_that_are_no_files_get_nothing_unless_allowed(
    launch: Launch, gateway: StandIn
) -> None:
    remote = "vscode-remote://ssh-remote%2Bhost/home/me/a.py"
    editor = launch()
    editor.initialize()
    for uri in ("untitled:Untitled-1", remote):
        open_uri(editor, uri)
        assert editor.next_edit(uri, 4) is None
        assert reason(editor) == "excluded"
    assert gateway.requests == []
    allowing = launch("--exclude.other_schemes", "untitled,vscode-remote")
    allowing.initialize()
    for uri in ("untitled:Untitled-1", remote):
        open_uri(allowing, uri)
        gateway.answers.append(rewrite("value_4", "total_4"))
        edit = allowing.next_edit(uri, 4)
        assert edit
        assert edit["textDocument"]["uri"] == uri
    assert [request.context.path for request in gateway.requests] == ["Untitled-1", "a.py"]


def test_an_answer_is_indented_as_the_file_is(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, CODE.replace("value_3 = 3", "if value_2:\n\tvalue_3 = 3"))
    gateway.answers.append(rewrite("value_4 = 4\n", "if value_3:\n    value_4 = 4\n"))
    edit = editor.next_edit(uri, 4)
    assert edit
    editor.apply(uri, edit)
    assert "if value_3:\n\tvalue_4 = 4\n" in editor.texts[uri]
    assert gateway.requests[-1].context.indent == "tab"


def level_of(editor: Editor, gateway: StandIn, uri: str) -> str:
    asked(editor, gateway, uri)
    return gateway.requests[-1].level.value


def opted_out(launch: Launch, tmp_path: Path) -> Editor:
    """An editor on the workspace after its user chose `off` there, and the folder `other`."""
    (tmp_path / "other").mkdir()
    first = launch()
    first.initialize()
    assert first.command("hone.feedback", "off")["level"] == "off"
    first.shutdown()
    return launch()


def test_an_opt_out_holds_wherever_the_folder_is_opened(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = opted_out(launch, tmp_path)
    folders = [{"uri": (tmp_path / n).as_uri(), "name": n} for n in ("other", "workspace")]
    editor.initialize(workspaceFolders=folders)
    open_uri(editor, editor.uri("a.py"))
    assert level_of(editor, gateway, editor.uri("a.py")) == "off"
    assert editor.status()["feedback"]["level"] == "off"
    change_folders(editor, removed=(tmp_path / "workspace",))
    assert editor.status()["feedback"]["level"] == "full"
    change_folders(editor, added=(tmp_path / "workspace",))
    assert editor.status()["feedback"]["level"] == "off"


def test_an_opt_out_holds_for_a_folder_below(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = opted_out(launch, tmp_path)
    editor.workspace = tmp_path / "workspace" / "sub"
    editor.workspace.mkdir()
    editor.initialize()
    open_uri(editor, editor.uri("a.py"))
    assert level_of(editor, gateway, editor.uri("a.py")) == "off"


def test_an_opt_out_holds_for_a_file_of_the_folder_in_another_window(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    editor = opted_out(launch, tmp_path)
    outside, inside = editor.uri("a.py"), (tmp_path / "other" / "b.py").as_uri()
    editor.workspace = tmp_path / "other"
    editor.initialize()
    open_uri(editor, inside)
    assert level_of(editor, gateway, inside) == "full"
    open_uri(editor, outside)
    assert level_of(editor, gateway, outside) == "off"
    # An edit of the one goes into a request for the other.
    assert level_of(editor, gateway, inside) == "off"
