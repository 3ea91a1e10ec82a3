"""A simulated developer: types with pauses and slips, looks at suggestions, takes some of them.

What the model proposes is sometimes what the developer was about to write, sometimes more, less,
or something else. Knows intents and chance. Does not know the language server, nor what clients
send.
"""

import random
from dataclasses import dataclass

from feedback_store.events import SuggestRequest
from tests.bench.lsp_clients import Window

NAMES = ("value", "total", "items", "result", "count", "index", "name", "config", "user", "path")
CALLS = ("load", "merge", "format_all", "resolve", "build", "find", "update", "render")
KEY_S = 0.14
"""The median time between two keys."""


@dataclass
class Plan:
    """What the developer is about to write at the cursor, or instead of `[begin, end)`."""

    text: str
    begin: int = 0
    end: int = 0


def document(chance: random.Random) -> str:
    """Return a module of some functions."""
    parts = ["import os\n", "import sys\n", "\n"]
    for n in range(6):
        parts.append(f"\ndef {chance.choice(CALLS)}_{n}({chance.choice(NAMES)}):\n")
        for _ in range(chance.randint(2, 5)):
            parts.append(f"    {chance.choice(NAMES)}_{chance.randint(0, 9)} = {_call(chance)}\n")
        parts.append(f"    return {chance.choice(NAMES)}_{n}\n\n")
    return "".join(parts)


class Developer:
    """Works in one window."""

    def __init__(self, window: Window | None, chance: random.Random) -> None:
        self.window = window
        self.plan: Plan | None = None
        self._chance = chance

    def propose(self, request: SuggestRequest) -> str | None:
        """What the model answers: right, too long, too short, half right or wrong."""
        window, plan, chance = self._here, self.plan, self._chance
        if plan is None or chance.random() < 0.05:
            return None
        text = self._variant(plan.text)
        begin, end = plan.begin, plan.end
        if window.habits.face == "ghost":
            begin, end = window.cursor, window.cursor
            taken = sum(1 for a in window.closers if a in text)
            end += min(taken, len(window.closers))
        if not text and begin == end:
            return None
        whole = window.text[:begin] + text + window.text[end:]
        first = request.context.region_first_line
        after = window.text.count("\n") - first - request.context.region.count("\n")
        lines = whole.splitlines(keepends=True)
        if not first <= window.text[:begin].count("\n") < window.text.count("\n") - after:
            return None
        return "".join(lines[first : len(lines) - after] if after else lines[first:])

    async def work(self, tasks: int) -> None:
        """Do some tasks, one after the other."""
        for _ in range(tasks):
            if self._here.habits.face == "ghost":
                await self._write()
            else:
                await self._revise()
            self.plan = None
            await self._after_task()

    @property
    def _here(self) -> Window:
        assert self.window
        return self.window

    def _variant(self, right: str) -> str:
        dice = self._chance.random()
        if dice < 0.45:
            return right
        if dice < 0.55:
            return right + self._chance.choice((" + 1", "[0]", f"\n    {_assign(self._chance)}"))
        words = right.split(" ")
        half = " ".join(words[: max(1, len(words) // 2)])
        if dice < 0.65:
            return half
        if dice < 0.78:
            return f"{half} {_call(self._chance)}"
        return _call(self._chance) if " " not in right else _assign(self._chance)

    async def _write(self) -> None:
        """Go somewhere and write a line or two."""
        window, chance = self._here, self._chance
        ends = [n for n, char in enumerate(window.text) if char == "\n" and n > 30]
        ends = [n for n in ends if window.text[n - 1] not in "\n:"]
        window.move(chance.choice(ends))
        await window.pause(chance.uniform(0.5, 3))
        if chance.random() < 0.6:
            await window.enter("    ")
            text = _assign(chance)
            if chance.random() < 0.3:
                text += f"\n    {_assign(chance)}"
        else:
            text = chance.choice((f" + {_call(chance)}", ".strip()", " or None", " if x else y"))
        await self._type(text)

    async def _type(self, text: str) -> None:
        """Type, looking up now and then."""
        window, chance, plan = self._here, self._chance, Plan(text)
        self.plan = plan
        while plan.text:
            await self._think()
            if window.visible is not None and chance.random() < 0.75:
                await self._look(plan)
                if not plan.text:
                    return
            await self._key(plan)

    async def _key(self, plan: Plan) -> None:
        window, chance = self._here, self._chance
        word = plan.text.split("(")[0].split(" ")[0]
        if chance.random() < 0.02 and plan.text[0].isalnum():
            await window.key(chance.choice("qzx"))
            await window.pause(0.25)
            await window.backspace()
            await window.pause(0.2)
        if chance.random() < 0.02 and len(word) > 3 and word.isidentifier():
            await self._complete(plan, word)
        elif plan.text.startswith("\n    "):
            plan.text = plan.text[5:]
            await window.enter("    ")
        else:
            char, plan.text = plan.text[0], plan.text[1:]
            await window.key(char)

    async def _complete(self, plan: Plan, word: str) -> None:
        """A menu of completions writes the rest of the word; VS Code, and some others, by
        writing all of it anew."""
        window = self._here
        plan.text = plan.text[len(word) :]
        begin = window.cursor
        while window.text[begin - 1].isalnum() or window.text[begin - 1] == "_":
            begin -= 1
        if window.habits.name == "vscode" or self._chance.random() < 0.5:
            await window.complete(begin, window.text[begin : window.cursor] + word, word)
        else:
            await window.edit(window.cursor, window.cursor, word, typed=word)

    async def _think(self) -> None:
        chance = self._chance
        await self._here.pause(KEY_S * chance.lognormvariate(0, 0.45))
        if chance.random() < 0.12:
            await self._here.pause(chance.uniform(0.4, 3.0))

    async def _look(self, plan: Plan) -> None:
        """Read what is on screen and decide."""
        window, chance = self._here, self._chance
        await window.pause(chance.uniform(0.3, 1.2))
        shown = window.visible
        if shown is None:
            return
        right, dice = shown.text, chance.random()
        has_words = window.habits.parts != "never"
        if plan.text == right:
            if dice < 0.6:
                await self._accept(plan)
            elif dice < 0.72 and has_words:
                await self._accept_words(plan, chance.randint(1, 3))
            elif dice < 0.78:
                window.dismiss()
        elif plan.text.startswith(right):
            if dice < 0.55:
                await self._accept(plan)
        elif right.startswith(plan.text):
            if dice < 0.25:
                await self._accept(plan)
            elif dice < 0.5 and has_words:
                await self._accept_words(plan, 9)
        elif dice < 0.04:
            await self._accept(plan)
        elif dice < 0.2:
            window.dismiss()
        elif dice < 0.4 and has_words:
            await self._accept_words(plan, 9)

    async def _accept(self, plan: Plan) -> None:
        """Take it; then undo it, correct it, or go on."""
        window, chance = self._here, self._chance
        shown = window.visible
        assert shown
        before, text = window.text, shown.text
        await window.accept()
        if chance.random() < 0.05:
            await window.pause(chance.uniform(1, 5))
            await window.edit(0, len(window.text), before)
            window.move(min(shown.begin, len(before)))
            return
        same = _common(text, plan.text)
        plan.text = plan.text[same:]
        if same < len(text) and window.text[window.cursor - len(text) : window.cursor] == text:
            await window.pause(chance.uniform(0.5, 3))
            await window.edit(window.cursor - len(text) + same, window.cursor, "")

    async def _accept_words(self, plan: Plan, most: int) -> None:
        window = self._here
        for _ in range(most):
            shown = window.visible
            if shown is None:
                return
            before = len(shown.text)
            # Only words that are right.
            if _common(shown.text, plan.text) < len(shown.text.split(" ")[0]) or not plan.text:
                return
            await window.accept_word()
            left = len(window.visible.text) if window.visible else 0
            taken = shown.text[: before - left]
            plan.text = plan.text[_common(taken, plan.text) :]
            await window.pause(self._chance.uniform(0.2, 1.5))

    async def _revise(self) -> None:
        """Change a line that stands there already, with or without a suggestion for it."""
        window, chance = self._here, self._chance
        lines = window.text.split("\n")
        rows = [n for n, line in enumerate(lines) if " = " in line]
        row = chance.choice(rows)
        begin = sum(len(line) + 1 for line in lines[:row]) + lines[row].index(" = ") + 3
        end = sum(len(line) + 1 for line in lines[: row + 1]) - 1
        plan = self.plan = Plan(_call(chance), begin, end)
        # Some other edit comes first, which a next edit can follow.
        window.move(end)
        await window.key(" ")
        await window.pause(0.3)
        await window.backspace()
        await window.pause(chance.uniform(0.5, 2.5))
        if window.habits.face == "action" and chance.random() < 0.8:
            await window.invoke()
            await window.pause(chance.uniform(0.4, 2))
        shown, right = window.visible, plan.text
        if shown is not None:
            now = window.text[: shown.begin] + shown.text + window.text[shown.end :]
            wanted = window.text[:begin] + right + window.text[end:]
            if chance.random() < (0.65 if now == wanted else 0.08):
                await self._accept(Plan(shown.text))
                return
            if chance.random() < 0.3:
                window.dismiss()
        if chance.random() < 0.7:
            await self._by_hand(plan)

    async def _by_hand(self, plan: Plan) -> None:
        """Delete what stands there and write it anew."""
        window = self._here
        self.plan = plan
        if self._chance.random() < 0.5:
            await window.edit(plan.begin, plan.end, "")
            plan.end = plan.begin
        else:
            window.move(plan.end)
            while plan.end > plan.begin:
                await window.backspace()
                plan.end -= 1
                await window.pause(0.05)
        for char in plan.text:
            await self._think()
            await window.key(char)
            plan.text, plan.begin = plan.text[1:], plan.begin + 1
            plan.end = plan.begin

    async def _after_task(self) -> None:
        window, chance = self._here, self._chance
        if chance.random() < 0.25:
            lines = (line.rstrip().replace(" ,", ",") for line in window.text.split("\n"))
            await window.save("\n".join(lines))
        if chance.random() < 0.04:
            # Another tool writes, or something is pasted.
            await window.edit(window.cursor, window.cursor, f"\n    {_assign(chance)}")
        await window.pause(chance.choice((0.5, 2, 6, 15, 40)))


def _call(chance: random.Random) -> str:
    parts = [f"{chance.choice(NAMES)}_{chance.randint(0, 9)}" for _ in range(chance.randint(1, 2))]
    return f"{chance.choice(CALLS)}({', '.join(parts)})"


def _assign(chance: random.Random) -> str:
    return f"{chance.choice(NAMES)}_{chance.randint(0, 9)} = {_call(chance)}"


def _common(first: str, second: str) -> int:
    size = 0
    while size < min(len(first), len(second)) and first[size] == second[size]:
        size += 1
    return size
