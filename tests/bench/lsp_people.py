"""A simulated developer: types with pauses and slips, looks at suggestions, takes some of them.

What the model proposes is sometimes what the developer was about to write, sometimes more, less,
or something else. Knows intents and chance. Does not know the language server, nor what clients
send.
"""

import random
from dataclasses import dataclass

from feedback_store.events import SuggestRequest
from tests.bench.lsp_clients import Window
from tests.bench.lsp_code import assign, call, common, formatted

KEY_S = 0.14
"""The median time between two keys."""
LONG_SHARE, LONG_S = 0.2, (10.0, 60.0)
"""How often somebody looks for long before they decide, and for how long: a colleague asks
something, or the edit takes thought."""


@dataclass
class Plan:
    """What the developer is about to write at the cursor, or instead of `[begin, end)`."""

    text: str
    begin: int = 0
    end: int = 0


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
            return right + self._chance.choice((" + 1", "[0]", f"\n    {assign(self._chance)}"))
        words = right.split(" ")
        half = " ".join(words[: max(1, len(words) // 2)])
        if dice < 0.65:
            return half
        if dice < 0.78:
            return f"{half} {call(self._chance)}"
        return call(self._chance) if " " not in right else assign(self._chance)

    async def _write(self) -> None:
        """Go somewhere and write a line or two."""
        window, chance = self._here, self._chance
        ends = [n for n, char in enumerate(window.text) if char == "\n" and n > 30]
        ends = [n for n in ends if window.text[n - 1] not in "\n:"]
        window.move(chance.choice(ends))
        await window.pause(chance.uniform(0.5, 3))
        if chance.random() < 0.6:
            await window.enter("    ")
            text = assign(chance)
            if chance.random() < 0.3:
                text += f"\n    {assign(chance)}"
        else:
            text = chance.choice((f" + {call(chance)}", ".strip()", " or None", " if x else y"))
        await self._type(text)

    async def _type(self, text: str) -> None:
        """Type, looking up now and then."""
        window, chance, plan = self._here, self._chance, Plan(text)
        self.plan = plan
        while plan.text:
            await self._think()
            if window.visible is not None and chance.random() < 0.75:
                await self._look(plan)
                continue
            if chance.random() < 0.004:
                # Another tool, or a paste, writes all the rest.
                rest, plan.text = plan.text, ""
                await window.paste(rest)
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
        """Read what is on screen and decide; at the end a key is typed or nothing is wanted."""
        window, chance = self._here, self._chance
        await self._consider(0.3, 1.2)
        shown = window.visible
        if shown is not None and len(shown.text.strip()) > 1:
            accept, dismiss, words = self._tempted(plan.text, shown.text)
            dice = chance.random()
            if dice < accept:
                await self._accept(plan)
            elif dice < accept + dismiss:
                window.dismiss()
            elif dice < accept + dismiss + words and window.habits.parts != "never":
                await self._accept_words(plan, chance.choice((1, 2, 9)))
        if plan.text:
            await window.pause(KEY_S * chance.lognormvariate(0, 0.45))
            await self._key(plan)

    async def _consider(self, least_s: float, most_s: float) -> None:
        """Read what is on screen; some decisions take long."""
        chance = self._chance
        await self._here.pause(chance.uniform(least_s, most_s))
        if self._here.visible is not None and chance.random() < LONG_SHARE:
            await self._here.pause(chance.uniform(*LONG_S))

    def _tempted(self, wanted: str, shown: str) -> tuple[float, float, float]:
        """How likely it is taken, refused by key, or taken word by word."""
        if wanted == shown:
            return 0.6, 0.06, 0.12
        if wanted.startswith(shown):
            return 0.55, 0.03, 0.05
        if shown.startswith(wanted):
            return 0.25, 0.1, 0.25
        return 0.04, 0.16, 0.2

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
        same = common(text, plan.text)
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
            if common(shown.text, plan.text) < len(shown.text.split(" ")[0]) or not plan.text:
                return
            await window.accept_word()
            left = len(window.visible.text) if window.visible else 0
            taken = shown.text[: before - left]
            plan.text = plan.text[common(taken, plan.text) :]
            await self._consider(0.2, 1.5)

    async def _revise(self) -> None:
        """Change a line that stands there already, with or without a suggestion for it."""
        window, chance = self._here, self._chance
        lines = window.text.split("\n")
        rows = [n for n, line in enumerate(lines) if " = " in line]
        row = chance.choice(rows)
        begin = sum(len(line) + 1 for line in lines[:row]) + lines[row].index(" = ") + 3
        end = sum(len(line) + 1 for line in lines[: row + 1]) - 1
        plan = self.plan = Plan(call(chance), begin, end)
        # Some other edit comes first, which a next edit can follow.
        window.move(end)
        await window.key(" ")
        await window.pause(0.3)
        await window.backspace()
        await self._consider(0.5, 2.5)
        if window.habits.face == "action" and chance.random() < 0.8:
            await window.invoke()
            await self._consider(0.4, 2)
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
            await window.save("\n".join(formatted(line) for line in window.text.split("\n")))
        if chance.random() < 0.04:
            # Another tool writes, or something is pasted.
            await window.edit(window.cursor, window.cursor, f"\n    {assign(chance)}")
        await window.pause(chance.choice((0.5, 2, 6, 15, 40)))
