"""What is left of an accepted edit once its document, its server or its editor is gone."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, offered
from tests.lsp.standin import StandIn

SOON = {"HONE_LSP_SETTLING__HORIZONS_S": "0,1.2,2.4"}
LATE = {"HONE_LSP_SETTLING__HORIZONS_S": "0,0.1,90"}
GHOST = {"textDocument": {"inlineCompletion": {}}}
WATCHES = GHOST | {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}


def accepted(editor: Editor, gateway: StandIn) -> tuple[str, Path]:
    """Accept an edit and save; the suggestion's id and the file."""
    uri, edit, name = offered(editor, gateway)
    editor.apply(uri, edit)
    path = editor.workspace / "a.py"
    path.write_text(editor.texts[uri], encoding="utf-8")
    editor.wait(lambda: gateway.of(name, "survival"), "the first horizon")
    return name, path


def survivals(editor: Editor, gateway: StandIn, name: str, count: int = 3) -> list:
    editor.wait(lambda: len(gateway.of(name, "survival")) >= count, "the horizons")
    return gateway.of(name, "survival")


@pytest.mark.parametrize("capabilities", [GHOST, WATCHES])
def test_later_horizons_are_read_from_the_file(
    launch: Launch, gateway: StandIn, capabilities: dict
) -> None:
    editor = launch(**SOON)
    editor.initialize(capabilities=capabilities)
    name, path = accepted(editor, gateway)
    editor.close_documents()
    second = survivals(editor, gateway, name, 2)[1]
    assert (second.retained, second.reverted) == (1.0, False)
    assert second.age_s < 2.4
    assert gateway.of(name, "settled")[0].settled_by == "close"
    path.write_text("# a line above\n" + CODE.replace("value_2", "total_2"), encoding="utf-8")
    changed = {"uri": path.as_uri(), "type": 2}
    editor.notify("workspace/didChangeWatchedFiles", {"changes": [changed]})
    third = survivals(editor, gateway, name)[2]
    assert (third.retained, third.reverted, third.last) == (0.0, True, True)
    asked = [m["method"] for m in iter_messages(editor)]
    wanted = (
        ["client/registerCapability", "client/unregisterCapability"]
        if capabilities == WATCHES
        else []
    )
    assert [m for m in asked if m.startswith("client/")] == wanted
    assert editor.status()["open_suggestions"] == 0


def test_a_client_that_reports_nothing_is_not_believed(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**SOON)
    editor.initialize(capabilities=WATCHES)
    name, path = accepted(editor, gateway)
    editor.close_documents()
    survivals(editor, gateway, name, 2)
    path.write_text("# a line above\n" + CODE.replace("value_2", "total_2"), encoding="utf-8")
    found = survivals(editor, gateway, name)
    assert [s.reverted for s in found] == [False, False, True]


def iter_messages(editor: Editor):
    while not editor.messages.empty():
        yield editor.messages.get()


def test_an_excluded_file_is_not_read(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**SOON)
    editor.initialize()
    name, _ = accepted(editor, gateway)
    (editor.workspace / ".honeignore").write_text("a.py\n", encoding="utf-8")
    editor.close_documents()
    found = survivals(editor, gateway, name)
    assert [(s.observed, s.age_s is None) for s in found] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_unsaved_changes_do_not_count(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**SOON)
    editor.initialize()
    uri, edit, name = offered(editor, gateway)
    editor.workspace.joinpath("a.py").write_text(editor.texts[uri], encoding="utf-8")
    editor.apply(uri, edit)
    editor.wait(lambda: gateway.of(name, "survival"), "the first horizon")
    editor.close_documents()
    assert [s.reverted for s in survivals(editor, gateway, name)] == [False, True, True]


@pytest.mark.parametrize("end", ["kill", "shutdown", "close"])
def test_the_next_server_goes_on(launch: Launch, gateway: StandIn, end: str) -> None:
    editor = launch(**LATE | {"HONE_LSP_SETTLING__HORIZONS_S": "0,0.1,0.2,3"})
    editor.initialize()
    name, path = accepted(editor, gateway)
    survivals(editor, gateway, name)
    getattr(editor, end)()
    path.write_text("import os\n\n" + path.read_text("utf-8"), encoding="utf-8")
    second = launch(**LATE)
    second.initialize()
    last = survivals(second, gateway, name, 4)[3]
    assert (last.horizon_s, last.observed, last.retained, last.last) == (3, True, 1.0, True)
    assert last.age_s >= 3
    assert len({s.horizon_s for s in gateway.of(name, "survival")}) == 4
    assert {len(gateway.of(name, kind)) for kind in ("outcome", "settled")} == {1}


def test_a_region_that_is_nowhere_is_unobserved(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**{"HONE_LSP_SETTLING__HORIZONS_S": "0,1"})
    editor.initialize()
    name, path = accepted(editor, gateway)
    editor.kill()
    path.write_text("# all new\n", encoding="utf-8")
    second = launch()
    second.initialize()
    last = survivals(second, gateway, name, 2)[1]
    assert (last.observed, last.retained, last.reverted, last.age_s) == (False, None, None, None)
    assert last.last


def test_below_full_nothing_is_kept_for_the_next_server(launch: Launch, gateway: StandIn) -> None:
    editor = launch(**LATE, HONE_LSP_FEEDBACK__LEVEL="facts")
    editor.initialize()
    name, _ = accepted(editor, gateway)
    survivals(editor, gateway, name, 2)
    spool = editor.workspace.parent / "state" / "hone" / "spool"
    for path in spool.rglob("*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # sent, or a folder
            assert b"total_4" not in path.read_bytes()
    editor.shutdown()
    second = launch()
    second.initialize()
    last = survivals(second, gateway, name)[2]
    assert (last.observed, last.last) == (False, True)


def test_the_editors_death_settles(launch: Launch, gateway: StandIn) -> None:
    editor = launch(HONE_LSP_SETTLING__QUIET_S="60")
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    editor.initialize(processId=parent.pid)
    _, _, name = offered(editor, gateway)
    parent.kill()
    parent.communicate()
    # Standard input stays open: only the process tells.
    assert editor.process.wait(30) != 0
    second = launch()
    second.initialize()
    second.wait(lambda: gateway.of(name, "settled"), "delivery")
    assert gateway.of(name, "settled")[0].settled_by == "exit"


def test_a_parent_that_never_was_is_nobodys(launch: Launch, gateway: StandIn) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    editor = launch()
    editor.initialize(processId=gone.pid)
    offered(editor, gateway)
    assert editor.process.poll() is None
