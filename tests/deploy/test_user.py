"""What a simulated user computes between two texts."""

from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.tasks import apply
from deploy.demo.user import Window, difference

TEXTS = st.lists(st.sampled_from(["a", "b", "", "  c"]), max_size=8).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(TEXTS, TEXTS)
def test_the_difference_makes_the_new_text_of_the_old(old: str, new: str) -> None:
    edit = difference(old, new)
    assert (old if edit is None else apply(old, edit)) == new


@given(TEXTS, st.integers(0, 8))
def test_a_window_puts_back_what_it_took_out(text: str, line: int) -> None:
    window = Window.around(text, min(line, text.count("\n")))
    assert window.put(window.of(text)) == text
