"""Arguments: one added to, or removed from, a function's definition and then all its calls.

Knows names before brackets, and arguments on one line. Does not know which function a name
means; calls that span lines are kept out of every window.
"""

import random
import re
from dataclasses import dataclass

from trainer.synthetic.edits import Plan, plan_of
from trainer.synthetic.source import DEFINES, Source
from trainer.synthetic.words import COMMON, Vocabulary

FEWEST = 3
MOST_CALLS = 60
_BASES = re.compile(r"\bclass\s+$")
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True)
class _Call:
    """Name( at a line: where its arguments begin and end, and the commas between them."""

    line: int
    start: int
    end: int
    commas: tuple[int, ...]
    defines: bool

    def empty(self, text: str) -> bool:
        return not text[self.start : self.end].strip()


def argument(source: Source, rng: random.Random, words: Vocabulary) -> Plan | None:
    """Return the plan of an argument added or removed, or None if no function fits."""
    text = "\n".join(source.code)
    names = [
        name
        for name, lines in source.names.items()
        if FEWEST <= len(lines) <= MOST_CALLS and name not in COMMON and f"{name}(" in text
    ]
    rng.shuffle(names)
    for name in names[:6]:
        calls, unclear = _calls(source, name)
        held = len({call.line for call in calls})
        if held < FEWEST or len(calls) > held:
            continue
        change = _removed if rng.random() < 0.4 else _added
        rewrites = change(source, calls, rng, words)
        if rewrites is not None:
            first = next((call.line for call in calls if call.defines), None)
            # A definition says which argument goes, but not what the value of a new one is.
            telling = 1 if change is _removed or first is None else 2
            return plan_of(
                source.lines, rewrites, rng, first=first, telling=telling, blocked=unclear
            )
    return None


def _calls(source: Source, name: str) -> tuple[list[_Call], list[int]]:
    """All calls and definitions of `name` on one line, and the lines that hold it otherwise."""
    pattern = re.compile(rf"(?<![\w$]){name}\(")
    calls: list[_Call] = []
    unclear: list[int] = []
    for number in source.names[name]:
        code = source.code[number]
        matches = list(pattern.finditer(code))
        found = [_call(code, number, match) for match in matches]
        calls += [call for call in found if call]
        if not matches or None in found:
            unclear.append(number)
    return calls, unclear


def _call(code: str, number: int, match: re.Match[str]) -> _Call | None:
    depth, commas = 0, []
    for at in range(match.end(), len(code)):
        letter = code[at]
        if letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            if depth == 0:
                if _BASES.search(code[: match.start()]):
                    return None
                defines = bool(DEFINES.search(code[: match.start()]))
                return _Call(number, match.end(), at, tuple(commas), defines)
            depth -= 1
        elif letter == "," and depth == 0:
            commas.append(at)
    return None


def _added(
    source: Source, calls: list[_Call], rng: random.Random, words: Vocabulary
) -> dict[int, str | None]:
    """Add the same argument at the end (or the beginning) of every call."""
    name = words.like("name", rng)
    value = rng.choice((name, name, "None", "True", "0", f"self.{name}", rng.choice(words.names)))
    if source.language != "python":
        value = value.replace("self.", "this.").replace("None", "null").replace("True", "true")
    if source.language == "python" and rng.random() < 0.4:
        value = f"{name}={value}"
    typed = rng.choice(("", "", ": str", ": int", "=None", ": bool = False"))
    in_front = rng.random() < 0.2 and "=" not in value and not any(c.defines for c in calls)
    rewrites: dict[int, str | None] = {}
    for call in calls:
        line = source.lines[call.line]
        text = value
        if call.defines:
            text = name + (typed if source.language in {"python", "typescript", "kotlin"} else "")
        at = call.start if in_front else call.end
        filled = f"{text}, " if in_front else f", {text}"
        joined = text if call.empty(line) else filled
        rewrites[call.line] = line[:at] + joined + line[at:]
    return rewrites


def _removed(
    source: Source, calls: list[_Call], rng: random.Random, words: Vocabulary
) -> dict[int, str | None] | None:
    """Remove the first, second or last argument of every call that has it."""
    offset = int(any(call.defines and _bound(source, call) for call in calls))
    fewest = min(
        len(c.commas) + 1 - c.empty(source.lines[c.line]) - offset * c.defines for c in calls
    )
    if fewest < 1:
        return None
    which = rng.choice((-1, -1, 0, min(1, fewest - 1)))
    rewrites: dict[int, str | None] = {}
    for call in calls:
        line = source.lines[call.line]
        bounds = (call.start - 1, *call.commas, call.end)
        at = len(bounds) - 2 if which < 0 else which + (offset if call.defines else 0)
        low, high = bounds[at], bounds[at + 1]
        if at == 0:
            tail = line[high:] if high == call.end else line[high + 1 :].lstrip()
            rewrites[call.line] = line[: low + 1] + tail
        else:
            rewrites[call.line] = line[:low] + line[high:]
    return rewrites


def _bound(source: Source, call: _Call) -> bool:
    """Whether a definition takes its object as the first parameter."""
    return bool(re.match(r"\s*(?:&?(?:mut )?self|cls)\b", source.lines[call.line][call.start :]))
