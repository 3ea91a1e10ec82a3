"""What was dismissed does not come back, in whatever shape; what else an answer holds is shown."""

import pytest

from lsp.dismissals import KEPT, Dismissals

URI = "file:///a.py"
BASE = "".join(f"value_{n} = {n}\n" for n in range(10))


def dismissed(old: str, new: str) -> Dismissals:
    memory = Dismissals()
    memory.remember(URI, old, new)
    return memory


def rewritten(old: str, new: str, text: str = BASE) -> str:
    assert old in text
    return text.replace(old, new)


RENAMED = ("value_4 = 4", "total_4 = 4")
EXTENDED = ("value_4 = 4\n", "value_4 = 4 + compute(x)\n")
ADDED = ("value_4 = 4\n", "value_4 = 4\nlog(value_4)\n")
DELETED = ("value_4 = 4\n", "")


@pytest.mark.parametrize(
    ("edit", "typed"),
    [
        (RENAMED, ("value_4 = 4", "value_4 = 4")),
        (RENAMED, ("value_0 = 0\n", "import os\nvalue_0 = 0\n")),
        (RENAMED, ("value_4 = 4", "value_4 = 4 # why")),
        (RENAMED, ("value_4 = 4", "    value_4 = 4")),
        (RENAMED, ("value_4 = 4", "x = value_4 = 4")),
        (RENAMED, ("value_3 = 3\nvalue_4 = 4\nvalue_5", "one = 3\nvalue_4 = 4\nother_5")),
        (ADDED, ("value_4 = 4", "value_4 = 4")),
        (ADDED, ("value_5 = 5", "value_5 = 6")),
        (DELETED, ("value_3 = 3", "value_3 = 4")),
    ],
)
def test_the_same_change_does_not_come_back(edit: tuple[str, str], typed: tuple[str, str]) -> None:
    memory = dismissed(BASE, rewritten(*edit))
    now = rewritten(*typed)
    assert memory.without(URI, now, rewritten(*edit, now)) == now


def test_what_leads_to_the_same_line_does_not_come_back() -> None:
    memory, wanted = dismissed(BASE, rewritten(*EXTENDED)), rewritten(*EXTENDED)
    for typed in (" ", " +", " + comp"):
        now = rewritten("value_4 = 4\n", f"value_4 = 4{typed}\n")
        assert memory.without(URI, now, wanted) == now
    other = rewritten("value_4 = 4\n", "value_4 = 4 - \n")
    assert memory.without(URI, other, wanted) == wanted


def test_typing_on_in_steps_does_not_bring_it_back() -> None:
    memory = dismissed(BASE, rewritten(*RENAMED))
    for line in ("value_4 = 4 # why", "self.value_4 = 4 # why", "self.value_4 = 4 # why not"):
        now = rewritten("value_4 = 4", line)
        assert memory.without(URI, now, now.replace("value_4", "total_4")) == now


def test_the_rest_of_an_answer_is_left() -> None:
    memory = dismissed(BASE, rewritten(*RENAMED))
    more = rewritten("value_9 = 9", "total_9 = 9")
    assert memory.without(URI, BASE, rewritten(*RENAMED, more)) == more
    beside = rewritten("value_5 = 5", "total_5 = 5")
    assert memory.without(URI, BASE, rewritten(*RENAMED, beside)) == beside
    grown = rewritten("value_4 = 4\n", "total_4 = 4\nlog(4)\n")
    assert memory.without(URI, BASE, grown) == rewritten("value_4 = 4\n", "value_4 = 4\nlog(4)\n")


def test_each_piece_of_a_dismissed_edit_is_remembered() -> None:
    more = rewritten("value_9 = 9", "total_9 = 9")
    memory = dismissed(BASE, rewritten(*RENAMED, more))
    assert memory.without(URI, BASE, more) == BASE


@pytest.mark.parametrize(
    "other",
    [
        ("value_5 = 5", "total_5 = 5"),
        ("value_4 = 4", "amount_4 = 4"),
        ("value_4 = 4", "value_4 = 40"),
        ("value_8 = 8\n", "value_8 = 8\nlog(value_4)\n"),
    ],
)
def test_other_changes_are_left(other: tuple[str, str]) -> None:
    memory = dismissed(BASE, rewritten(*RENAMED))
    memory.remember(URI, BASE, rewritten(*ADDED))
    assert memory.without(URI, BASE, rewritten(*other)) == rewritten(*other)


def test_another_document_is_another_matter() -> None:
    memory, wanted = dismissed(BASE, rewritten(*RENAMED)), rewritten(*RENAMED)
    assert memory.without("file:///b.py", BASE, wanted) == wanted


def test_the_last_are_remembered() -> None:
    memory = dismissed(BASE, rewritten(*RENAMED))
    for n in range(KEPT):
        assert memory.without(URI, BASE, rewritten(*RENAMED)) == BASE
        memory.remember(URI, "old\n", f"new {n}\n")
    assert memory.without(URI, BASE, rewritten(*RENAMED)) == rewritten(*RENAMED)


@pytest.mark.parametrize("edit", [RENAMED, EXTENDED, ADDED, DELETED])
def test_a_later_run_knows_it_by_hashes(edit: tuple[str, str]) -> None:
    hashes: list[str] = []
    Dismissals(keep=hashes.extend).remember(URI, BASE, rewritten(*edit))
    assert hashes
    assert not any("value" in one for one in hashes)
    later = Dismissals(hashes)
    assert later.without(URI, BASE, rewritten(*edit)) == BASE
    moved = "import os\n" + BASE
    assert later.without(URI, moved, rewritten(*edit, moved)) == moved
    other = rewritten("value_8 = 8\n", "value_8 = 9\nlog(value_4)\n")
    assert later.without(URI, BASE, other) == other
