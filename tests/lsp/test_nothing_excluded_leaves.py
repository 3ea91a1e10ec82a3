"""Files of every excluded kind hold a marker, and no byte that leaves the editor's side has it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, offered, reason
from tests.lsp.standin import StandIn

MARKER = "quetzalcoatl"
HIDDEN = CODE.replace("value", MARKER)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def work_in(editor: Editor, name: str, text: str = HIDDEN) -> str:
    """Open a file, edit it, and ask for everything that can be asked for."""
    uri = editor.open(name, text)
    editor.change(uri, ((2, 0), (2, 6), f"{MARKER}_too"))
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "excluded"
    spot = {"line": 4, "character": 0}
    params = editor.at(uri, 4) | {"context": {"triggerKind": 1}}
    assert editor.request("textDocument/inlineCompletion", params)["items"] == []
    context = {"diagnostics": [], "triggerKind": 1}
    action = {"range": {"start": spot, "end": spot}, "context": context}
    asked = {"textDocument": {"uri": uri}} | action
    assert not editor.request("textDocument/codeAction", asked)
    editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}, "text": editor.texts[uri]})
    return uri


def work_elsewhere(editor: Editor, gateway: StandIn) -> None:
    """What follows in an allowed file must not bring anything along."""
    uri, edit, _ = offered(editor, gateway)
    editor.apply(uri, edit)
    editor.wait_delivered()


def assert_kept(gateway: StandIn, house: Path) -> None:
    """The gateway got something, and neither it nor the spools have the marker."""
    assert gateway.requests
    assert not [body for body in gateway.bodies if MARKER in body]
    for path in (house / "state").rglob("*"):
        assert path.is_dir() or MARKER not in path.read_text("utf-8", "replace"), path


def without_git(workspace: Path) -> None:
    (workspace / ".gitignore").write_text("hidden.py\nsecret/\n")
    (workspace / ".honeignore").write_text("*.hidden\n")
    (workspace / "sub").mkdir()
    (workspace / "sub" / ".gitignore").write_text("deeper/\n")
    (workspace / "secret").mkdir()
    (workspace / "secret" / "real.py").write_text(HIDDEN)
    (workspace / "link.py").symlink_to(workspace / "secret" / "real.py")
    (workspace.parent / ".ssh").mkdir()
    (workspace / "linked").symlink_to(workspace.parent / ".ssh")


def by_git(workspace: Path) -> None:
    """In the repository's own places."""
    git(workspace, "init")
    (workspace / ".git" / "info").mkdir(exist_ok=True)
    (workspace / ".git" / "info" / "exclude").write_text("hidden.py\n")
    (workspace.parent / "global").write_text("*.scratch\n")
    git(workspace, "config", "core.excludesFile", str(workspace.parent / "global"))


def from_outside(workspace: Path) -> None:
    """The workspace is a folder of a repository, and its user has a file of their own."""
    git(workspace.parent, "init")
    (workspace.parent / ".gitignore").write_text("/workspace/hidden.py\n")
    place = workspace.parent / "config" / "git"
    place.mkdir(parents=True)
    (place / "ignore").write_text("*.scratch\n")


Prepare = Callable[[Path], None]
KINDS: dict[Prepare, dict[str, str]] = {
    without_git: {
        "hidden.py": HIDDEN,
        "sub/deeper/hidden.py": HIDDEN,
        "a.hidden": HIDDEN,
        "link.py": HIDDEN,
        "linked/config": HIDDEN,
        ".env.production": HIDDEN,
        "certs/server.pem": HIDDEN,
        "large.py": HIDDEN * 20,
        "binary.py": HIDDEN + "\0",
        "../private/hidden.py": HIDDEN,
    },
    by_git: {"hidden.py": HIDDEN, "a.scratch": HIDDEN},
    from_outside: {"hidden.py": HIDDEN, "a.scratch": HIDDEN},
}


@pytest.mark.parametrize("prepare", KINDS)
def test_excluded(launch: Launch, gateway: StandIn, tmp_path: Path, prepare: Prepare) -> None:
    prepare(tmp_path / "workspace")
    limits = {"HONE_LSP_EXCLUDE__MAX_BYTES": "4000", "HONE_LSP_EXCLUDE__WORKSPACES": "private"}
    editor = launch(**limits)
    editor.initialize()
    opened = [work_in(editor, name, text) for name, text in KINDS[prepare].items()]
    work_elsewhere(editor, gateway)
    for uri in opened:
        editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    work_elsewhere(editor, gateway)
    editor.shutdown()
    assert_kept(gateway, tmp_path)


def test_excluded_workspace(launch: Launch, gateway: StandIn, tmp_path: Path) -> None:
    editor = launch("--exclude.workspaces", str(tmp_path / "workspace"))
    (tmp_path / "other").mkdir()
    folders = [{"uri": (tmp_path / name).as_uri(), "name": name} for name in ("workspace", "other")]
    editor.initialize(workspaceFolders=folders)
    work_in(editor, "a.py")
    editor.workspace = tmp_path / "other"
    work_elsewhere(editor, gateway)
    editor.shutdown()
    assert_kept(gateway, tmp_path)


def save(editor: Editor, name: str, text: str) -> None:
    path = editor.workspace / name
    path.write_text(text)
    editor.notify("textDocument/didSave", {"textDocument": {"uri": path.as_uri()}, "text": text})


@pytest.mark.parametrize("closed", [False, True])
def test_excluded_after_it_was_edited(
    launch: Launch, gateway: StandIn, tmp_path: Path, closed: bool
) -> None:
    editor = launch()
    editor.initialize()
    uri = editor.open("soon.py", HIDDEN)
    editor.change(uri, ((2, 0), (2, 6), f"{MARKER}_too"))
    if closed:
        editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    save(editor, ".honeignore", "soon.py\n")
    work_elsewhere(editor, gateway)
    editor.shutdown()
    assert_kept(gateway, tmp_path)


def test_excluded_while_a_suggestion_is_on_screen(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    """What is written from then on is no reference any more; that there was an outcome is."""
    editor = launch()
    editor.initialize()
    uri, _, name = offered(editor, gateway)
    save(editor, ".gitignore", "a.py\n")
    editor.change(uri, ((4, 0), (4, 0), f"{MARKER} = 1\n"))
    editor.wait_delivered()
    [settled] = gateway.of(name, "settled")
    assert (settled.settled_text, settled.level) == (None, "facts")
    assert [event.outcome for event in gateway.of(name, "outcome")] == ["diverged"]
    editor.shutdown()
    assert_kept(gateway, tmp_path)


def test_a_rule_that_changes_on_disk_is_noticed(
    launch: Launch, gateway: StandIn, tmp_path: Path
) -> None:
    """As after a checkout, which no editor reports as a save."""
    editor = launch()
    editor.initialize()
    uri = editor.open("soon.py", HIDDEN)
    (tmp_path / "workspace" / ".gitignore").write_text("soon.py\n")

    def silent() -> bool:
        editor.next_edit(uri, 4)
        return reason(editor) == "excluded"

    editor.wait(silent, "the rule to be seen")
    editor.change(uri, ((2, 0), (2, 6), f"{MARKER}_too"))
    gateway.bodies.clear()
    work_elsewhere(editor, gateway)
    assert not [body for body in gateway.bodies if MARKER in body]
