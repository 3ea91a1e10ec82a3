"""The `multi` formats of large coder models: markers cut the region into blocks, the answer
rewrites those that change.

    <|file_sep|>dir/related.py         excerpts
    ...
    <|file_sep|>edits                  the recent edits, oldest first
    --- dir/other.py
    -old line
    +new line
    <|file_sep|>complaints             of other language servers, the nearest ones
    line 12: no such name
    <|file_sep|>instruction            what the user asked for, if anything
    make it asynchronous
    <|file_sep|>dir/name.py
    <|fim_prefix|>lines before
    <|marker_1|>
    first block, the cursor as <|user_cursor|>
    <|marker_2|>
    second block
    <|marker_3|>
    <|fim_suffix|>lines after
    <|fim_middle|>

The answer is `<|marker_1|>`, the new lines, `<|marker_2|>` and the end token. The end token at
once changes nothing, so silence costs one token. After Zed's multi-region formats; the signs
around are those that a family was pretrained with, or plain text where it knows none. What comes
first changes least from one keystroke to the next, which is what a prefix cache keeps.

Knows this layout and its trimming. Does not know tokens: the markers are plain text.
"""

import re
from dataclasses import dataclass
from itertools import groupby, pairwise

from feedback_store.events import EditContext, Excerpt, Reason, RecentEdit
from server.prompts.base import Budget, Parsed, drop_farthest, first_marker
from server.prompts.text import common_start, split_lines

LEAST, MOST = 3, 6
"""Lines of a block: after the third it ends at an empty line, after the sixth anyhow."""
CURSOR = "<|user_cursor|>"
COMPLAINTS = 10
_MARKER = re.compile(r"<\|marker_(\d+)\|>\n?")


@dataclass(frozen=True)
class Signs:
    """What a family writes around the parts of a prompt."""

    file: str
    """Before a file's name."""
    before: str
    """Before the lines that lead to the answer's place."""
    after: str
    """Before the lines behind it."""
    answer: str
    """Where the answer begins."""
    end: str
    """The token that ends a text."""


QWEN = Signs("<|file_sep|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|endoftext|>")
BAR, BLANK = "\uff5c", "\u2581"
DEEPSEEK = Signs(
    file="# file: ",
    before=f"<{BAR}fim{BLANK}begin{BAR}>",
    after=f"<{BAR}fim{BLANK}hole{BAR}>",
    answer=f"<{BAR}fim{BLANK}end{BAR}>",
    end=f"<{BAR}end{BLANK}of{BLANK}sentence{BAR}>",
)
PLAIN = Signs("### File: ", "### Code:\n", "### Code after it:\n", "### Rewritten:\n", "</s>")


class MultiFormat:
    """Rewrites whole blocks of the region, from the first that changes to the last."""

    instructions = True
    repeats = False

    def __init__(self, name: str, signs: Signs) -> None:
        """`name` is stored with every suggestion; one name, one layout."""
        self.name, self._signs = name, signs
        self.stop = (signs.end,)
        special = (sign for sign in vars(signs).values() if sign.startswith("<"))
        self.markers: tuple[str, ...] = ("<|marker_", CURSOR, *special)

    def render(self, context: EditContext, budget: Budget) -> str | Reason:
        """Trim excerpts first, then far suffix and prefix lines, then the oldest edits."""
        room = int(budget.prompt_tokens * budget.chars_per_token)
        around = list(context.excerpts)
        prefix, suffix = split_lines(context.prefix), split_lines(context.suffix)
        events = list(context.recent_edits)
        related = [part for excerpt in around for part in (excerpt.path, excerpt.text)]
        complaints = [one.message for one in context.diagnostics]
        edits = [part for edit in events for part in (edit.path, edit.diff)]
        shown = (*edits, *related, *complaints, context.instruction or "")
        content = "".join((context.path, context.prefix, context.region, context.suffix, *shown))
        if first_marker(content, self.markers):
            return Reason.SENTINEL
        while len(prompt := self._assemble(context, events, around, prefix, suffix)) > room:
            if around:
                around.pop()
            elif not drop_farthest(suffix, prefix, events):
                return Reason.PROMPT_TOO_LONG
        return prompt

    def render_answer(self, context: EditContext, new_region: str) -> str:
        """The blocks that change, between their markers, and the end token."""
        old, new = split_lines(context.region), split_lines(new_region)
        if new_region == context.region:
            return self._signs.end
        same = common_start(old, new)
        same_behind = common_start(old[same:][::-1], new[same:][::-1])
        places = boundaries(old)
        first = max(n for n, at in enumerate(places[:-1]) if at <= same)
        last = min(n for n, at in enumerate(places) if n > first and at >= len(old) - same_behind)
        lines = new[places[first] : len(new) - (len(old) - places[last])]
        return f"{marker(first)}\n{_whole(''.join(lines))}{marker(last)}{self._signs.end}"

    def parse(self, context: EditContext, answer: str, *, finished: bool) -> Parsed:
        """Put the new lines between the two markers; those in between say nothing."""
        if not finished:
            return Parsed(reason=Reason.TRUNCATED)
        text = answer.removesuffix(self._signs.end).strip("\n")
        if not text:
            return Parsed(reason=Reason.NO_EDIT)
        old = split_lines(context.region)
        places = boundaries(old)
        numbers, pieces = [int(n) - 1 for n in _MARKER.findall(text)], _MARKER.split(text)[::2]
        if len(numbers) < 2 or pieces[0] or pieces[-1]:
            return Parsed(reason=Reason.UNPARSABLE)
        if numbers != sorted(numbers) or numbers[0] < 0 or numbers[-1] >= len(places):
            return Parsed(reason=Reason.UNPARSABLE)
        written = "".join(_whole(piece.replace(CURSOR, "")) for piece in pieces[1:-1])
        if first_marker(written, self.markers) or "\ufffd" in written:
            return Parsed(reason=Reason.UNPARSABLE)
        first, last = places[numbers[0]], places[numbers[-1]]
        head = _whole("".join(old[:first])) if written else "".join(old[:first])
        new = [head, written, *old[last:]]
        if old and last == len(old) and not context.region.endswith("\n"):
            # A file's last line may have no line end; that it has none stays as it was.
            new_region = "".join(new).removesuffix("\n")
        else:
            new_region = "".join(new)
        if new_region == context.region:
            return Parsed(reason=Reason.NO_EDIT)
        return Parsed(new_region=new_region)

    def _assemble(
        self,
        context: EditContext,
        events: list[RecentEdit],
        excerpts: list[Excerpt],
        prefix: list[str],
        suffix: list[str],
    ) -> str:
        signs, parts = self._signs, []
        parts += [f"{signs.file}{one.path}\n{_whole(one.text)}" for one in excerpts]
        if events:
            parts.append(f"{signs.file}edits\n{_history(events)}")
        if context.diagnostics:
            parts.append(f"{signs.file}complaints\n{_complaints(context)}")
        if context.instruction is not None:
            parts.append(f"{signs.file}instruction\n{_whole(context.instruction)}")
        before, after = _whole("".join(prefix)), _whole("".join(suffix))
        parts.append(
            f"{signs.file}{context.path}\n{signs.before}{before}{_marked(context)}"
            f"{signs.after}{after}{signs.answer}"
        )
        return "".join(parts)


def marker(number: int) -> str:
    """Return the marker at boundary `number` (0-based) of the region."""
    return f"<|marker_{number + 1}|>"


def boundaries(lines: list[str]) -> list[int]:
    """Return the lines before which a marker stands: 0, the begins of blocks, the end."""
    places = [0]
    for number in range(1, len(lines)):
        long = number - places[-1]
        few_left = len(lines) - number < LEAST
        if not few_left and (long >= MOST or (long >= LEAST and not lines[number - 1].strip())):
            places.append(number)
    return [*places, len(lines)]


def _marked(context: EditContext) -> str:
    """The region's blocks between their markers, with the cursor."""
    lines = split_lines(context.region)
    places = boundaries(lines)
    if context.cursor_line < len(lines):
        line = lines[context.cursor_line]
        at = min(context.cursor_character, len(line.removesuffix("\n")))
        lines[context.cursor_line] = f"{line[:at]}{CURSOR}{line[at:]}"
    blocks = [
        f"{marker(number)}\n{_whole(''.join(lines[first:last]))}"
        for number, (first, last) in enumerate(pairwise(places))
    ]
    return f"{''.join(blocks)}{marker(len(places) - 1)}\n"


def _history(events: list[RecentEdit]) -> str:
    return "".join(
        f"--- {path}\n" + "".join(_whole(edit.diff) for edit in edits)
        for path, edits in groupby(events, key=lambda edit: edit.path)
    )


def _complaints(context: EditContext) -> str:
    """The nearest ones, in the order of their lines."""
    middle = context.region_first_line + context.cursor_line
    nearest = sorted(context.diagnostics, key=lambda one: abs(one.line - middle))[:COMPLAINTS]
    said = sorted(nearest, key=lambda one: one.line)
    return "".join(f"line {one.line + 1}: {_whole(one.message)}" for one in said)


def _whole(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
