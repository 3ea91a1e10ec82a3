"""An offer survives what happens elsewhere, unless the prompt would say something else now."""

from typing import Any

import pytest

from feedback_store.events import EditContext, Reason, RecentEdit
from lsp.context import Region
from lsp.document import split_lines
from lsp.rebase import edited_since, still_fits
from tests.lsp.editor import Editor
from tests.lsp.scenes import CODE, reason, rewrite, typed
from tests.lsp.standin import StandIn

BEFORE, AFTER = "import a\n\ndef f():\n", "\nf()\n"
EDIT = RecentEdit(path="a.py", diff="-x\n+y\n")
OTHER = RecentEdit(path="b.py", diff="-x\n+y\n")
SHOWN = EditContext(
    path="a.py",
    language="python",
    prefix=BEFORE,
    region="    x\n    y\n",
    suffix=AFTER,
    region_first_line=3,
    cursor_line=0,
    cursor_character=0,
    recent_edits=(EDIT,),
)


def fits(before: str, after: str, *recent: RecentEdit, above: str = "") -> bool:
    lines = split_lines(above + before + SHOWN.region + after)
    first = len(split_lines(above + before)) - 1
    return still_fits(SHOWN, lines, Region(first, first + 2), recent)


@pytest.mark.parametrize(
    ("known", "recent", "expected"),
    [
        ((EDIT,), (EDIT,), False),
        ((EDIT,), (OTHER, EDIT), False),
        ((EDIT,), (EDIT, OTHER), True),
        ((EDIT,), (), True),
        ((), (), False),
        ((), (EDIT,), True),
    ],
)
def test_whether_anything_was_edited_since(
    known: tuple[RecentEdit, ...], recent: tuple[RecentEdit, ...], expected: bool
) -> None:
    shown = SHOWN.model_copy(update={"recent_edits": known})
    assert edited_since(shown, recent) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (BEFORE, AFTER, True),
        ("import a  \n\n\n\ndef f():\n", AFTER, True),
        (BEFORE, "\n\nf()", True),
        (BEFORE.replace("\n", "\r\n"), AFTER, True),
        ("import b\n\ndef f():\n", AFTER, False),
        ("import a\n\n  def f():\n", AFTER, False),
        ("def f():\n", AFTER, False),
        (BEFORE, "\nf(1)\n", False),
        (BEFORE, "", False),
        (BEFORE + "    z = 1\n", AFTER, False),
    ],
)
def test_code_around_matters_but_for_blanks(before: str, after: str, expected: bool) -> None:
    assert fits(before, after, EDIT) is expected


def test_lines_beyond_what_was_shown_do_not_matter() -> None:
    assert fits(BEFORE, AFTER + "more\n" * 5, EDIT, above="new\n" * 20)


@pytest.mark.parametrize(
    ("recent", "expected"),
    [
        ((EDIT,), True),
        ((EDIT, OTHER), True),
        ((OTHER,), False),
        ((), False),
        ((OTHER, EDIT), True),
        ((EDIT, EDIT.model_copy(update={"diff": "-y\n+z\n"})), False),
        ((EDIT, EDIT.model_copy(update={"diff": "-z\n+y\n"})), True),
        ((EDIT, OTHER.model_copy(update={"diff": "-y\n+z\n"})), True),
        ((EDIT.model_copy(update={"diff": "-y\n+x\n"}), EDIT), True),
        ((EDIT.model_copy(update={"diff": "-x\n+yy\n"}),), False),
    ],
)
def test_edits_that_led_to_it_must_still_be_there(
    recent: tuple[RecentEdit, ...], expected: bool
) -> None:
    assert fits(BEFORE, AFTER, *recent) is expected


def test_edits_do_not_matter_once_it_is_being_typed() -> None:
    lines = split_lines(BEFORE + SHOWN.region + AFTER)
    assert still_fits(SHOWN, lines, Region(3, 5), None)
    assert not still_fits(SHOWN, lines, Region(3, 5), ())


def test_offer_moves_with_edits_elsewhere(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, CODE * 3, "moves.py")
    gateway.answers.append(rewrite("value_4 = 4", "total_4 = 4"))
    first = editor.next_edit(uri, 44)
    assert first
    editor.change(uri, ((10, 0), (10, 0), "new = 1\nlines = 2\n"), ((60, 0), (60, 0), "end"))
    again = editor.next_edit(uri, 46)
    assert again
    assert again["command"] == first["command"]
    assert again["textDocument"]["version"] == editor.versions[uri]
    editor.apply(uri, again)
    assert editor.texts[uri].split("\n")[46] == "total_4 = 4"
    editor.wait_delivered()
    [outcome] = gateway.of(first["command"]["arguments"][0], "outcome")
    assert outcome.outcome == "accepted"
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (((2, 7), (2, 7), "x"), "the edit that it followed from grew"),
        (((2, 0), (2, 5), "value"), "that edit was undone"),
        (((39, 0), (39, 5), "other"), "the code above is another"),
    ],
)
def test_offer_ends_with_what_it_was_made_from(
    editor: Editor, gateway: StandIn, change: tuple, why: str
) -> None:
    # A file of its own: the history remembers what earlier cases did to theirs.
    uri = typed(editor, CODE * 3, f"ends-{len(why)}.py")
    editor.change(uri, ((57, 0), (57, 5), "count"))
    gateway.answers += [rewrite("value_4 = 4", "total_4 = 4"), rewrite("value_5", "sum_5")]
    first = editor.next_edit(uri, 44)
    assert first
    editor.change(uri, change)
    second = editor.next_edit(uri, 44)
    assert second, why
    assert second["command"] != first["command"]


def asked_here(gateway: StandIn) -> list[Any]:
    """What was asked of the first lines; other places may be asked about, too."""
    return [asked for asked in gateway.requests if asked.context.region_first_line == 1]


def test_silence_holds_while_the_prompt_is_the_same(editor: Editor, gateway: StandIn) -> None:
    uri = typed(editor, name="silence.py")
    gateway.answers.append(Reason.NO_EDIT)
    assert editor.next_edit(uri, 4) is None
    editor.change(uri, ((15, 0), (15, 5), "other"))
    editor.change(uri, ((15, 0), (15, 5), "value"))
    assert editor.next_edit(uri, 4) is None
    assert reason(editor) == "no_edit"
    assert len(asked_here(gateway)) == 1
    editor.change(uri, ((15, 0), (15, 5), "other"))
    assert editor.next_edit(uri, 4) is None
    assert len(asked_here(gateway)) == 2
