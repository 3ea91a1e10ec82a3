"""Whole lines that come and go: the same sort of statement deleted, or one inserted, everywhere.

Knows statements of one line, callees and indentation. Does not know grammars: a place where a
deletion would leave a block empty is left alone and kept out of every window.
"""

import random
import re
from collections import Counter

from trainer.synthetic.edits import LineEdit, Plan, plan_of
from trainer.synthetic.source import NAME, Source
from trainer.synthetic.words import COMMON, Vocabulary

FEWEST = 2
_STATEMENT = re.compile(r"\s*(?:await )?((?:[A-Za-z_]\w*(?:\.|->|::))*[A-Za-z_]\w*!?)\(.*\);?\s*$")
_ASSIGNED = re.compile(
    r"\s*(?:(?:const|let|var|val|final|auto)\s+(?:mut\s+)?)?((?:self\.|this\.)?[A-Za-z_]\w*)"
    r"(?:\s*:\s*[\w.\[\]<>]+)?\s*:?=(?!=)\s*(?:await |new )?([\w.]+)\(.*\);?\s*$"
)
_FUNCTION = re.compile(
    r"(\s*)(?:(?:pub|export|public|private|protected|static|async|default|override|suspend)\s+)*"
    r"(?:def|function|func|fn|fun)\s+([A-Za-z_]\w*)\s*\(.*[:{]\s*$"
)


def deletion(source: Source, rng: random.Random, words: Vocabulary) -> Plan | None:
    """Return a plan that deletes every statement of one sort, or a thing and all its uses."""
    draw = rng.random()
    if draw < 0.25:
        return _thing(source, rng)
    doomed = _repeated(source, rng) if draw < 0.5 else _calls(source, rng)
    if len(doomed) < FEWEST or len(doomed) > 0.3 * len(source.lines):
        return None
    return _without(source, doomed, rng)


def _calls(source: Source, rng: random.Random) -> list[int]:
    """All one-line statements that call one thing; those that span lines block."""
    calls: dict[str, list[int]] = {}
    for number, line in enumerate(source.code):
        found = _STATEMENT.match(line)
        if found and whole(line):
            calls.setdefault(found[1], []).append(number)
    often = [name for name, numbers in calls.items() if len(numbers) >= FEWEST]
    return calls[rng.choice(often)] if often else []


def _repeated(source: Source, rng: random.Random) -> list[int]:
    """All lines that read the same, indentation aside."""
    counts = Counter(line.strip() for line in source.lines)
    often = [
        text
        for text, count in counts.items()
        if count >= FEWEST and len(NAME.findall(text)) > 1 and whole(text) and text[-1] not in ":{"
    ]
    if not often:
        return []
    chosen = rng.choice(often)
    return [n for n, line in enumerate(source.lines) if line.strip() == chosen]


def _thing(source: Source, rng: random.Random) -> Plan | None:
    """Delete an assignment, then every line that uses what it assigned."""
    found = []
    for number, line in enumerate(source.code):
        match = _ASSIGNED.match(line)
        if match and whole(line):
            name = match[1].rpartition(".")[2]
            uses = source.names[name]
            if uses[0] == number and 3 <= len(uses) <= 8 and name not in COMMON:
                found.append(uses)
    rng.shuffle(found)
    for uses in found:
        code = [source.code[number] for number in uses]
        if all(whole(line) and line.strip()[-1] not in ":{" for line in code):
            return _without(source, list(uses), rng, first=uses[0])
    return None


def _without(
    source: Source, doomed: list[int], rng: random.Random, first: int | None = None
) -> Plan | None:
    gone = set(doomed)
    if any(_goes_on(source, number) for number in doomed):
        return None
    kept = {n for n in doomed if _only_statement(source, n, gone)}
    rewrites: dict[int, str | None] = dict.fromkeys(sorted(gone - kept))
    blocked = kept
    called = _STATEMENT.match(source.code[doomed[0]])
    if called:
        # Calls of the same thing that go on over several lines, or stand within others.
        last = called[1].rstrip("!").replace("::", ".").replace("->", ".").rpartition(".")[2]
        blocked = kept | set(source.names.get(last, ()))
    return plan_of(source.lines, rewrites, rng, first=first, blocked=blocked)


def _goes_on(source: Source, number: int) -> bool:
    """Whether the next line belongs to this one's expression."""
    below = source.code[number + 1].strip() if number + 1 < len(source.code) else ""
    return below.startswith(tuple(".?)&|+-:,*/=<{"))


def _only_statement(source: Source, number: int, gone: set[int]) -> bool:
    """Whether a block of Python's would be left empty without the line."""
    above = number - 1
    while above >= 0 and (above in gone or not source.code[above].strip()):
        above -= 1
    if above < 0 or not source.code[above].rstrip().endswith(":"):
        return False
    below = number + 1
    while below < len(source.code) and (below in gone or not source.code[below].strip()):
        below += 1
    return below == len(source.code) or indent(source.code[below]) <= indent(source.code[above])


def insertion(source: Source, rng: random.Random, words: Vocabulary) -> Plan | None:
    """Return a plan that inserts a line, adapted to its neighbour, at every place of one sort."""
    inserted = rng.choice((_after_assignment, _around_function, _around_function, _after_call))
    edits = inserted(source, rng, words)
    if not FEWEST <= len(edits) <= 0.2 * len(source.lines):
        return None
    return Plan(tuple(edits))


def _after_assignment(source: Source, rng: random.Random, words: Vocabulary) -> list[LineEdit]:
    """After each `x = foo(...)`, a call that takes x."""
    callees: dict[str, list[tuple[int, str]]] = {}
    for number, line in enumerate(source.code):
        found = _ASSIGNED.match(line)
        if found and whole(line):
            callees.setdefault(found[2], []).append((number, found[1]))
    often = sorted(name for name, places in callees.items() if len(places) >= FEWEST)
    if not often:
        return []
    call, end = rng.choice(words.calls), _end(source)
    extra = rng.choice(("", "", f", {rng.choice(words.names)}"))
    shape = rng.choice((f"{call}({{}}{extra}){end}", f"{{}}.{call.rpartition('.')[2]}(){end}"))
    return [
        LineEdit(n + 1, n + 1, (indent(source.lines[n]) + shape.format(name),))
        for n, name in callees[rng.choice(often)]
    ]


def _around_function(source: Source, rng: random.Random, words: Vocabulary) -> list[LineEdit]:
    """A mark above each function of one depth, or a statement first in it that names it."""
    found = [(n, match) for n, line in enumerate(source.code) if (match := _FUNCTION.match(line))]
    if not found:
        return []
    depth = rng.choice(found)[1][1]
    found = [(n, match) for n, match in found if match[1] == depth]
    if rng.random() < 0.5:
        name = rng.choice(words.decorators)
        mark = f"#[{name.rpartition('.')[2]}]" if source.language == "rust" else f"@{name}"
        return [LineEdit(n, n, (depth + mark,)) for n, _ in found]
    call, end = rng.choice(words.calls), _end(source)
    shape = rng.choice((f'{call}("{{}}"){end}', f"{call}({{}}){end}", f"{call}(){end}"))
    step = "\t" if depth.startswith("\t") or source.language == "go" else "    "
    return [LineEdit(n + 1, n + 1, (depth + step + shape.format(match[2]),)) for n, match in found]


def _after_call(source: Source, rng: random.Random, words: Vocabulary) -> list[LineEdit]:
    """After each statement that calls one thing, the same call, or one of the same object."""
    calls: dict[str, list[int]] = {}
    for number, line in enumerate(source.code):
        found = _STATEMENT.match(line)
        if found and whole(line):
            calls.setdefault(found[1], []).append(number)
    often = sorted(name for name, numbers in calls.items() if len(numbers) >= FEWEST)
    if not often:
        return []
    chosen = rng.choice(often)
    owner, dot, _ = chosen.rpartition(".")
    taken = rng.choice(("", rng.choice(words.names)))
    called = owner + dot + rng.choice(words.parts) if dot else rng.choice(words.calls)
    statement = f"{called}({taken}){_end(source)}"
    return [LineEdit(n + 1, n + 1, (indent(source.lines[n]) + statement,)) for n in calls[chosen]]


def whole(line: str) -> bool:
    """Whether brackets and quotes close on the line, and nothing goes on below."""
    return (
        line.count("(") == line.count(")")
        and line.count("[") == line.count("]")
        and line.count("{") == line.count("}")
        and line.count('"') % 2 == 0
        and line.rstrip()[-1:] not in ("\\", ",", "")
    )


def indent(line: str) -> str:
    """Return the blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def _end(source: Source) -> str:
    """What ends a statement in the file."""
    if source.language in {"python", "go", "kotlin"}:
        return ""
    ended = sum(line.rstrip().endswith(";") for line in source.code)
    return ";" if ended > len(source.code) / 20 else ""
