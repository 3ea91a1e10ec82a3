"""A recorded conversation has the same outcomes when it is played again."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from feedback_store.events import OutcomeEvent
from tests.bench.lsp import show
from tests.bench.lsp_clients import Window
from tests.bench.lsp_code import document
from tests.bench.lsp_habits import CLIENTS, Habits
from tests.bench.lsp_outcomes import CLASSES, TRACES, accuracy, by_client, class_of, recorded
from tests.bench.lsp_people import Developer
from tests.lsp.line import Line
from tests.lsp.replay import replay

UNTELLABLE = {"vim-ale": {("typed_through", "accepted")}}
"""ALE sends the whole text after a pause, and names no accept: what was typed until then, once the
menu was open, looks like one leap. The editors' page says so, and `make bench-lsp` counts it."""


class Recorder(Line):
    """A line that writes down what passes."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.entries: list[dict[str, Any]] = []

    async def send(self, message: dict[str, Any]) -> dict[str, Any] | None:
        self.entries.append({"t": self.now, "from": "client", "message": message})
        answer = await super().send(message)
        if answer:
            self.entries.append({"t": self.now, "from": "server", "message": answer})
        return answer


async def record(habits: Habits, folder: Path) -> tuple[Path, dict[str, str], dict[str, str]]:
    """Have a developer work for a while; the transcript, the outcomes and the truth."""
    chance = random.Random(7)
    developer = Developer(None, chance)
    line = Recorder(folder / "server", developer.propose, {})
    window = developer.window = Window(line, habits, folder / "a.py", document(chance))
    await window.open()
    await developer.work(9)
    events = await line.end()
    # The ids of a recording are not those of its replay.
    text = json.dumps(line.entries)
    for name in sorted(window.truth, key=len, reverse=True):
        text = text.replace(f'"{name}"', f'"recorded-{name}"')
    truth = {f"recorded-{name}": kind for name, kind in window.truth.items()}
    path = folder / f"{habits.name}.1.jsonl"
    lines = [*json.loads(text), {"truth": truth}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    outcomes = {
        f"recorded-{e.suggestion_id}": e.outcome.value
        for e in events
        if isinstance(e, OutcomeEvent)
    }
    return path, outcomes, truth


@pytest.mark.parametrize("habits", CLIENTS, ids=lambda habits: habits.name)
async def test_a_replay_has_the_outcomes_of_the_recording(habits: Habits, tmp_path: Path) -> None:
    path, outcomes, truth = await record(habits, tmp_path)
    assert len(truth) >= 2
    again = await replay(path, tmp_path / "again")
    assert again == {name: (truth[name], outcomes[name]) for name in truth}


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.jsonl")), ids=lambda path: path.stem)
async def test_what_real_editors_said_has_its_true_outcomes(path: Path, tmp_path: Path) -> None:
    found = await replay(path, tmp_path)
    assert "unknown" not in {outcome for _, outcome in found.values()}
    wrong = {(truth, class_of(outcome)) for truth, outcome in found.values()}
    wrong -= {(kind, kind) for kind in CLASSES}
    assert wrong == UNTELLABLE.get(path.stem, set())


def test_transcripts_are_reported_by_client(tmp_path: Path) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
    lines = [{"t": 0, "from": "client", "message": hello}, {"truth": {"never offered": "accepted"}}]
    path = tmp_path / "some.1.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = recorded(tmp_path)
    assert found == {"some": {("accepted", "not_taken"): 1}}
    assert accuracy(found["some"]) == 0
    assert [class_of(name) for name in ("accepted", "rejected", "stale")] == [
        "accepted",
        "not_taken",
        "not_taken",
    ]


def test_the_bench_fails_for_one_client_below_the_mark(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"hone": {"p50": 0.1, "p99": 0.2}, "pygls": {"p50": 1.0, "p99": 9.0}}
    good = {
        "start_ms": 1.0,
        "keystroke": {"10000": figures},
        "added_p50_ms": 1.0,
        "added": {"hone_p50": 1.0, "bare_p50": 1.0, "p50": 1.0},
        "memory_growth_mb": 0.0,
        "memory": {"keys": 1, "requests": 1, "at_end_mb": 1, "growth_mb": 0.0},
    }
    for share, code in ((0.96, 0), (0.94, 1)):
        report = {"suggestions": 3, "outcome_accuracy": share}
        found = {
            "simulated": {"vscode": report},
            "recorded": {"vim": report | {"outcome_accuracy": 1.0}},
        }
        accuracy = by_client(found)
        assert accuracy == {"simulated": {"vscode": share}, "recorded": {"vim": 1.0}}
        assert show(good | {"outcomes": found, "outcome_accuracy": accuracy}) == code
        assert ("missed" in capsys.readouterr().out) is bool(code)
