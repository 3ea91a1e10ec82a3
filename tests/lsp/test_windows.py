"""Several windows at once, killed now and then: nothing is lost, nothing is told twice."""

from collections import Counter
from pathlib import Path

import pytest

from lsp.spool import open_spools
from tests.lsp.conftest import Launch
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, rewrite, typed
from tests.lsp.standin import StandIn
from tests.lsp.test_spool import add, die, settled

KINDS = ("outcome", "settled")


def offer(editor: Editor, gateway: StandIn, file: str) -> tuple[str, dict, str]:
    uri = typed(editor, CODE, file)
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    edit = editor.next_edit(uri, 4)
    assert edit
    return uri, edit, edit["command"]["arguments"][0]


@pytest.mark.long
def test_five_windows_on_one_workspace_and_two_on_one_file(
    launch: Launch, gateway: StandIn
) -> None:
    windows = [launch() for _ in range(5)]
    for window in windows:
        window.initialize()
    names: list[str] = []
    for turn in range(2):
        for number, window in enumerate(windows):
            # The first two windows have the same file open.
            file = f"{max(1, number)}_{turn}.py"
            uri, edit, name = offer(window, gateway, file)
            names.append(name)
            if number % 2 == 0:
                window.apply(uri, edit)
                window.workspace.joinpath(file).write_text(window.texts[uri], encoding="utf-8")
                window.command("hone.accept", name)
            if turn == 1 and number in (0, 3):
                window.status()  # what is kept on disk comes right after an answer
                window.kill()
    for window in windows:
        if window.process.poll() is None:
            window.wait_delivered()
    last = launch()
    last.initialize()
    last.wait_delivered()
    told = Counter((e.suggestion_id, e.kind, getattr(e, "horizon_s", None)) for e in gateway.events)
    assert set(told.values()) == {1}
    for kind in KINDS:
        assert {name for name, found, _ in told if found == kind} == set(names)
    for name in names:
        taken = gateway.of(name, "outcome")[0].outcome == "accepted"
        horizons = [s.horizon_s for s in gateway.of(name, "survival")]
        assert horizons == ([0, 0.1, 0.3] if taken else [])
    assert sum(gateway.of(name, "outcome")[0].outcome == "accepted" for name in names) == 6


def test_a_week_without_a_network(tmp_path: Path) -> None:
    """Seven days, a new process each, every second one killed; then all is sent in order."""
    day_s, sent = 86_400.0, []
    for day in range(7):
        spool, left = open_spools(tmp_path, "w")
        assert left == []
        for n in range(50):
            spool.append(
                lambda seq, n=n, day=day: settled(f"{day}/{n}", seq, day * day_s, "x" * 2000)
            )
            spool.keep_within(64_000_000, 14, day * day_s, lambda *_: pytest.fail("a loss"))
        die(spool) if day % 2 else spool.close()
    spool, _ = open_spools(tmp_path, "w")
    add(spool, "at last")
    while batch := spool.batch():
        sent += [(event.seq, event.suggestion_id) for event in batch.events]
        spool.acknowledge(batch, batch.events[-1].seq)
        spool.tidy()
    names = [*(f"{day}/{n}" for day in range(7) for n in range(50)), "at last"]
    assert sent == list(enumerate(names, start=1))
    spool.close()
    assert list((tmp_path / "w").iterdir()) == []
