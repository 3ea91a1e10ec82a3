"""The `span` format of the embedded model: the answer names the changed lines and rewrites them.

    <|file|>dir/name.py
    <|event|> context line
    -old line
    +new line
    <|prefix|>lines before
    <|region|><|L0|>first line
    <|L1|>second line
    <|L2|><|suffix|>lines after
    <|edit|>

A marker stands at every line boundary of the region. An answer is a chain of edits, each begun by
`<|edit|>` (the first by the prompt's own) and ended by `<|end|>`: `<|L3|>new text<|L4|>` replaces
what stands between the two boundaries, `<|L3|>new line<|L3|>` inserts, `<|L3|><|L4|>` deletes.
`<|end|>` at once changes nothing. So a model always decides the same thing after `<|edit|>`:
where next, or nowhere; and after `<|L3|>` the text to go on with is the one that follows the same
marker in the prompt, which is what a small model copies best. Lines that are rewritten one by one
keep their inner boundaries.

Knows this layout and its trimming. Does not know diagnostics and excerpts: the model was never
shown any. Edits of other files are shown: in a third of real commits nothing else came before.
"""

import difflib
import re
from collections.abc import Iterator

from feedback_store.events import EditContext, Reason
from server.prompts.base import Budget, Parsed, first_marker
from server.prompts.region import RegionFormat
from server.prompts.text import split_lines

SHOWN_EDITS = 4
MOST_LINES = 32
"""Boundaries have a token each; a longer region cannot be asked for."""
_BOUNDARY = re.compile(r"<\|L(\d+)\|>")


def boundary(number: int) -> str:
    """Return the marker that stands before line `number` (0-based) of the region."""
    return f"<|L{number}|>"


def split_at_boundaries(text: str) -> tuple[list[int], list[str]]:
    """Return the boundaries in `text` and the pieces around them, one more."""
    found = _BOUNDARY.split(text)
    return [int(place) for place in found[1::2]], found[::2]


class SpanFormat(RegionFormat):
    """Names boundaries of the region and writes what goes between them."""

    name = "span"
    repeats = False
    markers = (*RegionFormat.markers, *(boundary(number) for number in range(MOST_LINES + 1)))
    edit = "<|edit|>"

    def __init__(self, events: int = SHOWN_EDITS, around: int | None = None) -> None:
        super().__init__(events, around, elsewhere=True)

    def render(self, context: EditContext, budget: Budget) -> str | Reason:
        """Trim as the `region` format does; the region itself is marked up, line by line."""
        if len(split_lines(context.region)) > MOST_LINES:
            return Reason.PROMPT_TOO_LONG
        return super().render(context, budget)

    def shown_region(self, context: EditContext) -> str:
        """The region's lines with a marker at every boundary."""
        lines = split_lines(context.region)
        marked = "".join(f"{boundary(number)}{line}" for number, line in enumerate(lines))
        return f"{marked}{boundary(len(lines))}"

    def rewritten(self, context: EditContext) -> str:
        """Nothing is repeated; an answer that grows too long is cut off and says so."""
        return ""

    def render_answer(self, context: EditContext, new_region: str) -> str:
        """The changed lines between their boundaries, and the stop marker."""
        old = split_lines(context.region)
        edits = [_edit(*change) for change in changes(old, split_lines(new_region))]
        return self.edit.join(edits) + "<|end|>"

    def parse(self, context: EditContext, answer: str, *, finished: bool) -> Parsed:
        """Apply the chain of edits; boundaries may not go back."""
        if not finished:
            return Parsed(reason=Reason.TRUNCATED)
        text = answer.removesuffix("<|end|>")
        old = split_lines(context.region)
        new: list[str] = []
        at = 0
        for edit in text.split(self.edit) if text else []:
            places, pieces = split_at_boundaries(edit)
            if len(places) < 2 or pieces[0] or pieces[-1]:
                return Parsed(reason=Reason.UNPARSABLE)
            if places != sorted(places) or places[0] < at or places[-1] > len(old):
                return Parsed(reason=Reason.UNPARSABLE)
            new += old[at : places[0]]
            if places[0] == len(old) and new and any(pieces):
                new[-1] = _whole(new[-1])  # what is appended stands on a line of its own
            new += [_whole(piece) for piece in pieces[1:-1]]
            at = places[-1]
        if old and at == len(old) and not old[-1].endswith("\n") and new:
            new[-1] = new[-1].removesuffix("\n")  # a file's last line may have no line end
        new_region = "".join([*new, *old[at:]])
        if first_marker(new_region, self.markers) or "\ufffd" in text:
            return Parsed(reason=Reason.UNPARSABLE)
        if new_region == context.region:
            return Parsed(reason=Reason.NO_EDIT)
        return Parsed(new_region=new_region)


def changes(old: list[str], new: list[str]) -> Iterator[tuple[int, int, list[str]]]:
    """Yield (first old line, one past the last, the lines instead), in order."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield i1, i2, new[j1:j2]


def _edit(first: int, last: int, lines: list[str]) -> str:
    if len(lines) == last - first:  # line by line: each keeps the boundary behind it
        inner = "".join(f"{line}{boundary(first + n + 1)}" for n, line in enumerate(lines))
        return boundary(first) + inner
    return f"{boundary(first)}{''.join(lines)}{boundary(last)}"


def _whole(text: str) -> str:
    """Whole lines: an answer that forgot its last line end meant it."""
    return text if not text or text.endswith("\n") else text + "\n"
