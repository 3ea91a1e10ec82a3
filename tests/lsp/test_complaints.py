"""Other language servers' diagnostics: by line, moved by edits, the nearest ones."""

from lsp.complaints import KEPT, MAX_CHARS, Complaints, complaint
from lsp.document import Change


def said(complaints: Complaints, line: int = 0, limit: int = 10) -> list[tuple[int, str]]:
    return [(one.line, one.message) for one in complaints.near("a", line, limit)]


def heard(*lines: int) -> Complaints:
    complaints = Complaints()
    for line in lines:
        complaints.heard("a", line, line, [complaint(line, 1, f"at {line}")])
    return complaints


def test_the_nearest_in_the_order_of_their_lines() -> None:
    complaints = heard(50, 3, 10, 20)
    assert said(complaints, 12, 2) == [(10, "at 10"), (20, "at 20")]
    assert said(complaints, 12, 0) == []


def test_a_request_replaces_what_was_said_of_its_lines() -> None:
    complaints = heard(3, 4, 5)
    complaints.heard("a", 4, 5, [complaint(4, 2, "new"), complaint(4, 2, "new")])
    assert said(complaints) == [(3, "at 3"), (4, "new")]
    complaints.heard("a", 0, 9, [])
    assert said(complaints) == []


def test_one_that_begins_above_the_request_is_not_doubled() -> None:
    complaints = heard(3)
    complaints.heard("a", 4, 4, [complaint(3, 1, "at 3")])
    assert said(complaints) == [(3, "at 3")]


def test_changed_lines_lose_theirs_and_the_others_move() -> None:
    complaints = heard(1, 2, 3, 8)
    complaints.changed("a", Change(2, ("x\n", "y\n"), ("z\n",)))
    assert said(complaints) == [(1, "at 1"), (7, "at 8")]
    complaints.changed("a", Change(0, (), ("new\n", "new\n")))
    assert said(complaints) == [(3, "at 1"), (9, "at 8")]
    complaints.changed("other", Change(0, (), ("new\n",)))
    complaints.closed("a")
    assert said(complaints) == []


def test_messages_are_short_and_can_be_encoded() -> None:
    one = complaint(0, 1, "two\n  lines \ud83d" + "x" * 1000)
    assert one.message.startswith("two lines ?xxx")
    assert len(one.message) == MAX_CHARS


def test_there_are_not_too_many() -> None:
    complaints = Complaints()
    complaints.heard("a", 0, 999, [complaint(n, 1, "x") for n in range(1000)])
    assert len(said(complaints, limit=1000)) == KEPT
