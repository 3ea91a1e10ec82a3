"""The small thinking parts of the faces: parts of edits, selections, marks, ghost text."""

import pytest
from lsprotocol import types

from lsp.abilities import Abilities
from lsp.document import Document
from lsp.documents import Edit
from lsp.edits import smallest_edit
from lsp.instructions import selected_lines, written_instruction
from lsp.marks import mark_of
from lsp.matching import progress
from lsp.offers import code_actions, ghost_text
from lsp.parts import Part, next_line, next_word
from lsp.unasked import end_of
from tests.lsp.desk import Desk

TEXT = "one = 1\nprint(va)\nthree = 3\n"


def desk(new: str, text: str = TEXT) -> Desk:
    """A document whose second line a suggestion rewrites."""
    made = Desk(text)
    line = made.document.lines[1]
    made.offer(0, 3, line, new)
    return made


@pytest.mark.parametrize(
    ("part", "old", "new", "steps"),
    [
        (next_word, "print(va)", "print(value, other)", ["print(value)", "print(value,)"]),
        (next_word, "print(va)", "log.info(va)", ["log(va)", "log.(va)"]),
        (next_word, "a b c", "x y", ["x b c"]),
        (next_word, "a", "a  # why not", ["a  #", "a  # why"]),
        (next_word, "a", "", []),
        (next_line, "a", "x\ny\nz", ["x\na", "x\ny\na"]),
        (next_line, "a\nb", "x\ny", ["x\nb"]),
        (next_line, "a", "a\nb\nc", ["a\nb"]),
        (next_line, "a b", "a c", []),
    ],
)
def test_parts_lead_to_the_whole(part: Part, old: str, new: str, steps: list[str]) -> None:
    lines = [f"{line}\n" for line in old.split("\n")]
    document = Document("file:///a", "x", 1, "".join(lines), "utf-16", 1000)
    base, seen = document.text, []
    while document.text != f"{new}\n" and len(seen) < 9:
        left = smallest_edit(0, document.lines, f"{new}\n", "\n")
        assert left
        taken = part(left, document.lines)
        document.apply(taken.start, taken.end, taken.text)
        assert progress(base, f"{new}\n", document.text) is not None
        seen.append(document.text.removesuffix("\n"))
    assert seen == [*steps, new]


@pytest.mark.parametrize(
    ("start", "end", "lines"),
    [
        ((2, 0), (4, 0), (2, 4)),
        ((2, 3), (4, 1), (2, 5)),
        ((2, 3), (2, 5), (2, 3)),
        ((2, 0), (2, 0), (2, 3)),
        ((8, 0), (99, 0), (8, 10)),
        ((50, 0), (99, 0), (9, 10)),
    ],
)
def test_a_selection_touches_lines(
    start: tuple[int, int], end: tuple[int, int], lines: tuple[int, int]
) -> None:
    region = selected_lines(start, end, 10)
    assert (region.first, region.last) == lines


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("# hone: sort by name\n", "sort by name"),
        ("  // Hone:  use a map  \r\n", "use a map"),
        ("/* hone: use a map */\n", "use a map"),
        ("<!-- hone: a table -->\n", "a table"),
        ("# hone:\n", None),
        ("phone: 12\n", None),
    ],
)
def test_a_comment_gives_an_instruction(line: str, said: str | None) -> None:
    assert written_instruction(["x\n", line]) == said


@pytest.mark.parametrize(
    ("new", "preview", "place"),
    [
        ("print(value)\n", "print(value)", ((1, 0), (1, 9))),
        ("show(va)\n", "show(va)", ((1, 0), (1, 5))),
        ("", "(deletes text)", ((1, 0), (2, 0))),
        ("print(va)\nmore()\n", "more()", ((2, 0), (2, 9))),
        (f"print({'x' * 80})\n", f"print({'x' * 53}\u2026", ((1, 6), (1, 8))),
    ],
)
def test_a_mark_says_what_comes(
    new: str, preview: str, place: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    made = desk(new)
    mark = mark_of(made.document, made.tracker.watches[0])
    assert mark
    begin, end = mark.range.start, mark.range.end
    found = (begin.line, begin.character), (end.line, end.character)
    assert (mark.preview, found) == (preview, place)


def item(made: Desk, text: str, start: int, end: int) -> types.InlineCompletionItem | None:
    """Ask behind `va` on the second line, with a completion selected in the menu."""
    place = types.Range(types.Position(1, start), types.Position(1, end))
    cursor = types.Position(1, 8)
    selected = types.SelectedCompletionInfo(place, text)
    return ghost_text(made.document, made.tracker.watches[0], cursor, selected)


def test_ghost_text_extends_the_selected_completion() -> None:
    made = desk("print(value_2)\n")
    found = item(made, "value", 6, 8)
    assert found
    assert (found.insert_text, found.range) == (
        "value_2",
        types.Range(types.Position(1, 6), types.Position(1, 8)),
    )
    assert item(made, "vast", 6, 8) is None
    assert item(made, "value", 6, 9) is None


def test_a_visual_selection_is_no_completion() -> None:
    """Neovim sends what is selected in visual mode as `selectedCompletionInfo`."""
    made = desk("print(value_2)\n")
    for text, start, end in (("rint", 1, 5), ("va", 6, 8), ("", 8, 8), ("print(va)\n", 0, 9)):
        found = item(made, text, start, end)
        assert found
        assert found.insert_text == "lue_2"
    place = types.Range(types.Position(0, 0), types.Position(1, 5))
    selected = types.SelectedCompletionInfo(place, "one = 1\nprint")
    cursor = types.Position(1, 8)
    assert ghost_text(made.document, made.tracker.watches[0], cursor, selected)


def test_a_client_without_versions_gets_plain_changes() -> None:
    made = desk("print(value)\n")
    watch = made.tracker.watches[0]
    apply = code_actions(made.document, watch, Abilities())[0]
    assert apply.edit
    assert apply.edit.document_changes is None
    assert apply.edit.changes == {
        made.document.uri: [
            types.TextEdit(types.Range(types.Position(1, 8), types.Position(1, 8)), "lue")
        ]
    }


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (Edit("x", (2, 3), (2, 3)), (2, 4)),
        (Edit("😀", (2, 3), (2, 9)), (2, 5)),
        (Edit("a\r\nbc", (2, 3), (2, 3)), (3, 2)),
        (Edit("", (2, 3), (4, 0)), (2, 3)),
        (Edit("all"), None),
    ],
)
def test_where_an_edit_ends(edit: Edit, place: tuple[int, int] | None) -> None:
    assert end_of(edit, "utf-16") == place
