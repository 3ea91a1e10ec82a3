"""What the gateway keeps from model and store, whatever a client thinks of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from feedback_store.events import SuggestRequest
from server.config import SuggestSettings
from server.exclusions import AT_ONCE, Exclusions, Withheld
from tests.server.samples import ANSWER, BETTER, CONTEXT, event, feedback, suggestion
from tests.server.serving import StandIn, gateway, settings_for

KEY = "hone_" + "a1b2c3" + "_" + "0123456789abcdefghijklmnopqrstuv"
LINE = f"token = '{KEY}'\n"


@pytest.fixture
def client(engine: StandIn, tmp_path: Path) -> Iterator[httpx.Client]:
    """A gateway that excludes a folder, and looks for keys, as it does by itself."""
    asked = {"exclude_patterns": ("secrets/",), "holdout_share": 0.0}
    with gateway(settings_for(tmp_path / "data", engine.url, suggest=asked)) as running:
        yield running


def ask(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/suggest", json=suggestion(**changes))
    assert answer.is_success, answer.text
    return dict(answer.json())


def written(folder: Path) -> str:
    """Everything in the data folder, as text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"path": "secrets/keys.py"}, "suggest.exclude_patterns"),
        ({"path": "a/secrets/deep/keys.py"}, "suggest.exclude_patterns"),
        ({"prefix": LINE + CONTEXT["prefix"]}, "suggest.scan_secrets"),
        ({"region": CONTEXT["region"] + LINE}, "suggest.scan_secrets"),
        ({"suffix": "    " + LINE}, "suggest.scan_secrets"),
        ({"instruction": f"use {KEY} here"}, "suggest.scan_secrets"),
        ({"avoid": [LINE], "trigger": "invoked"}, "suggest.scan_secrets"),
    ],
)
def test_what_is_excluded_reaches_neither_model_nor_store(
    client: httpx.Client, engine: StandIn, tmp_path: Path, change: dict[str, Any], setting: str
) -> None:
    answer = ask(client, **change)
    assert (answer["outcome"], answer["reason"]) == ("withheld", "excluded")
    assert setting in answer["detail"]
    assert engine.completions() == []
    settled = event(answer["suggestion_id"], 2, "settled", settled_text="breadth_settled = 1\n")
    outcome = event(answer["suggestion_id"], 1, outcome="withheld", shown="no", reason="excluded")
    ack = client.post("/v1/feedback", json=feedback(outcome, settled)).json()
    assert (ack["stored"], ack["quarantined"]) == (2, 0)
    assert client.get("/v1/status").json()["silences"][0]["reason"] == "excluded"
    kept = written(tmp_path)
    assert answer["suggestion_id"] in kept
    assert KEY not in kept
    assert "breadth" not in kept


def test_a_request_loses_only_what_it_can_do_without(
    client: httpx.Client, engine: StandIn, tmp_path: Path
) -> None:
    edits = [
        {"path": "secrets/x.py", "diff": "-old_secret = 1\n+new_secret = 1\n"},
        {"path": "pkg/other.py", "diff": f"-a = 1\n+{LINE}"},
        *CONTEXT["recent_edits"],
    ]
    excerpts = [{"path": "pkg/k.py", "text": LINE}, {"path": "secrets/k.py", "text": "old_secret"}]
    complaints = [{"line": 1, "severity": 1, "message": f"bad: {KEY}"}]
    engine.answer(text=ANSWER)
    context = CONTEXT | {"recent_edits": edits, "excerpts": excerpts, "diagnostics": complaints}
    answer = client.post("/v1/suggest", json=suggestion(context=context)).json()
    assert answer["new_region"] == BETTER
    told = engine.completions()[-1]["completion"]["prompt"]
    assert "breadth = shape.width" in told
    for text in (told, written(tmp_path)):
        assert "_secret" not in text
        assert KEY not in text


def test_a_prompt_with_a_key_is_not_completed(client: httpx.Client, engine: StandIn) -> None:
    for stream in (False, True):
        body = {"prompt": f"import os\n{LINE}x = ", "stream": stream}
        refused = client.post("/v1/completions", json=body)
        assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
        assert "suggest.scan_secrets" in refused.json()["detail"]
        assert KEY not in refused.text
    counted = 'hone_completions_total{policy="hone-tiny",reason="excluded"} 2.0'
    assert counted in client.get("/metrics").text
    assert engine.completions() == []


def test_a_settled_text_with_a_key_is_kept_as_facts(
    client: httpx.Client, engine: StandIn, tmp_path: Path
) -> None:
    engine.answer(text=ANSWER)
    known = ask(client)["suggestion_id"]
    events = [event(known, 1), event(known, 2, "settled", settled_text=BETTER + LINE)]
    ack = client.post("/v1/feedback", json=feedback(*events)).json()
    assert ack["stored"] == 2
    assert KEY not in written(tmp_path)
    assert "breadth" in written(tmp_path)


def test_the_scan_can_be_switched_off(engine: StandIn, tmp_path: Path) -> None:
    asked = {"scan_secrets": False, "holdout_share": 0.0}
    with gateway(settings_for(tmp_path, engine.url, suggest=asked)) as client:
        ask(client, prefix=LINE)
    assert KEY in engine.completions()[-1]["completion"]["prompt"]


def test_a_level_that_records_nothing_records_nothing(client: httpx.Client, tmp_path: Path) -> None:
    answer = ask(client, prefix=LINE, level="off")
    assert answer["reason"] == "excluded"
    assert answer["suggestion_id"] not in written(tmp_path)


@pytest.mark.parametrize("lines", [3, AT_ONCE * 3])
def test_a_line_is_looked_at_once(lines: int) -> None:
    seen: list[str] = []

    def look(line: str) -> bool:
        seen.append(line)
        return False

    async def check() -> None:
        known = Exclusions(SuggestSettings(), look, kept=lines)
        text = "".join(f"  value_{n} = {n}\n" for n in range(lines))
        for _ in range(3):
            assert not await known.holds(text)
        assert len(seen) == lines
        await known.holds("another line, which the oldest makes room for")
        await known.holds(text)
        assert len(seen) == lines + 2

    asyncio.run(check())


def test_a_line_that_cannot_be_looked_at_counts_as_a_key() -> None:
    def broken(line: str) -> bool:
        raise RecursionError

    async def check() -> None:
        request = SuggestRequest.model_validate(suggestion())
        with pytest.raises(Withheld):
            await Exclusions(SuggestSettings(), broken).admitted(request)

    asyncio.run(check())


def test_a_pattern_that_does_not_read_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="exclude_patterns"):
        SuggestSettings(exclude_patterns=("!",))
