"""The `region` format of the embedded model: the answer rewrites the whole region.

    <|file|>dir/name.py
    <|event|> context line
    -old line
    +new line
    <|prefix|>lines before
    <|region|>the lines to rewrite
    <|suffix|>lines after
    <|edit|>the region rewritten
    <|end|>

Knows this layout and its trimming. Does not know diagnostics and excerpts: the model was never
shown any; nor, unless asked to, edits of other files. The prefix cache is of little use to prompts
this short, so events come first, in the order in which the model learnt them.
"""

from feedback_store.events import EditContext, Reason
from server.prompts.base import Budget, Parsed, drop_farthest, first_marker
from server.prompts.text import split_lines

PREFIX_LINES = 12
SUFFIX_LINES = 6
EVENTS = 3


class RegionFormat:
    """Rewrites the region. The cursor is not shown: the events say where work goes on."""

    name = "region"
    instructions = False
    repeats = True
    markers = (
        "<|endoftext|>",
        "<|pad|>",
        "<|file|>",
        "<|event|>",
        "<|prefix|>",
        "<|region|>",
        "<|suffix|>",
        "<|edit|>",
        "<|end|>",
    )
    stop = ("<|end|>",)

    def __init__(
        self, events: int = EVENTS, around: int | None = None, *, elsewhere: bool = False
    ) -> None:
        """Show the last `events` edits; with `elsewhere`, those of other files among them.

        Args:
            around: lines shown before the region, half as many after it; None shows 12 and 6.
        """
        self.events, self._elsewhere = events, elsewhere
        self._before, self._after = PREFIX_LINES, SUFFIX_LINES
        if around is not None:
            self._before, self._after = around, around // 2

    def render(self, context: EditContext, budget: Budget) -> str | Reason:
        """Trim from the outside in: far suffix and prefix lines first, then the oldest events."""
        if context.instruction is not None:
            return Reason.NO_INSTRUCTIONS  # the model was never shown any
        room = int(budget.prompt_tokens * budget.chars_per_token)
        prefix = split_lines(context.prefix)[-self._before :]
        suffix = split_lines(context.suffix)[: self._after]
        events = [
            edit.diff
            for edit in context.recent_edits
            if self._elsewhere or edit.path == context.path
        ][-self.events :]
        prompt = self._assemble(context, events, prefix, suffix)
        while len(prompt) > room:
            if not drop_farthest(suffix, prefix, events):
                return Reason.PROMPT_TOO_LONG
            prompt = self._assemble(context, events, prefix, suffix)
        if len(self.rewritten(context)) > budget.answer_tokens * budget.chars_per_token:
            return Reason.PROMPT_TOO_LONG
        content = "".join((context.path, *events, *prefix, context.region, *suffix))
        if first_marker(content, self.markers):
            return Reason.SENTINEL
        return prompt

    def shown_region(self, context: EditContext) -> str:
        """The region as the prompt shows it."""
        return context.region

    def rewritten(self, context: EditContext) -> str:
        """What every answer repeats at least; it must fit the budget."""
        return context.region

    def render_answer(self, context: EditContext, new_region: str) -> str:
        """The new region and the stop marker."""
        return f"{new_region}<|end|>"

    def parse(self, context: EditContext, answer: str, *, finished: bool) -> Parsed:
        """Take the answer as the region; line ends are the region's own, "\\n"."""
        if not finished:
            return Parsed(reason=Reason.TRUNCATED)
        text = answer.removesuffix("<|end|>")
        if text and context.region.endswith("\n") and not text.endswith("\n"):
            text += "\n"
        if text == context.region:
            return Parsed(reason=Reason.NO_EDIT)
        if first_marker(text, self.markers) or "\ufffd" in text:
            return Parsed(reason=Reason.UNPARSABLE)
        return Parsed(new_region=text)

    def _assemble(
        self, context: EditContext, events: list[str], prefix: list[str], suffix: list[str]
    ) -> str:
        shown = "".join(f"<|event|>{event}" for event in events)
        return (
            f"<|file|>{context.path}\n{shown}<|prefix|>{''.join(prefix)}"
            f"<|region|>{self.shown_region(context)}<|suffix|>{''.join(suffix)}<|edit|>"
        )
