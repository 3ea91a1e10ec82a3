"""Substitutions: one pattern rewritten on every line that it matches, as a team changes its ways.

Knows patterns and where to find a file's own candidates for them; the words written come from
the corpus, so that a model learns the pattern and not the words. Does not know grammars: lines
that hold the old word where the rule says nothing are kept out of every window.
"""

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from trainer.synthetic.edits import Plan, plan_of
from trainer.synthetic.idioms import idiom
from trainer.synthetic.rename import replaced
from trainer.synthetic.source import DEFINES, Source
from trainer.synthetic.words import COMMON, Vocabulary

FEWEST = 2
MOST_SHARE = 0.25
TRIES = 6

_LEAD = re.compile(
    r"\b(raise|except|throw|throws|new|return|extends|implements|import|instanceof|catch \()\s*"
    r"([A-Z]\w+|[a-z_]\w{2,})\b(?!\.)"
)
_CALL = re.compile(r"(?<![\w.>:@])((?:[A-Za-z_]\w*\.){0,2}[A-Za-z_]\w*)\((?!.*\bdef\b)")
_MARK = re.compile(r"^\s*(?:@|#\[|\[)([A-Za-z_][\w.]*)")
_TYPE = re.compile(r"(?:(?<=: )|(?<=-> ))([A-Za-z_][\w.]*)(?=\s*[,)=;:{]|\s*$)")
_TYPED = re.compile(r"(?<![\w.])([A-Z]\w+)(?= [a-z_]\w*\s*[,)=;])")
_RECEIVER = re.compile(r"(?<![\w.$])([A-Za-z_]\w*)\.(?=[A-Za-z_])")
_FREE = re.compile(r"(?<![\w.$@\"'])([a-z_]\w{2,})(?=\()")
_ARGUMENT = re.compile(
    r"(?<=[(,=] )([a-z_]\w*(?:\.\w+)*)(?=[,)])|(?<=\()([a-z_]\w*(?:\.\w+)*)(?=[,)])"
)
_NAMED = re.compile(r"(?<=[(, ])([a-z_]\w*)=(?=[^=\s])")
_FLAG = re.compile(r"(?<=[(, ])([a-z_]\w*=(?:True|False|None|\d+))(?=[,)])")


_WORD = re.compile(r"[\w.]+|\S")


@dataclass(frozen=True)
class Swap:
    """A pattern of code and what its matches become."""

    pattern: re.Pattern[str]
    text: str
    """Replaces the match, or its first group if there is one."""
    word: str = ""
    """Lines that hold this elsewhere are kept out of windows."""
    raw: bool = False
    """Whether to match the line itself, strings and comments included."""


def substitution(source: Source, rng: random.Random, words: Vocabulary) -> Plan | None:
    """Return the plan of one substitution, or None if none of those tried fits."""
    for _ in range(TRIES):
        if rng.random() < 0.3:
            plan = idiom(source, rng, words)
        else:
            swap = rng.choice(_FAMILIES)(source, rng, words)
            plan = swapped(source, swap, rng) if swap else None
        if plan:
            return plan
    return None


def swapped(source: Source, swap: Swap, rng: random.Random) -> Plan | None:
    """Return the plan that makes a swap on every line; None if it is rare or everywhere."""
    rewrites: dict[int, str | None] = {}
    blocked: list[int] = []
    numbers = range(len(source.lines))
    if swap.word:
        numbers = source.names.get(swap.word, ())
    for number in numbers:
        line = source.lines[number]
        text = line if swap.raw else source.code[number]
        group = swap.pattern.groups
        spans = [(*match.span(group), swap.text) for match in swap.pattern.finditer(text)]
        if spans:
            rewrites[number] = replaced(line, spans)
        elif swap.word:
            blocked.append(number)
    if not FEWEST <= len(rewrites) <= max(4, MOST_SHARE * len(source.lines)):
        return None
    return plan_of(source.lines, rewrites, rng, blocked=blocked)


def _often(source: Source, pattern: re.Pattern[str], rng: random.Random) -> re.Match[str] | None:
    """A match whose text is on several lines, drawn so that frequent ones win more often."""
    seen: dict[str, int] = {}
    found: list[re.Match[str]] = []
    for number in rng.sample(range(len(source.code)), min(150, len(source.code))):
        for match in pattern.finditer(source.code[number]):
            if not DEFINES.search(match.string[: match.start()]):
                seen[match[0]] = seen.get(match[0], 0) + 1
                found.append(match)
    often = [match for match in found if seen[match[0]] >= FEWEST]
    return rng.choice(often) if often else None


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _call(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """foo( -> bar(, with or without receiver."""
    found = _often(source, _CALL, rng)
    if not found or found[1] in COMMON - {"print", "len", "super", "range", "map", "new"}:
        return None
    old = found[1]
    new = rng.choice(words.calls) if rng.random() < 0.5 else words.like(_last(old), rng)
    if "." in old and rng.random() < 0.4:
        new = f"{old.rpartition('.')[0]}.{_last(new)}"
    return Swap(re.compile(rf"(?<![\w.>:@])(?<!def )({re.escape(old)})(?=\()"), new, _last(old))


def _lead(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """raise A -> raise B, and the same after other words that lead a line or a clause."""
    found = _often(source, _LEAD, rng)
    if not found:
        return None
    lead, old = found[1], found[2]
    return Swap(re.compile(rf"\b{re.escape(lead)}\s*({old})\b(?!\.)"), words.like(old, rng), old)


def _mark(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """@a -> @b."""
    found = _often(source, _MARK, rng)
    if not found:
        return None
    new = words.like(_last(found[1]), rng)
    if rng.random() < 0.4:
        new = rng.choice(words.decorators)
    return Swap(re.compile(rf"^\s*(?:@|#\[|\[)({re.escape(found[1])})\b"), new, _last(found[1]))


def _type(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """x: A -> x: B, A x -> B x, or a type wrapped."""
    pattern = rng.choice((_TYPE, _TYPED))
    found = _often(source, pattern, rng)
    if not found or found[1] in ("return", "else", "new"):
        return None
    old = found[1]
    outer = words.like("List", rng)
    wrapped = (
        (f"Optional[{old}]", f"{old} | None", f"list[{old}]", f"{outer}[{old}]")
        if source.language == "python"
        else (f"{outer}<{old}>", f"{old}?", f"{old}[]", f"Option<{old}>")
    )
    new = words.like(old, rng) if rng.random() < 0.6 else rng.choice(wrapped)
    around = pattern.pattern.split(r"([A-Z")
    return Swap(
        re.compile(f"{around[0]}({re.escape(old)}){around[1].partition(')')[2]}"), new, _last(old)
    )


def _receiver(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """a.x -> b.x, or x, or a.c.x."""
    found = _often(source, _RECEIVER, rng)
    if not found:
        return None
    old = found[1]
    new = rng.choice((f"{words.like('name', rng)}.", f"{old}.{words.like('name', rng)}.", "",
                      f"{old}.{rng.choice(words.parts)}."))  # fmt: skip
    return Swap(re.compile(rf"(?<![\w.$])({old}\.)(?=[A-Za-z_])"), new, old)


def _prefixed(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """foo( -> self.foo(, await foo( or module.foo(."""
    found = _often(source, _FREE, rng)
    if not found or found[1] in COMMON:
        return None
    own = "self." if source.language in {"python", "rust"} else "this."
    lead = rng.choice((own, "await ", f"{rng.choice(words.parts)}.", f"{words.like('name', rng)}."))
    return Swap(
        re.compile(
            rf"(?<![\w.$@])(?<!def )(?<!await )(?<!function )(?<!fn )(?<!func )({found[1]})(?=\()"
        ),
        lead + found[1],
        found[1],
    )


def _wrapped(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """An argument x -> f(x), or the same argument swapped for another expression."""
    found = _often(source, _ARGUMENT, rng)
    if not found or found[0] in COMMON - {"self", "this", "None", "null"}:
        return None
    old = found[0]
    new = rng.choice((
        f"{rng.choice(words.calls)}({old})", f"{words.like('name', rng)}({old})",
        f"{old}.{words.like('name', rng)}", f"{old}.{words.like('name', rng)}()",
        f"self.{old}" if "." not in old else _last(old), words.like("name", rng),
    ))  # fmt: skip
    pattern = re.compile(rf"(?<=[(,=] |[(])({re.escape(old)})(?=[,)])".replace("(?<=[(,=] |[(])",
                         r"(?:(?<=[,=] )|(?<=\())"))  # fmt: skip
    return Swap(pattern, new, _last(old))


def _named(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """A named argument renamed, its value changed, or the argument dropped."""
    found = _often(source, rng.choice((_NAMED, _FLAG)), rng)
    if not found:
        return None
    name, _, value = found[1].partition("=")
    if not value:
        return Swap(re.compile(rf"(?<=[(, ])({name})=(?=[^=\s])"), words.like(name, rng), name)
    other = {"True": "False", "False": "True", "None": words.like("name", rng)}.get(value)
    if rng.random() < 0.4:
        return Swap(re.compile(rf"(, {name}={value})(?=[,)])"), "", name)
    new = other or str(int(value) * rng.choice((2, 3, 10)) + rng.choice((0, 1, 5)))
    return Swap(re.compile(rf"(?<=[(, ])({name}={value})(?=[,)])"), f"{name}={new}", name)


def _phrase(source: Source, rng: random.Random, words: Vocabulary) -> Swap | None:
    """Some words in a row that several lines share: one of them is replaced or gets company."""
    rows = [_WORD.findall(line) for line in rng.sample(source.code, min(120, len(source.code)))]
    width = rng.choice((2, 3, 3, 4))
    counts = Counter(tuple(row[n : n + width]) for row in rows for n in range(len(row) - width + 1))
    often = [
        row
        for row, count in counts.items()
        if count >= FEWEST and any(map(_telling, row)) and not {"'", '"'} & set(row)
    ]
    if not often:
        return None
    row = rng.choice(often)
    at = rng.choice([n for n, word in enumerate(row) if _telling(word)])
    old, pieces = row[at], [re.escape(word) for word in row]
    pieces[at] = f"({pieces[at]})"
    new = words.like(_last(old) or "name", rng)
    if rng.random() < 0.25:
        new = f"{old} {new}" if rng.random() < 0.5 else f"{old}.{new}"
    pattern = re.compile(r"(?<![\w.])" + r"\s*".join(pieces) + r"(?![\w.])")
    return Swap(pattern, new, _last(old))


def _telling(word: str) -> bool:
    return len(word) > 2 and word[0].isalpha() and word not in COMMON and word[-1] != "."


_FAMILIES: tuple[Callable[[Source, random.Random, Vocabulary], Swap | None], ...] = (
    _call, _call, _lead, _lead, _lead, _mark, _type, _type, _receiver, _prefixed, _wrapped,
    _wrapped, _named, _phrase, _phrase, _phrase,
)  # fmt: skip
