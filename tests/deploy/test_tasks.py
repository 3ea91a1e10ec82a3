"""Sessions cut from modules: what is opened, what is done by hand, what is wanted."""

from deploy.demo.rules import Rule, spelled
from deploy.demo.tasks import REACH, LineEdit, Task, apply, tasks_of

RULE = Rule("r", True, spelled("ValueError", "InputError"))


def module(*sites: int, length: int = 80) -> str:
    lines = [f"line_{n} = {n}" for n in range(length)]
    for site in sites:
        lines[site] = f"raise ValueError({site})"
    return "".join(f"{line}\n" for line in lines)


def wanting(text: str) -> list[Task]:
    return [task for task in tasks_of("m.py", text, [RULE], seed=1) if task.wanted]


def test_the_wanted_edit_is_the_next_place_and_the_places_before_are_done() -> None:
    text = module(5, 20, 40)
    by_line = {task.wanted.start: task for task in wanting(text) if task.wanted}
    assert set(by_line) == {20, 40}
    task = by_line[40]
    assert "raise InputError(5)" in task.before
    assert "raise InputError(20)" in task.before
    assert "raise ValueError(40)" in task.before
    assert task.after == task.before.replace("ValueError(40)", "InputError(40)")
    assert task.steps, "the user makes at least the last edit before by hand"


def test_the_steps_lead_from_the_opened_text_to_the_text_before() -> None:
    task = wanting(module(5, 20))[0]
    assert task.opened == module(5, 20)
    assert task.steps == (LineEdit(5, 6, ("raise InputError(5)",)),)


def test_places_too_near_to_each_other_have_no_single_right_answer() -> None:
    def places(text: str) -> set[int]:
        return {task.wanted.start for task in wanting(text) if task.wanted}

    assert places(module(5, 20, 20 + REACH)) == {20 + REACH}, "20 has another place below it"
    assert places(module(5, 20, 21 + REACH)) == {20, 21 + REACH}


def test_quiet_sessions_go_where_the_rule_asks_for_nothing() -> None:
    found = [
        task
        for seed in range(40)
        for task in tasks_of("m.py", module(5, 20, length=200), [RULE], seed)
        if task.wanted is None
    ]
    assert found
    for task in found:
        assert abs(task.cursor_line - 20) > REACH
        assert task.after == task.before


def test_the_same_seed_gives_the_same_tasks() -> None:
    text = module(5, 20, 40, 60)
    assert list(tasks_of("m.py", text, [RULE], 3)) == list(tasks_of("m.py", text, [RULE], 3))


def test_apply_replaces_inserts_and_deletes_lines() -> None:
    assert apply("a\nb\nc\n", LineEdit(1, 2, ("x", "y"))) == "a\nx\ny\nc\n"
    assert apply("a\nb\n", LineEdit(1, 1, ("x",))) == "a\nx\nb\n"
    assert apply("a\nb\n", LineEdit(0, 1, ())) == "b\n"
