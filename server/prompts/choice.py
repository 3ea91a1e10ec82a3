"""The `choice` format of the embedded model: the prompt holds guesses, the answer takes one.

    ...the prompt of the `span` format up to its suffix
    <|by-token|>
    <|L2|>the third line, changed
    <|L3|>0<|by-line|><|by-edit|>
    <|L1|>the second line, changed
    <|L2|>7<|edit|>

What a rule can guess (`guesses`) stands behind the names of the ways that lead to it: its changed
lines, between the boundaries of what they replace. The digit behind them says in how many of ten
cases such a guess was wanted (`evidence`). The likeliest guess stands last, so that its digit is
what a model reads right before it answers.

The answer is the first of the names, `<|by-line|><|end|>`; or `<|end|>`, nothing; or a `span`
answer, where what is wanted was not guessed. So the commonest answers take two tokens, and to
learn from a user which guesses are wanted is to learn one choice.

Knows this layout. Does not know how guesses are made or weighed, nor how the rest is
trimmed (`region`).
"""

from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter

from feedback_store.events import EditContext, Reason
from server.prompts.base import Budget, Parsed, first_marker
from server.prompts.evidence import evidence
from server.prompts.guesses import WAYS, Guess, guesses
from server.prompts.span import SpanFormat, boundary, changes
from server.prompts.text import split_lines


class ChoiceFormat(SpanFormat):
    """Takes a guess by its name, or writes the change."""

    name = "choice"
    markers = (*SpanFormat.markers, *(f"<|{way}|>" for way in WAYS))

    def render(self, context: EditContext, budget: Budget) -> str | Reason:
        """Trim as the other formats do, in what room the guesses leave."""
        found = self._guesses(context)
        ranked = sorted(zip(evidence(context, found), found, strict=True), key=itemgetter(0))
        shown = "".join(_shown(context.region, guess, chance) for chance, guess in ranked)
        taken = int(len(shown) / budget.chars_per_token) + 1
        if taken >= budget.prompt_tokens:
            return Reason.PROMPT_TOO_LONG
        room = replace(budget, prompt_tokens=budget.prompt_tokens - taken)
        prompt = super().render(context, room)
        if isinstance(prompt, Reason):
            return prompt
        return f"{prompt.removesuffix(self.edit)}{shown}{self.edit}"

    def render_answer(self, context: EditContext, new_region: str) -> str:
        """The first name of the guess that says so; without one, the changed lines."""
        for guess in self._guesses(context):
            if guess.region == new_region:
                return f"{_names(guess.ways)[0]}<|end|>"
        return super().render_answer(context, new_region)

    def parse(self, context: EditContext, answer: str, *, finished: bool) -> Parsed:
        """Take the guess that the answer names, or read it as the `span` format does.

        A guess that stands alone goes by any name: a model that means it may miss how it was made
        (in a fifth of one team's tasks it did).
        """
        text = answer.removesuffix("<|end|>")
        if not finished or not any(name in text for name in _names(WAYS)):
            return super().parse(context, answer, finished=finished)
        found = self._guesses(context)
        for guess in found:
            if text in _names(guess.ways):
                return Parsed(new_region=guess.region)
        if len(found) == 1 and text in _names(WAYS):
            return Parsed(new_region=found[0].region)
        return Parsed(reason=Reason.UNPARSABLE)

    def _guesses(self, context: EditContext) -> list[Guess]:
        """The guesses from the newest edits, unless they bring markers along.

        A prompt without room for an edit still shows what is guessed from it.
        """
        found = guesses(context.region, context.recent_edits[-self.events :])
        return [guess for guess in found if not first_marker(guess.region, self.markers)]


def _shown(region: str, guess: Guess, chance: float) -> str:
    """The names, the changed lines between their boundaries, one after the other, the chance."""
    old, new = split_lines(region), split_lines(guess.region)
    lines = "".join(
        f"{boundary(first)}{''.join(changed)}{boundary(last)}"
        for first, last, changed in changes(old, new)
    )
    return f"{''.join(_names(guess.ways))}\n{lines}{min(int(10 * chance), 9)}"


def _names(ways: Sequence[str]) -> list[str]:
    return [f"<|{way}|>" for way in ways]
