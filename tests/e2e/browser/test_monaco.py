"""Monaco with monaco-languageclient in a browser: an editor on that client gets ghost text."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser.chromium import Page
from tests.e2e.browser.desk import CODE, Desk
from tests.e2e.browser.monaco_page import built, monaco
from tests.server.serving import StandIn

pytestmark = pytest.mark.long

WHOLE = "value_2 = value_1 + 1"
GHOST = f"""[...document.querySelectorAll('.view-line:has([class*=ghost-text])')].some(e =>
    e.textContent.replaceAll('\\u00a0', ' ') === {json.dumps(WHOLE)})"""


@pytest.fixture(scope="module")
def page_folder() -> Path:
    return built()


@pytest.fixture
def page(desk: Desk, page_folder: Path) -> Iterator[Page]:
    """The desk's file in Monaco."""
    with monaco(desk, page_folder) as shown:
        yield shown


def test_suggestion_is_on_the_screen_and_its_accept_in_the_store(
    page: Page, desk: Desk, engine: StandIn
) -> None:
    engine.rule("value_2 = val", WHOLE)
    page.click(".monaco-editor .view-line")
    page.press("Control+Home", "ArrowDown", "ArrowDown", "Home", "Shift+End")
    page.insert("value_2 = val")
    page.wait(GHOST, "ghost text")
    page.picture("monaco-ghost-text")
    page.press("Tab")
    expected = CODE.replace("value_2 = 2\n", f"{WHOLE}\n")
    page.wait(f"hone.text() === {json.dumps(expected)}", "the accepted text")
    [(outcome, _)] = desk.outcomes("accepted")
    assert outcome == "accepted"
