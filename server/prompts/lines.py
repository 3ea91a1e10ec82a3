"""The `lines` format of the embedded model: the answer rewrites the region, line by line.

    ...the prompt of the `span` format, with <|L0|>first line, <|L1|>second line, <|L2|> at the end
    <|edit|><|L0|>first line
    <|L1|>the second line, changed
    <|L2|><|end|>

Every line of the region is answered behind its own boundary, by itself, by several lines or by
none. So a model that copies always knows where it is: the same boundary stands once in the
prompt, where the bare text of a line may stand in many places.

Knows this layout. Does not know how prompts are trimmed (`region`) and marked up (`span`).
"""

from feedback_store.events import EditContext, Reason
from server.prompts.base import Parsed
from server.prompts.span import SpanFormat, boundary, changes, split_at_boundaries
from server.prompts.text import split_lines


class LinesFormat(SpanFormat):
    """Rewrites the region's lines between their boundaries."""

    name = "lines"

    def rewritten(self, context: EditContext) -> str:
        """The region's lines, unchanged."""
        return context.region

    def render_answer(self, context: EditContext, new_region: str) -> str:
        """All lines behind their boundaries, and the stop marker."""
        old = split_lines(context.region)
        pieces = [*old, ""]  # behind the last boundary stands what an empty region becomes
        for first, last, lines in changes(old, split_lines(new_region)):
            if first == last:
                at = max(0, first - 1)
                whole = [pieces[at], *lines] if first else [*lines, pieces[at]]
                pieces[at] = "".join(whole)
                continue
            pieces[first:last] = [*lines[: last - first], *[""] * (last - first - len(lines))]
            pieces[last - 1] += "".join(lines[last - first :])
        answered = "".join(f"{boundary(n)}{piece}" for n, piece in enumerate(pieces))
        return f"{answered}<|end|>"

    def parse(self, context: EditContext, answer: str, *, finished: bool) -> Parsed:
        """Join the lines; every boundary must be there, once and in order."""
        if not finished:
            return Parsed(reason=Reason.TRUNCATED)
        places, pieces = split_at_boundaries(answer.removesuffix("<|end|>"))
        old = split_lines(context.region)
        if pieces[0] or places != list(range(len(old) + 1)):
            return Parsed(reason=Reason.UNPARSABLE)
        return self.read_region(context, "".join(pieces[1:]))
