"""Names: their parts and styles, other names like them, and the corpus's stock of words.

Knows names only. Does not know languages or which edits are made.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from trainer.synthetic.source import SourceFile

_HELD = (
    "mishap particulars cabinet hallmark pinpoint muster rundown emblem bulletin dossier "
    "whereabouts charter annex bestow posture"
)
HELD_WORDS = frozenset(_HELD.split())
"""What the demo's house rules write: no synthetic edit does, since the demo measures on these."""

_COMMON = (
    "self cls this super None True False null nil true false undefined def class return import "
    "from if else elif for while do switch case default break continue try except finally raise "
    "with as lambda yield global nonlocal assert del pass and or not in is async await function "
    "var let const new typeof instanceof delete void export extends implements interface enum "
    "public private protected internal static final abstract override virtual readonly get set "
    "func fn pub mut impl struct trait use mod crate match where loop move ref dyn unsafe type "
    "package go defer chan map range select val fun object companion when data sealed open "
    "suspend namespace using int str bool float double long char byte string String boolean "
    "number any unsigned signed short size_t auto template typename operator include define "
    "endif ifdef ifndef echo foreach throw throws catch print len out params base sizeof Self "
    "usize u8 u32 u64 i32 i64 error err ok Ok Err Some Option Result Vec Box Int Boolean Unit "
    "List Map Set"
)
COMMON = frozenset(_COMMON.split())
"""Words that nobody renames: keywords and the most basic names of all languages."""

SYNONYMS = tuple(
    frozenset(group.split())
    for group in (
        "get fetch load read retrieve find lookup", "set assign store put write update",
        "make create build new construct", "delete remove drop discard clear",
        "name label title key identifier", "value data item content payload",
        "index position offset idx pos", "count number total size length amount",
        "list items entries elements values", "path file filename location",
        "message msg text note", "error failure problem exc", "result output answer outcome",
        "start begin open init first", "end stop finish close last", "check verify validate test",
        "handler callback hook listener", "options settings config params",
        "request query call", "response reply answer", "parse decode read", "format render encode",
        "user account member owner", "node element entry", "source origin src input",
        "target destination dest dst output", "old previous prev", "new next current cur",
        "context ctx scope env", "args arguments params", "info details meta", "line row",
    )
)  # fmt: skip
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WORDS = re.compile(r"(?<![\w.])[A-Za-z_]\w{2,30}")
_CALLS = re.compile(r"(?<![\w.])(?:[a-z_]\w{1,15}\.)?[A-Za-z_]\w{2,25}(?=\()")
_DECORATORS = re.compile(r"^\s*@([A-Za-z_][\w.]{2,30})", re.MULTILINE)
_SAMPLED = 20_000
_AFFIXES = ("new", "old", "is", "my", "base", "raw", "all", "list", "name", "id", "value", "info",
            "data", "type", "key", "map", "index", "count", "default", "current", "internal",
            "local", "inner", "cached", "safe")  # fmt: skip


@dataclass(frozen=True)
class Vocabulary:
    """Words of the corpus, from which new names are taken and composed."""

    names: tuple[str, ...]
    calls: tuple[str, ...]
    decorators: tuple[str, ...]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, files: Iterable[SourceFile], most: int = 400) -> "Vocabulary":
        """Collect the words of the first `most` files."""
        texts = [file.text[:_SAMPLED] for file in islice(files, most)]
        names = {word for text in texts for word in _WORDS.findall(text)} - COMMON - HELD_WORDS
        calls = {word for text in texts for word in _CALLS.findall(text)} - COMMON
        marks = {word for text in texts for word in _DECORATORS.findall(text)}
        parts = {
            part.lower()
            for name in names
            for part in split(name)
            if part.isalpha() and 2 < len(part) < 12
        }
        return cls(
            names=tuple(sorted(names)) or ("name",),
            calls=tuple(sorted(calls - HELD_WORDS)) or ("call",),
            decorators=tuple(sorted(marks - HELD_WORDS)) or ("mark",),
            parts=tuple(sorted(parts)) or ("part",),
        )

    def like(self, name: str, rng: random.Random) -> str:
        """Return another name in the style of `name`: one of the corpus, or a composed one."""
        style = style_of(name)
        if rng.random() < 0.3:
            for word in rng.choices(self.names, k=12):
                if style_of(word) == style and word != name:
                    return word
        parts = [rng.choice(self.parts) for _ in range(rng.choice((1, 2, 2, 3)))]
        last = split(name)[-1:]
        if last and last[0].lower() in {"error", "exception"} and rng.random() < 0.8:
            parts = [*parts[:2], last[0].lower()]
        return join(parts, style)


def split(name: str) -> list[str]:
    """Return the parts of a snake or camel name: "parseHTMLPage" is parse, HTML, Page."""
    return _PARTS.findall(name)


def style_of(name: str) -> str:
    """Return `upper`, `pascal`, `camel` or `snake`; "_" before it if the name is private."""
    private = "_" if name.startswith("_") else ""
    bare = name.strip("_")
    if len(bare) > 1 and bare.isupper():
        return private + "upper"
    if bare[:1].isupper():
        return private + "pascal"
    return private + ("camel" if not bare.islower() and "_" not in bare else "snake")


def join(parts: Sequence[str], style: str) -> str:
    """Write parts as one name in a style of `style_of`."""
    private = "_" if style.startswith("_") else ""
    style = style.removeprefix("_")
    if style == "upper":
        return private + "_".join(parts).upper()
    if style == "snake":
        return private + "_".join(parts).lower()
    humps = [part[:1].upper() + part[1:].lower() for part in parts]
    if style == "camel":
        humps[0] = humps[0].lower()
    return private + "".join(humps)


def in_case_of(part: str, model: str) -> str:
    """Write `part` upper, capitalised or lower, as `model` is."""
    if len(model) > 1 and model.isupper():
        return part.upper()
    return part.capitalize() if model[:1].isupper() else part.lower()


def synonym(part: str, rng: random.Random) -> str | None:
    """Return another word for a part, or None."""
    groups = [group for group in SYNONYMS if part.lower() in group]
    if not groups:
        return None
    return rng.choice(sorted(rng.choice(groups) - {part.lower()}))


def renamed(name: str, rng: random.Random, words: Vocabulary) -> str:
    """Return a plausible other name for `name`, in its style; may equal it."""
    parts, style = split(name), style_of(name)
    if not parts:
        return words.like("name", rng)
    at = rng.randrange(len(parts))
    draw = rng.random()
    if draw < 0.2:
        parts[at] = synonym(parts[at], rng) or rng.choice(words.parts)
    elif draw < 0.4:
        parts[at] = rng.choice(words.parts)
    elif draw < 0.55:
        parts.insert(rng.choice((0, len(parts))), rng.choice(_AFFIXES + words.parts[:200]))
    elif draw < 0.62 and len(parts) > 1:
        del parts[at]
    elif draw < 0.68:
        return name.removeprefix("_") if name.startswith("_") else f"_{name}"
    elif draw < 0.74 and len(parts) > 1:
        swapped = {"snake": "camel", "camel": "snake", "upper": "pascal", "pascal": "snake"}
        style = ("_" * style.startswith("_")) + swapped[style.removeprefix("_")]
    else:
        return words.like(name, rng)
    return join(parts, style)


def holds_held(new: str, old: str) -> bool:
    """Whether `new` brings in a word that is kept for the demo."""
    return any(word in new and word not in old for word in HELD_WORDS)
