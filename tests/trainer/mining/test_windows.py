"""Windows: what a task shows is what the file was, and its answer is what the file became."""

import difflib
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.mining.repositories import SHORT, changed, text
from trainer.mining.config import MineSection
from trainer.mining.patches import Group, parse_groups
from trainer.mining.windows import (
    MARGIN,
    Spot,
    Window,
    context_lines,
    done_spot,
    hunk_spot,
    quiet_spot,
    window_at,
)

SIZES = MineSection(region_lines=6, prefix_lines=4, suffix_lines=3)
LINES = st.lists(st.sampled_from(["a", "b", "  c", "d", ""]), max_size=60)


def groups_of(old: list[str], new: list[str], sizes: MineSection) -> list[Group]:
    diff = difflib.unified_diff(old, new, n=context_lines(sizes), lineterm="")
    lines = list(diff)[2:]
    return parse_groups("\n".join(lines)) if lines else []


def check(window: Window, document: list[str], after: list[str], sizes: MineSection) -> None:
    """The window is a slice of the document, and the answer makes it the document after."""
    lines = [f"{line}\n" for line in document]
    region = window.region.splitlines(keepends=True)
    prefix, suffix = window.prefix.splitlines(True), window.suffix.splitlines(True)
    first, last = window.first, window.first + len(region)
    assert lines[first:last] == region
    assert 1 <= len(region) <= sizes.region_lines
    assert prefix == lines[max(0, first - sizes.prefix_lines) : first]
    assert suffix == lines[last : last + sizes.suffix_lines]
    assert 0 <= window.cursor_line < len(region)
    assert window.cursor_character <= len(region[window.cursor_line]) - 1
    replaced = lines[:first] + window.wanted.splitlines(True) + lines[last:]
    assert replaced == [f"{line}\n" for line in after]


@given(LINES, LINES, st.integers(0, 99))
def test_an_answer_makes_the_file_what_the_author_made_it(
    old: list[str], new: list[str], seed: int
) -> None:
    document, draw = list(old), Random(seed)
    for group in groups_of(old, new, SIZES):
        for at, hunk in enumerate(group.pieces):
            if not hunk.diff:
                continue
            spot = hunk_spot(group, at, SIZES)
            after = document[: spot.first] + hunk.new + document[spot.first + len(hunk.old) :]
            window = window_at(spot, SIZES, draw)
            if window is not None:
                check(window, document, after, SIZES)
            for done, shown in ((False, document), (True, after)):
                quiet = quiet_spot(group, at, SIZES, draw, done=done)
                if quiet is not None and (window := window_at(quiet, SIZES, draw)) is not None:
                    check(window, shown, shown, SIZES)
            last = all(not piece.diff for piece in group.pieces[at + 1 :])
            if last and (window := window_at(done_spot(group, at, SIZES), SIZES, draw)):
                check(window, after, after, SIZES)
            document = after
    assert document == new


def test_a_region_stops_short_of_the_next_hunk_and_takes_in_the_last() -> None:
    (group,) = groups_of(SHORT, changed(SHORT, 20, 24), SIZES)
    windows = [
        window_at(hunk_spot(group, at, SIZES), SIZES, Random(seed))
        for at in (1, 3)
        for seed in range(20)
    ]
    regions = [window.region for window in windows if window is not None]
    assert len(regions) == 40
    assert not any("value_24 " in region for region in regions[:20])
    assert any("changed_20 " in region for region in regions[20:])


def test_where_the_edit_is_in_its_region_varies() -> None:
    (group,) = groups_of(SHORT, changed(SHORT, 30), SIZES)
    windows = [window_at(hunk_spot(group, 1, SIZES), SIZES, Random(seed)) for seed in range(100)]
    assert {window.first for window in windows if window} == set(range(25, 31))
    assert len({window.first + window.cursor_line for window in windows if window}) > 3


def test_a_quiet_window_keeps_its_distance() -> None:
    sizes = MineSection(region_lines=6)
    (group,) = groups_of(SHORT, changed(SHORT, 30), sizes)
    for seed in range(50):
        draw = Random(seed)
        spot = quiet_spot(group, 1, sizes, draw, done=True)
        assert spot is not None
        window = window_at(spot, sizes, draw)
        assert window is not None
        last = window.first + window.region.count("\n")
        assert last <= 30 - MARGIN or window.first >= 31 + MARGIN
        assert window.region == window.wanted == text(SHORT[window.first : last])


def test_a_region_with_long_lines_gives_up_lines() -> None:
    spot = Spot(["x" * 70] * 20, ["old"], ["new"], ["y" * 70] * 20, 20, 20, 20)
    window = window_at(spot, MineSection(region_characters=300), Random(1))
    assert window is not None
    assert "old\n" in window.region
    assert max(len(window.region), len(window.wanted)) <= 300
    assert window.region.count("\n") == 5


def test_a_hunk_that_does_not_fit_gives_no_window() -> None:
    old = ["line"] * 21
    assert window_at(Spot([], old, [], [], 0, 0, 0), MineSection(), Random(1)) is None
    wide = Spot([], ["o"], ["n" * 2000], [], 0, 0, 0)
    assert window_at(wide, MineSection(), Random(1)) is None
    assert window_at(Spot([], [], ["n"], [], 0, 0, 0), MineSection(), Random(1)) is None
