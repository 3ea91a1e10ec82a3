"""Whatever an editor does, in whatever order: laws that hold for every suggestion."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from feedback_store.events import Outcome, Reason
from tests.lsp.desk import SETTLING, Desk

TAKEN = {Outcome.ACCEPTED, Outcome.PARTIALLY_ACCEPTED}
PIECE = st.sampled_from(["x", "\n", " = 1", "\r\n", "two\nlines\n", ""])
EDIT = st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 2), PIECE)
STEP = st.one_of(
    st.tuples(st.just("edit"), EDIT),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1.5, 6.0, 11.0, 40.0])),
    st.tuples(st.just("offer"), st.integers(0, 6)),
    st.tuples(st.just("withhold"), st.integers(0, 6)),
    st.tuples(st.sampled_from(["apply", "accept", "dismiss", "part", "undo"]), st.integers(0, 3)),
)


class Player:
    """Plays random steps on a desk."""

    def __init__(self) -> None:
        self.desk = Desk("".join(f"line {n}\n" for n in range(9)))
        self.names: list[str] = []

    def play(self, step: str, value: Any) -> None:
        if step == "edit":
            self.edit(*value)
        elif step == "wait":
            self.desk.wait(value)
        elif step == "offer":
            self.offer(value)
        elif step == "withhold":
            last = min(value + 3, len(self.desk.document.lines))
            if value < last:
                answer = (Outcome.WITHHELD, Reason.NO_EDIT)
                self.names.append(self.desk.withhold(value, last, *answer))
        elif self.names:
            self.react(step, self.names[-1 - value % len(self.names)])

    def edit(self, line: int, column: int, length: int, text: str) -> None:
        line = min(line, len(self.desk.document.lines) - 1)
        last = min(line + length, len(self.desk.document.lines) - 1)
        end = (last, column) if last > line else (line, column + length)
        self.desk.edit(((line, column), end, text))

    def offer(self, first: int) -> None:
        last = min(first + 3, len(self.desk.document.lines))
        if first < last:
            watch = self.desk.ask(first, last)
            self.names.append(self.desk.answer(watch, watch.base + "new text\n"))

    def react(self, step: str, name: str) -> None:
        tracker, now = self.desk.tracker, self.desk.now
        watch = tracker.find(name)
        if step == "accept":
            tracker.accepted(name, now)
        elif step == "dismiss":
            tracker.dismissed(name, now)
        elif step == "part":
            tracker.partly_accepted(name)
        elif watch and watch.proposed is not None:
            text = watch.proposed if step == "apply" else watch.base
            self.desk.edit(((watch.region.first, 0), (watch.region.last, 0), text))


@given(st.lists(STEP, max_size=25), st.booleans())
def test_every_suggestion_gets_exactly_one_of_everything(steps: list, quietly: bool) -> None:
    player = Player()
    for step, value in steps:
        player.play(step, value)
    desk = player.desk
    if quietly:
        desk.wait(1000)
    else:
        desk.leave()
    assert desk.tracker.watches == ()
    assert desk.tracker.due() is None
    for name in player.names:
        outcome, settled = desk.outcome(name), desk.settled(name)
        kinds = [type(finding).__name__ for finding in desk.of(name)]
        assert kinds.index("Decided") < kinds.index("Settled")
        survivals = desk.survivals(name)
        wanted = SETTLING.horizons_s if outcome.outcome in TAKEN else ()
        assert tuple(s.horizon_s for s in survivals) == wanted
        assert [s.last for s in survivals] == [n == len(wanted) - 1 for n in range(len(wanted))]
        assert (settled.accepted_text is not None) == bool(wanted)
        assert not settled.undone or bool(wanted)
        if quietly:
            assert all(s.left is not None for s in survivals)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["above", "inside", "below"]),
            st.integers(0, 5),
            st.integers(0, 5),
            st.integers(0, 3),
            PIECE,
        ),
        max_size=15,
    )
)
def test_the_region_is_followed_wherever_it_goes(edits: list) -> None:
    """Two lines that nobody touches enclose the region: what settles is what is between them."""
    outside = "".join(f"far {n}\n" for n in range(4))
    desk = Desk(f"{outside}<<<\nspace\nin 0\nin 1\nspace\n>>>\n{outside}")
    name = desk.offer(5, 9, "in 0\n", "in 0\nnew\n")
    for where, line, column, length, text in edits:
        lines = desk.document.lines
        begin, end = lines.index("<<<\n"), lines.index(">>>\n")
        first, last = {
            "above": (0, begin - 2),
            "inside": (begin + 2, end - 2),
            "below": (end + 2, len(lines) - 1),
        }[where]
        if first > last or "\r" in text:
            continue
        line = min(first + line, last)
        stop = min(line + length, last)
        desk.edit(((line, column), (stop, max(column, 9 if stop > line else 0)), text))
    desk.wait(1000)
    lines = desk.document.lines
    between = lines[lines.index("<<<\n") + 1 : lines.index(">>>\n")]
    assert desk.settled(name).settled_text == "".join(between)
