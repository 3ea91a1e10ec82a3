"""The gateway's page before a stand-in engine: what an administrator looks at and does."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.browser.chromium import Page, chromium
from tests.server.adapters import publish_adapter
from tests.server.samples import ANSWER, event, feedback, suggestion
from tests.server.serving import StandIn, gateway, settings_for

pytestmark = pytest.mark.long

OLD, NEW, CANARY = "hone-000001", "hone-000002", "hone-000003"
INPUTS = {"reward_new": 0.51234, "team core": -0.01}


def tell(client: httpx.Client, engine: StandIn, producer: str) -> None:
    """Ask once, and say that it was taken and how much of it stayed."""
    engine.answer(text=ANSWER)
    name = client.post("/v1/suggest", json=suggestion()).json()["suggestion_id"]
    looks = [
        event(name, 2 + number, "survival", horizon_s=age, retained=1 - 0.1 * number)
        for number, age in enumerate((0.0, 30.0, 300.0))
    ]
    client.post("/v1/feedback", json=feedback(event(name, 1), *looks, producer=producer))


@pytest.fixture
def client(engine: StandIn, tmp_path: Path) -> Iterator[httpx.Client]:
    """A gateway with a live version, one before, and a canary."""
    data = tmp_path / "data"
    with gateway(settings_for(data, engine.url, canary={"share": 0.5})) as running:
        for name in (OLD, NEW):
            publish_adapter(data / "adapters", name)
            running.post("/v1/policies", json={"name": name}).raise_for_status()
            running.post(f"/v1/policies/{name}/promote").raise_for_status()
            tell(running, engine, f"of {name}")
        publish_adapter(data / "adapters", CANARY, b=0.01)
        running.post("/v1/policies", json={"name": CANARY}).raise_for_status()
        said = {"policy": CANARY, "passed": True, "why": "better by far", "inputs": INPUTS}
        running.post(f"/v1/policies/{CANARY}/decision", json=said).raise_for_status()
        yield running


@pytest.fixture
def page(client: httpx.Client, tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "browser") as shown:
        shown.open(str(client.base_url))
        yield shown


def holds(selector: str, text: str) -> str:
    return f"(document.querySelector('{selector}')?.innerText ?? '').includes('{text}')"


def test_figures_by_version_and_language_and_a_decisions_inputs(page: Page) -> None:
    page.wait("document.querySelectorAll('#survival-chart svg path').length === 2", "two versions")
    page.wait("document.querySelectorAll('#survival-days svg path').length === 2", "their days")
    page.evaluate("document.querySelector('input[value=language]').click()")
    page.wait(holds("#survival", "python"), "the language")
    assert page.evaluate(holds("#engine", "entries waiting to be written: 0"))
    assert page.evaluate(holds("#engine", "waiting in it"))
    page.wait("document.querySelector('#decisions details') !== null", "the inputs")
    assert not page.evaluate(holds("#decisions", "0.5123"))
    page.evaluate("document.querySelector('#decisions summary').click()")
    assert page.evaluate(holds("#decisions", "0.5123"))
    shown = "document.querySelector('#engine').firstChild"
    page.evaluate(f"window.before = {shown}")
    page.wait(f"{shown} !== window.before", "the next look at the status")
    assert page.evaluate("document.querySelector('#decisions details').open"), "it has closed again"
    assert not [line for line in page.said if line.startswith("thrown")], page.said


def test_a_canary_is_refused_and_a_version_left(page: Page, client: httpx.Client) -> None:
    page.wait(holds("#policies", CANARY), "the versions")
    buttons = "[...document.querySelectorAll('#policies button')]"
    page.evaluate(f"{buttons}.find(one => one.innerText === 'refuse…').click()")
    page.wait(holds("#ask-text", f"End {CANARY} for good?"), "the question")
    page.click("#ask button[value=yes]")
    page.wait(holds("#policies", "refused"), "the canary's end")
    assert client.get("/v1/status").json()["canary"] is None
    page.click("#rollback")
    page.wait(holds("#ask-text", f"Leave {NEW} for the version before"), "the question")
    client.post("/v1/rollback").raise_for_status()  # somebody else is quicker
    page.click("#ask button[value=yes]")
    page.wait(holds("#note", f"{OLD} is live by now"), "the refusal")
    shown = "document.querySelector('#engine').firstChild"
    page.evaluate(f"window.before = {shown}")
    page.wait(f"{shown} !== window.before", "the next look at the status")
    assert page.evaluate("!document.querySelector('#note').hidden"), "nobody could read it so soon"
    assert client.get("/v1/status").json()["live"] == OLD
