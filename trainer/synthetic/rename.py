"""Renaming: one name everywhere, one attribute everywhere, or one part in every name that has it.

Knows names and the lines that hold them. Does not know scopes: a name is one thing in a file,
except that names behind a dot and free ones are renamed apart where both occur.
"""

import random
import re

from trainer.synthetic.edits import Plan, plan_of
from trainer.synthetic.source import DEFINES, NAME, Source
from trainer.synthetic.words import (
    COMMON,
    Vocabulary,
    in_case_of,
    renamed,
    split,
    synonym,
)

FEWEST_LINES = 3
MOST_SHARE = 0.2
"""A name on more of the lines than this is a keyword that we do not know."""
PART_SHARE = 0.15
LEAD_SHARE = 0.4


def rename(source: Source, rng: random.Random, words: Vocabulary) -> Plan | None:
    """Return the plan of a rename, or None if no name fits."""
    if rng.random() < PART_SHARE:
        return _part(source, rng, words)
    longest = max(40, int(MOST_SHARE * len(source.lines)))
    found = [
        name
        for name, lines in source.names.items()
        if FEWEST_LINES <= len(lines) <= longest and name not in COMMON and len(name) > 1
    ]
    long = [name for name in found if len(name) > 2]
    if not found:
        return None
    old = rng.choice(long if long and rng.random() < 0.9 else found)
    new = renamed(old, rng, words)
    if new in source.names or new in COMMON or not NAME.fullmatch(new) or len(new) > 40:
        return None
    return _whole(source, rng, old, new)


def _whole(source: Source, rng: random.Random, old: str, new: str) -> Plan | None:
    """Rename `old`; behind dots alone or free alone where it is both."""
    sorts = {n: _occurrences(source.code[n], old) for n in source.names[old]}
    seen = {sort for found in sorts.values() for _, sort in found}
    wanted = seen
    if {"dotted", "free"} <= seen:
        wanted = {"dotted"} if rng.random() < 0.6 else {"free"}
    elif len(split(old)) > 1:
        # A name with humps is meant in comments and strings too; a plain word may be English.
        sorts = {n: _occurrences(t, old) for n, t in enumerate(source.lines) if old in t}
        wanted = {"dotted", "free", "defined"}
    rewrites: dict[int, str | None] = {}
    for number, found in sorts.items():
        spans = [(at, at + len(old), new) for at, sort in found if sort in wanted]
        if spans:
            rewrites[number] = replaced(source.lines[number], spans)
    if len(rewrites) < FEWEST_LINES:
        return None
    definitions = [n for n, found in sorts.items() if (found and "defined" in dict(found).values())]
    first = next((n for n in definitions if n in rewrites), None)
    lead = first if "defined" in wanted and rng.random() < LEAD_SHARE else None
    return plan_of(source.lines, rewrites, rng, first=lead)


def _occurrences(text: str, name: str) -> list[tuple[int, str]]:
    """Where `name` stands in a line, and as what: `dotted`, `defined` or `free`."""
    found: list[tuple[int, str]] = []
    for match in NAME.finditer(text):
        if match[0] == name:
            before = text[: match.start()]
            if before.endswith((".", "->", "::")):
                found.append((match.start(), "dotted"))
            else:
                found.append((match.start(), "defined" if DEFINES.search(before) else "free"))
    return found


def _part(source: Source, rng: random.Random, words: Vocabulary) -> Plan | None:
    """Replace one part in every name that has it: get_user, userId and User alike."""
    wide = [name for name in source.names if len(split(name)) > 1 and name not in COMMON]
    if not wide:
        return None
    old = rng.choice(split(rng.choice(wide))).lower()
    new = synonym(old, rng) if rng.random() < 0.3 else rng.choice(words.parts)
    if len(old) < 3 or not new:
        return None
    holders = {
        name: lines
        for name, lines in source.names.items()
        if len(split(name)) > 1 and old in map(str.lower, split(name))
    }
    numbers = {n for lines in holders.values() for n in lines}
    most = max(map(len, holders.values()), default=0)
    # One name that is on most of the lines would pass for the rename of that name alone.
    if len(holders) < FEWEST_LINES or 2 * most > len(numbers):
        return None
    changed = {name: _with_part(name, old, new) for name in holders}
    rewrites: dict[int, str | None] = {}
    for number in sorted(numbers):
        spans = [
            (*match.span(), changed[match[0]])
            for match in NAME.finditer(source.code[number])
            if match[0] in changed
        ]
        rewrites[number] = replaced(source.lines[number], spans)
    if not FEWEST_LINES <= len(rewrites) <= MOST_SHARE * len(source.lines):
        return None
    alone = {n for name in (old, old.capitalize()) for n in source.names.get(name, ())}
    return plan_of(source.lines, rewrites, rng, telling=2, blocked=alone - numbers)


def _with_part(name: str, old: str, new: str) -> str:
    return re.sub(
        "|".join(sorted(set(split(name)), key=len, reverse=True)),
        lambda match: in_case_of(new, match[0]) if match[0].lower() == old else match[0],
        name,
    )


def replaced(line: str, spans: list[tuple[int, int, str]]) -> str:
    """Return `line` with each span [start, end) replaced by its text; spans ascending."""
    pieces: list[str] = []
    at = 0
    for start, end, text in spans:
        pieces += (line[at:start], text)
        at = end
    return "".join((*pieces, line[at:]))
