"""When an answer has come back to the old text: what must never be cut short, and what must."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.prompts.convergence import BACK, converged
from server.prompts.text import split_lines

OLD = "def area(it):\n    w = it.wide\n    h = it.high\n    see(w)\n    see(h)\n    return w * h\n"

lines = st.lists(st.sampled_from(["a\n", "b = 1\n", "c(x)\n", "\n", "return b\n"]), max_size=12)
"""Few different ones, so that what repeats itself is tried most."""


def prefixes(text: str) -> list[str]:
    return ["", *accumulate(text)]


def test_a_changed_line_and_three_old_ones_are_enough() -> None:
    so_far = OLD.replace("it.wide", "it.width()")
    assert converged(OLD, so_far[: so_far.index("    return")]) == so_far
    assert converged(OLD, so_far[: so_far.index("see(h)")]) is None


@pytest.mark.parametrize(
    ("old", "so_far"),
    [
        pytest.param(OLD, OLD[:-10], id="nothing has changed"),
        pytest.param("a\nx\ny\nz\na\nx\ny\nz\nend\n", "b\nx\ny\nz\n", id="it stands there twice"),
        pytest.param("a\nx\ny\nz\nfoo(a)\n", "b\nx\ny\nz\n", id="who renames goes on renaming"),
        pytest.param("a\nx\ny\nz\nend\n", "b\nx\ny\nz\nem", id="another change has begun"),
        pytest.param("a\nx\ny\nz\n", "b\nx\ny\nz\n", id="what may be appended is not known"),
        pytest.param("x\ny\nz\nend\n", "x\ny\nz\nx\ny\nz\n", id="what was copied comes again"),
        pytest.param("", "a\nb\nc\nd\n", id="there is no old text"),
    ],
)
def test_doubt_lets_the_model_go_on(old: str, so_far: str) -> None:
    assert converged(old, so_far) is None


@given(lines, lines)
def test_what_is_added_is_the_old_end_and_something_has_changed(
    old: list[str], new: list[str]
) -> None:
    region = "".join(old)
    for so_far in prefixes("".join(new)):
        whole = converged(region, so_far)
        if whole is not None:
            assert whole.startswith(so_far)
            assert whole != region
            written = so_far[: so_far.rfind("\n") + 1]
            assert region.endswith("".join(split_lines(written)[-BACK:]) + whole[len(written) :])


@given(lines, lines)
def test_going_on_to_copy_never_leads_elsewhere(old: list[str], new: list[str]) -> None:
    region = "".join(old)
    found = {converged(region, so_far) for so_far in prefixes("".join(new))} - {None}
    for whole in found:
        assert whole is not None
        later = [converged(region, so_far) for so_far in prefixes(whole)]
        first = next(n for n, said in enumerate(later) if said == whole)
        assert set(later[first:]) <= {None, whole}


@given(st.integers(0, 8), st.integers(0, 4), st.integers(0, 4), st.integers(BACK + 1, 8))
def test_one_change_among_different_lines_is_always_found(
    before: int, removed: int, added: int, after: int
) -> None:
    kept = [f"kept{n}()\n" for n in range(before + after)]
    gone, fresh = (
        [f"{name}{n}\n" for n in range(many)]
        for name, many in (("gone", removed), ("fresh", added))
    )
    old = "".join([*kept[:before], *gone, *kept[before:]])
    new = "".join([*kept[:before], *fresh, *kept[before:]])
    if old == new:
        assert all(converged(old, so_far) is None for so_far in prefixes(new))
        return
    enough = "".join([*kept[:before], *fresh, *kept[before : before + BACK]])
    for so_far in prefixes(new[:-1]):
        assert converged(old, so_far) == (new if len(so_far) >= len(enough) else None)
