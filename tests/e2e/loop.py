"""The whole loop in one function: type, suggestion, accept, settle, export, train, gate, swap.

Everything goes through the programs' own doors: language servers over stdio, `hone-trainer` on
the command line, the gateway over HTTP. Knows the order. Does not know which engine answers.
"""

import itertools
import json
from pathlib import Path

from deploy.demo.tasks import LineEdit, Task
from deploy.demo.user import difference
from feedback_store.publish import read_manifest
from tests.e2e.feedback import small_sets
from tests.e2e.stack import Gateway, editor, poll, trainer
from tests.lsp.editor import Editor

EACH = 8
"""Tasks per user: enough that some suggestions are shown."""
BASE, TRAINED = "hone-tiny", "hone-000001"
ONE_STEP = ("--batch.min_items", str(2 * EACH), "--batch.held_share", "0.5",
            "--train.groups", "6", "--train.samples", "16", "--train.max_steps", "1",
            "--train.warmup_steps", "0",
            # So little feedback decides nothing; here the gate only has to see it and say so.
            "--gate.min_items", "1", "--gate.margin", "1", "--gate.max_kl", "10",
            "--gate.max_base_kl", "10",
            "--gate.max_length_ratio", "10", "--gate.max_silence_change", "2")  # fmt: skip


def learn_once(gateway: Gateway, folder: Path) -> None:
    """Go once around the loop and check every station."""
    first, second, (last,) = sessions(EACH, EACH, 1)
    assert gateway.get("/v1/status")["live"] is None
    with editor(gateway, folder / "ada") as ada, editor(gateway, folder / "eve") as eve:
        for user, tasks in ((ada, first), (eve, second)):
            for task in tasks:
                live_through(user, task)
        for user in (ada, eve):
            user.wait_delivered()
            assert user.status()["policy_version"] is None
        counts = poll(lambda: everything_settled(gateway, 2 * EACH), "all feedback in the store")
        accepted = accepts(gateway)
        assert accepted > 0
        assert counts["survivals"] == 3 * accepted
        assert counts["quarantined"] == 0

        said = trainer(gateway, "run", *ONE_STEP)
        assert said.returncode == 0, said.stdout + said.stderr
        check_training(gateway)

        # Nothing was stopped: the same language servers get the new version's answers.
        poll(lambda: eve.status()["policy_version"] == TRAINED, "the news of the swap")
        live_through(eve, last)
        eve.wait_delivered()
    status = gateway.get("/v1/status")
    assert status["live"] == TRAINED
    answered = {row["policy"]: row["count"] for row in status["answers"]}
    assert answered == {BASE: 2 * EACH, TRAINED: 1}


def sessions(*counts: int) -> list[list[Task]]:
    """Return so many tasks for each user in turn, all in files of their own."""
    by_path = {task.path: task for task in small_sets(100, 20).learning if task.wanted}
    tasks = iter(by_path.values())
    found = [list(itertools.islice(tasks, count)) for count in counts]
    assert [len(mine) for mine in found] == list(counts)
    return found


def live_through(user: Editor, task: Task) -> None:
    """Open, edit, ask, accept what is shown, and leave the text as wanted."""
    uri = user.open(task.path, task.opened)
    for step in task.steps:
        replace_lines(user, uri, step)
    edit = user.next_edit(uri, task.cursor_line)
    if edit is not None:
        user.apply(uri, edit)
        user.command(edit["command"]["command"], *edit["command"]["arguments"])
    change = difference(user.texts[uri], task.after)
    if change is not None:
        replace_lines(user, uri, change)
    assert user.texts[uri] == task.after


def replace_lines(user: Editor, uri: str, edit: LineEdit) -> None:
    text = "".join(f"{line}\n" for line in edit.lines)
    user.change(uri, ((edit.start, 0), (edit.end, 0), text))


def everything_settled(gateway: Gateway, expected: int) -> dict[str, int] | None:
    counts = gateway.get("/v1/status")["store"]
    done = counts["suggestions"] == counts["outcomes"] == counts["settled"] == expected
    return counts if done else None


def accepts(gateway: Gateway) -> int:
    """How many suggestions count as accepted."""
    outcomes = gateway.get("/v1/status")["outcomes"]
    return sum(row["count"] for row in outcomes if row["outcome"] == "accepted")


def check_training(gateway: Gateway) -> None:
    """The export, the step, the adapter and the decision, each by what it left behind."""
    batch = read_manifest(gateway.data / "batches" / "000001")
    assert batch["items"] == 2 * EACH
    run = gateway.data / "runs" / "000001"
    facts = json.loads((run / "run.json").read_text())
    assert (facts["policy"], facts["result"]) == (TRAINED, "promoted")
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert len(steps) == 1
    assert steps[0]["groups"] > steps[0]["dropped_groups"]
    adapter = read_manifest(gateway.data / "adapters" / TRAINED)
    assert (adapter["step"], adapter["parent"], adapter["batches"]) == (1, None, [1])
    [decision] = gateway.get("/v1/status")["decisions"]
    assert (decision["policy"], decision["passed"]) == (TRAINED, True)
