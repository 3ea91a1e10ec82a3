"""VS Code with Hone's extension: what a user sees, what the keys do, and what the store says."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.browser.code_server import Installed, VsCode, install, vscode
from tests.e2e.browser.desk import CODE, Desk
from tests.e2e.stack import poll
from tests.server.serving import StandIn

pytestmark = pytest.mark.long

AFTER_ONE = CODE.replace("value_2 ", "total_2 ")
AFTER_BOTH = AFTER_ONE.replace("value_4 ", "total_4 ")
# Scripts that look for decorated text.
STRUCK = """[...document.querySelectorAll('.view-line span')].some(e => e.textContent === %s &&
    getComputedStyle(e).textDecorationLine.includes('line-through'))"""
BESIDE = """[...document.querySelectorAll('.view-line span')].some(e =>
    getComputedStyle(e, '::after').content === JSON.stringify(%s))"""
GHOST = """[...document.querySelectorAll('.view-line:has([class*=ghost-text])')].some(e =>
    e.textContent.replaceAll('\\u00a0', ' ') === 'value_2 = value_1 + 1')"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("vscode"))


@contextmanager
def trusted(there: Installed, desk: Desk, settings: Mapping[str, Any]) -> Iterator[VsCode]:
    """Run VS Code on the desk's file, in a folder that is trusted: only then a server starts."""
    with vscode(there, desk, settings) as started:
        started.wait_untrusted()
        assert not desk.is_served()
        started.trust()
        started.wait_status("Hone: full")
        assert desk.is_served()
        yield started


@pytest.fixture
def window(there: Installed, desk: Desk, request: pytest.FixtureRequest) -> Iterator[VsCode]:
    with trusted(there, desk, getattr(request, "param", {})) as started:
        yield started


def rename(window: VsCode) -> None:
    """Make the edit that the next one follows from."""
    window.go(2)
    window.page.press("Control+Shift+ArrowRight")
    window.page.insert("total_2")


def wait_drawn(window: VsCode, old: str, new: str) -> None:
    """Wait until a next edit is on the screen: the old text struck out, the new one beside it."""
    window.page.wait(STRUCK % json.dumps(old), f"{old} struck out")
    window.page.wait(BESIDE % json.dumps(new), f"{new} beside it")


def test_next_edit_is_drawn_jumped_to_and_accepted_by_keys(
    window: VsCode, desk: Desk, engine: StandIn
) -> None:
    engine.rule("value_4 = 4", "total_4 = 4")
    rename(window)
    wait_drawn(window, "value_4", "total_4")
    window.page.picture("vscode-next-edit")
    window.page.press("Alt+j")
    window.wait_cursor(4)
    window.page.press("Alt+Enter")
    window.wait_line("total_4 = 4")
    window.save(AFTER_BOTH)
    assert desk.outcomes("accepted") == [("accepted", "yes")]


def test_no_folder_says_which_program_is_started(there: Installed, desk: Desk) -> None:
    marker = desk.folder / "started"
    settings = desk.file.parent / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"hone.command": ["touch", str(marker)]}))
    with trusted(there, desk, {}):
        assert not marker.exists()


def test_whoever_only_reads_is_not_asked_about(window: VsCode, desk: Desk) -> None:
    window.go(2)
    window.page.press(*["ArrowDown"] * 3)
    window.wait_cursor(5)
    asked = ("workspace/executeCommand", "hone.status")
    before = len(desk.sent(*asked))
    poll(lambda: len(desk.sent(*asked)) > before + 1, "some seconds of the status bar", 60)
    assert desk.sent("textDocument/copilotInlineEdit") == []


def test_a_word_of_a_next_edit_is_a_partial_accept(
    window: VsCode, desk: Desk, engine: StandIn
) -> None:
    engine.rule("value_4 = 4", "total_4 = 4 + more")
    rename(window)
    wait_drawn(window, "value_4", "total_4")
    window.page.press("Alt+w")
    window.wait_line("total_4 = 4")
    window.save(AFTER_BOTH)
    assert desk.outcomes("partially_accepted") == [("partially_accepted", "yes")]


@pytest.mark.parametrize("window", [{"hone.tab": True}], indirect=True)
def test_tab_accepts_where_a_setting_lets_it(window: VsCode, desk: Desk, engine: StandIn) -> None:
    engine.rule("value_4 = 4", "total_4 = 4")
    rename(window)
    wait_drawn(window, "value_4", "total_4")
    window.page.press("Tab")
    window.wait_line("total_4 = 4")
    window.save(AFTER_BOTH)


def test_dismissed_edit_leaves_the_screen_and_is_a_refusal(
    window: VsCode, desk: Desk, engine: StandIn
) -> None:
    engine.rule("value_4 = 4", "total_4 = 4")
    rename(window)
    wait_drawn(window, "value_4", "total_4")
    window.page.press("Tab")
    window.page.press("Escape")
    window.page.wait(f"!({STRUCK % json.dumps('value_4')})", "a clean screen")
    # Without the setting, Tab is what it always was.
    window.save(AFTER_ONE.replace("total_2 ", "total_2  "))
    assert desk.outcomes("rejected") == [("rejected", "yes")]


def test_next_alternative_takes_the_place_of_the_first(window: VsCode, engine: StandIn) -> None:
    engine.rule("value_4 = 4", "total_4 = 4")
    rename(window)
    wait_drawn(window, "value_4", "total_4")
    engine.rule("value_4 = 4", "sum_4 = 4")
    window.page.press("Alt+]")
    wait_drawn(window, "value_4", "sum_4")


def test_instruction_is_taken_to_the_model_or_the_user_told_why_not(window: VsCode) -> None:
    window.go(2)
    window.page.press("Shift+End", "Alt+i")
    window.page.wait("!!document.querySelector('.quick-input-widget input')", "a question")
    window.page.insert("negate it")
    window.page.press("Enter")
    said = "document.querySelector('.notifications-toasts')?.textContent ?? ''"
    window.page.wait(f"({said}).includes('instruction')", "the embedded model's refusal")


def begin(window: VsCode, engine: StandIn) -> None:
    """Type the beginning of a line; return once the rest of it is shown as ghost text."""
    engine.rule("value_2 = val", "value_2 = value_1 + 1")
    window.go(2)
    window.page.press("Shift+End")
    window.page.insert("value_2 = val")
    window.page.wait(GHOST, "ghost text")


def test_ghost_text_that_is_dismissed_is_a_refusal(
    window: VsCode, desk: Desk, engine: StandIn
) -> None:
    begin(window, engine)
    window.page.press("Escape")
    window.page.wait(f"!({GHOST})", "a clean screen")
    [(outcome, _)] = desk.outcomes("rejected")
    assert outcome == "rejected"


def test_ghost_text_is_shown_and_accepted_by_tab(
    window: VsCode, desk: Desk, engine: StandIn
) -> None:
    begin(window, engine)
    window.page.picture("vscode-ghost-text")
    window.page.press("Tab")
    window.page.wait(f"!({GHOST})", "the text itself")
    window.wait_line("value_2 = value_1 + 1")
    window.save(CODE.replace("value_2 = 2\n", "value_2 = value_1 + 1\n"))
    [(outcome, _)] = desk.outcomes("accepted")
    assert outcome == "accepted"


def test_a_word_of_ghost_text_is_a_partial_accept(
    window: VsCode, desk: Desk, engine: StandIn
) -> None:
    begin(window, engine)
    window.page.press("Alt+w")
    window.wait_cursor(2, len("value_2 = value_1"))
    window.save(CODE.replace("value_2 = 2\n", "value_2 = value_1\n"))
    [(outcome, _)] = desk.outcomes("partially_accepted")
    assert outcome == "partially_accepted"
