"""The gateway's page in a browser, before real vLLM: figures, and a rollback that is clicked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.engine.record import EngineRecord
from tests.e2e.browser.chromium import Page, chromium
from tests.e2e.stack import Gateway
from tests.server.adapters import publish_adapter
from tests.server.samples import event, feedback, suggestion

pytestmark = [pytest.mark.long, pytest.mark.engine]

OLD, NEW = "hone-page-1", "hone-page-2"
PATIENT = {"deadline_ms": 60_000.0}
PROMPT = {"prompt": "def area(shape):\n    return", "max_tokens": 24, "temperature": 0.0}


@pytest.fixture
def page(real: Gateway, tmp_path: Path) -> Iterator[Page]:
    """The page, of a gateway with two versions and some feedback on each."""
    for name, strength in ((OLD, 0.0), (NEW, 0.5)):
        publish_adapter(real.data / "adapters", name, b=strength)
        real.post("/v1/policies", {"name": name})
        passed = {"policy": name, "passed": True, "why": "better", "inputs": {}}
        real.post(f"/v1/policies/{name}/decision", passed)
        assert real.get("/v1/status")["live"] == name
        for number in range(3):
            tell(real, f"{name}-{number}")
    with chromium(tmp_path / "browser") as shown:
        shown.open(real.url)
        yield shown


def tell(real: Gateway, producer: str) -> None:
    """Ask once, and say that it was taken and stayed."""
    name = ask(real)["suggestion_id"]
    lived = event(name, 2, "survival", horizon_s=30.0, retained=0.9)
    real.post("/v1/feedback", feedback(event(name, 1), lived, producer=producer))


def ask(real: Gateway) -> dict[str, Any]:
    return real.post("/v1/suggest", suggestion(**PATIENT))


def says(vllm: EngineRecord, name: str) -> str:
    """Return what vLLM itself answers by this adapter."""
    shown = {"Authorization": f"Bearer {vllm.key}"}
    body = PROMPT | {"model": name}
    answer = httpx.post(f"{vllm.url}/v1/completions", json=body, headers=shown, timeout=60.0)
    return answer.json()["choices"][0]["text"]


def answered(real: Gateway) -> str:
    """Return what the gateway answers to the same by whichever is live."""
    return real.post("/v1/completions", PROMPT)["choices"][0]["text"]


def text_of(selector: str) -> str:
    return f"document.querySelector('{selector}')?.innerText ?? ''"


def test_the_page_shows_what_there_is_and_rolls_back(
    page: Page, real: Gateway, vllm: EngineRecord
) -> None:
    page.wait(f"({text_of('#policies')}).includes('{NEW}')", "the versions")
    page.wait(f"({text_of('#taken')}).includes('100.0 %')", "the share taken")
    page.wait("document.querySelectorAll('#survival-chart svg path').length === 2", "the curves")
    assert page.evaluate(f"({text_of('#tiles')}).includes('{NEW}')")
    page.picture("page")
    asked = httpx.get(f"{vllm.url}/v1/models", headers={"Authorization": f"Bearer {vllm.key}"})
    assert {OLD, NEW} <= {model["id"] for model in asked.json()["data"]}
    old, new = says(vllm, OLD), says(vllm, NEW)
    assert old != new
    assert (ask(real)["policy_version"], answered(real)) == (NEW, new)

    page.click("#rollback")
    page.wait("document.querySelector('#ask').open", "the question")
    page.press("Escape")
    page.wait("!document.querySelector('#ask').open", "no question")
    assert ask(real)["policy_version"] == NEW, "nobody said yes"

    page.click("#rollback")
    page.click("#ask button[value=yes]")
    page.wait(f"({text_of('#tiles')}).includes('{OLD}')", "the version before")
    answer = ask(real)
    assert (answer["policy_version"], answer["outcome"] == "failed") == (OLD, False)
    assert answered(real) == old
    assert not [line for line in page.said if line.startswith("thrown")], page.said


def test_promotions_are_paused_by_the_keyboard_alone(page: Page, real: Gateway) -> None:
    page.wait(f"({text_of('#policies')}).includes('{NEW}')", "the versions")
    page.evaluate("document.querySelector('#pause').focus()")
    page.press(" ")
    page.wait("document.querySelector('#ask').open", "the question")
    page.press("Tab", " ")
    page.wait(f"({text_of('#pause')}).startsWith('Resume')", "the pause")
    assert real.get("/v1/status")["paused"] is True
