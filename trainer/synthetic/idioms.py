"""Idioms: rewrites whose shape, not only whose words, changes, and small changes to repeated text.

Knows patterns that are the same in many languages. Does not know grammars.
"""

import random
import re
from collections import Counter
from collections.abc import Callable

from trainer.synthetic.edits import Plan, plan_of
from trainer.synthetic.source import DEFINES, NAME, Source
from trainer.synthetic.words import COMMON, Vocabulary

FEWEST = 2
MOST_SHARE = 0.25
Rewrite = Callable[[str, str], str]
"""A line and its code (blanked) to the new line, or the same one."""

_FIXED = (
    (r"== None\b", "is None"), (r"!= None\b", "is not None"), (r"\bis None\b", "== None"),
    (r"\bis not None\b", "!= None"), (r"(?<![=!])===(?!=)", "=="), (r"(?<![=!])==(?!=)", "==="),
    (r"!==", "!="), (r"(?<!=)!=(?!=)", "!=="), (r"&&", "and"), (r"\|\|", "or"),
    (r"\blet\b(?! mut)", "const"), (r"\bvar\b", "let"), (r"\bconst\b", "let"), (r"\bvar\b", "val"),
    (r"\bval\b", "var"), (r"^(\s*)public ", r"\1"), (r"^(\s*)private ", r"\1public "),
    (r"^(\s*)public ", r"\1internal "), (r"^(\s*)protected ", r"\1private "), (r"\bfinal ", ""),
    (r"\bstatic ", ""), (r"\breadonly ", ""), (r"\bpub fn\b", "fn"), (r"^(\s*)fn ", r"\1pub fn "),
    (r"\bpub\(crate\) ", "pub "), (r"\bpub ", "pub(crate) "), (r"^(\s*)def ", r"\1async def "),
    (r"\basync def ", "def "), (r"\bawait ", ""), (r"\breturn None$", "return"),
    (r"\breturn null\b", "return undefined"), (r"\bnull\b", "undefined"), (r"\bString\b", "str"),
    (r"\bOptional\[(\w+)\]", r"\1 | None"), (r"\b(\w+) \| None\b", r"Optional[\1]"),
    (r"\bList\[", "list["), (r"\bDict\[", "dict["), (r"\bTuple\[", "tuple["), (r"\bint\b", "long"),
    (r"\.unwrap\(\)", "?"), (r"\.clone\(\)", ""), (r"\.to_string\(\)", ".into()"),
    (r"\blen\((\w+)\) == 0", r"not \1"), (r"\blen\((\w+)\) > 0", r"\1"),
    (r"\bnot (\w+) in\b", r"\1 not in"),
    (r"\bexcept:$", "except Exception:"), (r"\bexcept Exception:", "except:"),
    (r"\bexcept (\w+) as \w+:", r"except \1:"), (r"\(object\):$", ":"),
    (r"^(\s*class \w+):$", r"\1(object):"),
    (r"\bsuper\((\w+), self\)", "super()"), (r"\+ 1\b", "+ 2"), (r"(\w+) \+= 1\b", r"\1 = \1 + 1"),
    (r"(\w+) = \1 \+ ", r"\1 += "), (r"\bwhile True:", "while 1:"), (r"\bwhile 1:", "while True:"),
    (r"\bif \((\w+)\)", r"if (!\1)"), (r"\bif not (\w+):", r"if \1 is None:"), (r";$", ""),
    (r"\breturn (\w+)$", r"return (\1)"), (r"\breturn \((.*)\)$", r"return \1"),
    (r"\bassert (\w+) == (.+)$", r"assert_equal(\1, \2)"), (r"->", "."), (r"::", "."),
    (r"\bpass$", "..."), (r"\blambda (\w+): ", r"lambda \1=None: "), (r"(\w+)\[0\]", r"\1.first"),
    (r"(\w+)\[-1\]", r"\1.last()"), (r"\bstd::", ""), (r"\bnew (\w+)\(", r"\1.create("),
    (r": any\b", ": unknown"), (r"\bfunction \((\w*)\) \{", r"(\1) => {"), (r"\berr\b", "error"),
)  # fmt: skip
_SIMPLE_STRING = re.compile(r"""'([^'"\\\n]*)'|"([^'"\\\n]*)\"""")
_ONE_ARGUMENT = re.compile(r"(?<![\w.>:@])([A-Za-z_]\w*)\(([A-Za-z_][\w.]*)\)(?!\s*\{)")
_METHOD = re.compile(r"(?<![\w.\])])([A-Za-z_][\w]*)\.([A-Za-z_]\w*)\(([\w.]*)\)(?!\s*\{)")
_ITEM = re.compile(r"""(?<=[\w\])])\[(["'])(\w+)\1\](?!\s*=[^=])""")
_GET = re.compile(r"""\.(get|pop)\((["'])(\w+)\2\)""")
_FORMAT = re.compile(r"""(["'])([^"'%\\{}]*)%s([^"'%\\{}]*)\1 % ([A-Za-z_][\w.]*)(?=[)\s,]|$)""")


def idiom(source: Source, rng: random.Random, words: Vocabulary) -> Plan | None:
    """Return the plan of one idiom's rewrite, or None if the file has no two places for it."""
    rewrite = rng.choice(_IDIOMS)(source, rng, words)
    if rewrite is None:
        return None
    pairs = zip(source.lines, source.code, strict=True)
    rewrites: dict[int, str | None] = {}
    for number, (line, code) in enumerate(pairs):
        new = rewrite(line, code)
        if new != line and new.strip():
            rewrites[number] = new
    if not FEWEST <= len(rewrites) <= max(4, MOST_SHARE * len(source.lines)):
        return None
    return plan_of(source.lines, rewrites, rng)


def in_code(pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str]) -> Rewrite:
    """Return the rewrite that replaces matches within code, never in strings or comments."""

    def rewrite(line: str, code: str) -> str:
        if not pattern.search(code):
            return line
        pieces, at = [], 0
        for match in pattern.finditer(line):
            # What matches the line matches its code there, or it begins in a string or comment.
            if code[match.start() : match.start() + 1] == match[0][:1]:
                pieces.append(line[at : match.start()])
                pieces.append(
                    match.expand(replacement)
                    if isinstance(replacement, str)
                    else replacement(match)
                )
                at = match.end()
        return "".join((*pieces, line[at:]))

    return rewrite


def _fixed(source: Source, rng: random.Random, words: Vocabulary) -> Rewrite | None:
    """One of the rewrites that many teams have made."""
    text = "\n".join(source.code)
    for pattern, new in rng.sample(_FIXED, 12):
        compiled = re.compile(pattern, re.MULTILINE)
        if sum(1 for _ in zip(compiled.finditer(text), range(FEWEST), strict=False)) == FEWEST:
            return in_code(re.compile(pattern), new)
    return None


def _quotes(source: Source, rng: random.Random, words: Vocabulary) -> Rewrite | None:
    """One style of quotes for the other, on lines that begin alike."""
    old, new = rng.choice((("'", '"'), ('"', "'"), ('"', "`")))
    if new != '"' and source.language not in {"python", "javascript", "typescript", "php"}:
        return None
    lead = _lead_word(source, rng)

    def rewrite(line: str, code: str) -> str:
        if old not in code or not line.strip().startswith(lead):
            return line

        def swap(match: re.Match[str]) -> str:
            inner = match[0][1:-1]
            ours = code[match.start()] == match[0][0] == old
            return f"{new}{inner}{new}" if ours and code[match.end() - 1] == old else match[0]

        return _SIMPLE_STRING.sub(swap, line)

    return rewrite


def _lead_word(source: Source, rng: random.Random) -> str:
    """A word with which several lines begin, or nothing."""
    if rng.random() < 0.3:
        return ""
    counts = Counter(match[0] for line in source.code if (match := NAME.search(line)))
    often = [word for word, count in counts.items() if count >= FEWEST]
    return rng.choice(often) if often else ""


def _shape(
    pattern: re.Pattern[str], shapes: tuple[str, ...], group: int
) -> Callable[..., Rewrite | None]:
    """A family: calls of one name, found in the file, take another of the shapes."""

    def family(source: Source, rng: random.Random, words: Vocabulary) -> Rewrite | None:
        counts = Counter(m[group] for line in source.code for m in pattern.finditer(line))
        often = [name for name, count in counts.items() if count >= FEWEST and name not in COMMON]
        if not often:
            return None
        name = rng.choice(often)
        other = words.like(name, rng) if rng.random() < 0.4 else name
        shape = rng.choice(shapes).replace("NAME", other).replace("WORD", words.like("name", rng))

        def swap(match: re.Match[str]) -> str:
            ours = match[group] == name and not DEFINES.search(match.string[: match.start()])
            return match.expand(shape) if ours else match[0]

        return in_code(pattern, swap)

    return family


def _string(source: Source, rng: random.Random, words: Vocabulary) -> Rewrite | None:
    """A text that several lines hold becomes another one, or a constant."""
    found = Counter(
        match[0]
        for line in source.lines
        for match in _SIMPLE_STRING.finditer(line)
        if 2 < len(match[0]) < 30
    )
    often = [text for text, count in found.items() if count >= FEWEST and text[1:-1].strip()]
    if not often:
        return None
    old = rng.choice(often)
    inner = re.sub(r"\W+", "_", old[1:-1]).strip("_")
    constant = inner.upper() if inner[:1].isalpha() else words.like("NAME_OF", rng)
    new = rng.choice((constant, f"{old[0]}{words.like('name', rng)}{old[0]}",
                      f"{rng.choice(words.calls)}({old})"))  # fmt: skip
    return lambda line, code: line.replace(old, new) if old[0] in code else line


_IDIOMS = (
    _fixed, _fixed, _fixed, _quotes, _string,
    _shape(_ONE_ARGUMENT, (r"\2.NAME()", r"\2.NAME", r"NAME(\2, WORD)", r"\2"), 1),
    _shape(_METHOD, (r"NAME(\1, \3)", r"\1.NAME", r"\1.WORD.NAME(\3)"), 2),
    lambda source, rng, words: in_code(_ITEM, rng.choice((r".get(\1\2\1)", r".\2", r"[\2]"))),
    lambda source, rng, words: in_code(_GET, rng.choice((r"[\2\3\2]", r".\1(\2\3\2, None)"))),
    lambda source, rng, words: in_code(_FORMAT, r"f\1\2{\4}\3\1"),
)  # fmt: skip
