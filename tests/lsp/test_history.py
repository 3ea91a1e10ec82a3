"""Recent edits as the model saw them: one context line, old lines, new lines."""

from hypothesis import given
from hypothesis import strategies as st

from lsp.document import Change, Document, split_lines
from lsp.history import PAUSE_S, History

TEXT = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"


class Typist:
    """A document whose changes go into a history."""

    def __init__(
        self,
        text: str = TEXT,
        history: History | None = None,
        path: str = "a",
        folder: str = "file:///",
    ) -> None:
        self.document = Document(folder + path, "python", 1, text, "utf-32", 10_000)
        self.history = history or History()
        self.path = path
        self.now = 0.0

    def edit(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        change = self.document.apply(start, end, text)
        assert change
        self.history.record(self.document.uri, self.path, change, self.document.lines, self.now)

    @property
    def diffs(self) -> list[str]:
        return [edit.diff for edit in self.history.recent(10)]


def test_a_changed_line_has_one_line_of_context() -> None:
    typist = Typist()
    typist.edit((1, 0), (1, 3), "TWO")
    assert typist.diffs == [" one\n-two\n+TWO\n"]


def test_the_first_line_has_no_context() -> None:
    typist = Typist()
    typist.edit((0, 0), (0, 3), "ONE")
    assert typist.diffs == ["-one\n+ONE\n"]


def test_typing_is_one_edit() -> None:
    typist = Typist()
    for n, char in enumerate("hello"):
        typist.edit((2, 5 + n), (2, 5 + n), char)
        typist.now += 1
    assert typist.diffs == [" two\n-three\n+threehello\n"]


def test_typing_that_is_taken_back_disappears() -> None:
    typist = Typist()
    typist.edit((2, 5), (2, 5), "x")
    typist.edit((2, 5), (2, 6), "")
    assert typist.diffs == []


def test_an_edit_undone_after_a_pause_disappears_too() -> None:
    typist = Typist()
    typist.edit((2, 0), (2, 5), "drei")
    typist.now += PAUSE_S + 1
    typist.edit((2, 0), (2, 4), "three")
    assert typist.diffs == []


def test_an_edit_undone_after_others_disappears() -> None:
    history = History()
    first, second = Typist(history=history), Typist(history=history, path="b")
    first.edit((3, 0), (3, 4), "vier")
    second.edit((1, 0), (1, 3), "ZWEI")
    first.edit((0, 0), (0, 0), "above\n")
    first.edit((4, 0), (4, 4), "four")
    assert [edit.diff for edit in history.recent(10)] == [" one\n-two\n+ZWEI\n", "+above\n"]


def test_a_deletion_undone_after_others_disappears() -> None:
    history = History()
    first, second = Typist(history=history), Typist(history=history, path="b")
    first.edit((3, 0), (4, 0), "")
    second.edit((1, 0), (1, 3), "ZWEI")
    first.edit((3, 0), (3, 0), "four\n")
    assert [edit.path for edit in history.recent(10)] == ["b"]


def test_the_opposite_edit_at_another_place_is_an_edit() -> None:
    typist = Typist("one\ntwo\nthree\nfour\nfive\nsix\n1\n")
    typist.edit((0, 0), (0, 3), "1")
    typist.edit((6, 0), (6, 1), "one")
    assert typist.diffs == ["-one\n+1\n", " six\n-1\n+one\n"]


def test_a_pause_begins_another_edit() -> None:
    typist = Typist()
    typist.edit((2, 5), (2, 5), "x")
    typist.now += PAUSE_S + 1
    typist.edit((2, 6), (2, 6), "y")
    assert typist.diffs == [" two\n-three\n+threex\n", " two\n-threex\n+threexy\n"]


def test_distant_edits_stay_apart_in_order() -> None:
    typist = Typist()
    typist.edit((5, 0), (5, 3), "SIX")
    typist.edit((0, 0), (0, 3), "ONE")
    assert typist.diffs == [" five\n-six\n+SIX\n", "-one\n+ONE\n"]


def test_near_edits_are_one_place_and_two_diffs() -> None:
    typist = Typist()
    typist.edit((3, 0), (3, 4), "FOUR")
    typist.edit((1, 0), (1, 3), "TWO")
    assert typist.diffs == [" three\n-four\n+FOUR\n", " one\n-two\n+TWO\n"]


def test_the_last_of_one_edit_is_what_was_typed_last() -> None:
    typist = Typist()
    typist.edit((1, 0), (1, 3), "TWO")
    typist.edit((3, 0), (3, 4), "FOUR")
    assert typist.diffs[-1] == " three\n-four\n+FOUR\n"
    typist.edit((1, 3), (1, 3), "!")
    assert typist.diffs[-1] == " one\n-two\n+TWO!\n"
    typist.edit((0, 0), (0, 0), "top\n")
    assert typist.diffs[-1] == "+top\n"
    typist.edit((4, 4), (4, 4), "!")
    assert typist.diffs[-1] == " three\n-four\n+FOUR!\n"


def test_inserting_and_deleting_lines() -> None:
    typist = Typist()
    typist.edit((1, 0), (1, 0), "new\n")
    typist.edit((3, 0), (4, 0), "")
    assert typist.diffs == [" one\n+new\n", " two\n-three\n"]


def test_edits_across_files_keep_their_order_and_paths() -> None:
    history = History()
    first, second = Typist(history=history), Typist(history=history, path="b")
    first.edit((1, 0), (1, 3), "TWO")
    second.edit((1, 0), (1, 3), "ZWEI")
    first.edit((1, 0), (1, 3), "DUE")
    assert [edit.path for edit in history.recent(10)] == ["a", "b", "a"]
    assert [edit.path for edit in history.recent(2)] == ["b", "a"]
    assert history.recent(0) == ()
    history.forget("file:///a")
    assert [edit.path for edit in history.recent(10)] == ["b"]


def test_documents_of_the_same_path_stay_apart() -> None:
    history = History()
    first = Typist(history=history, folder="file:///first/")
    second = Typist("uno\ndue\n", history=history, folder="file:///second/")
    first.edit((3, 0), (3, 4), "FOUR")
    second.edit((0, 0), (0, 3), "UNO")
    first.edit((0, 0), (0, 3), "uno")
    assert [(edit.path, edit.diff) for edit in history.recent(10)] == [
        ("a", " three\n-four\n+FOUR\n"),
        ("a", "-uno\n+UNO\n"),
        ("a", "-one\n+uno\n"),
    ]
    history.forget(second.document.uri)
    assert len(history.recent(10)) == 2


def test_what_is_done_in_one_document_is_not_undone_in_its_namesake() -> None:
    history = History()
    first = Typist(history=history, folder="file:///first/")
    second = Typist("1" + TEXT[3:], history=history, folder="file:///second/")
    first.edit((0, 0), (0, 3), "1")
    second.edit((0, 0), (0, 1), "one")
    assert len(history.recent(10)) == 2


def test_a_change_that_cannot_be_is_forgotten_with_its_document() -> None:
    typist = Typist()
    other = Typist(history=typist.history, path="b")
    other.edit((1, 0), (1, 3), "ZWEI")
    typist.edit((6, 0), (6, 5), "SEVEN")
    typist.history.record(typist.document.uri, "a", Change(4, ("five\n",), ("x\n",)), [], 0.0)
    assert [edit.path for edit in typist.history.recent(10)] == ["b"]
    typist.edit((0, 0), (0, 3), "ONE")
    assert typist.diffs == [" one\n-two\n+ZWEI\n", "-one\n+ONE\n"]


def test_a_pasted_file_is_left_out() -> None:
    typist = Typist()
    typist.edit((0, 0), (0, 0), "line\n" * 100)
    assert typist.diffs == []


def test_seal_begins_another_edit() -> None:
    typist = Typist()
    typist.edit((2, 5), (2, 5), "x")
    typist.history.seal()
    typist.edit((2, 6), (2, 6), "y")
    assert len(typist.diffs) == 2


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(0, 4), st.sampled_from("x\n")),
        min_size=1,
        max_size=12,
    )
)
def test_diffs_lead_from_the_old_text_to_the_new(edits: list) -> None:
    """However edits merge, all lines that came and went are accounted for."""
    typist = Typist()
    for line, other, column, text in edits:
        last = len(typist.document.lines) - 1
        start, end = sorted([(min(line, last), column), (min(other, last), column)])
        typist.edit(start, end, text)
    old, new = split_lines(TEXT), typist.document.lines
    together = "".join(typist.diffs)
    added = [d[1:] for d in together.splitlines(keepends=True) if d.startswith("+")]
    removed = [d[1:] for d in together.splitlines(keepends=True) if d.startswith("-")]
    assert len(new) - len(old) == len(added) - len(removed)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 2), st.integers(1, 2)),
        max_size=8,
    ),
)
def test_what_is_undone_step_by_step_leaves_nothing(edits: list) -> None:
    """Lines written or rewritten, that is: where deleted ones stood is no longer in the text."""
    history = History()
    files = [Typist(history=history), Typist(history=history, path="b")]
    undo = []
    for step, (file, line, gone, come) in enumerate(edits):
        typist = files[file]
        lines = typist.document.lines
        first, last = min(line, len(lines) - 1), min(line + gone, len(lines) - 1)
        undo.append((typist, first, first + come, "".join(lines[first:last])))
        typist.edit((first, 0), (last, 0), "".join(f"{step}.{n}\n" for n in range(come)))
        for one in files:
            one.now += PAUSE_S + 1
    for typist, first, last, old in reversed(undo):
        typist.edit((first, 0), (last, 0), old)
        for one in files:
            one.now += PAUSE_S + 1
    assert {typist.document.text for typist in files} == {TEXT}
    assert history.recent(32) == ()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.integers(0, 6),
            st.integers(0, 2),
            st.integers(0, 2),
            st.booleans(),
        ),
        max_size=8,
    ),
)
def test_being_asked_at_every_change_makes_no_difference(edits: list) -> None:
    """What is remembered of a comparison goes with the edit that it was of."""
    curious, patient = History(), History()
    pairs = [[Typist(history=one, path=path) for path in "ab"] for one in (curious, patient)]
    for step, (file, line, gone, come, rests) in enumerate(edits):
        for files in pairs:
            typist = files[file]
            end = len(typist.document.lines) - 1
            first, last = min(line, end), min(line + gone, end)
            typist.edit((first, 0), (last, 0), "".join(f"{step % 3}.{n}\n" for n in range(come)))
            typist.now += PAUSE_S + 1 if rests else 0.1
        curious.recent(3)
    assert curious.hunks() == patient.hunks()
    assert curious.recent(3) == patient.recent(3)
