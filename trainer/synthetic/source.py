"""A source file, and what of it is code: strings and comments blanked, names and where they are.

Knows one regular expression per family of languages, which is right for nearly all lines. Does
not know grammars, nor which edits are made.
"""

import random
import re
from collections import defaultdict
from dataclasses import dataclass, field

LONGEST_CHUNK = 700
"""Lines of a long file that are looked at at once."""
NAME = re.compile(r"(?<![\w$])[A-Za-z_][\w]*")
DEFINES = re.compile(
    r"\b(?:def|func|fn|function|fun|class|struct|enum|interface|trait|type)\s+(?:\([^)]*\)\s*)?$"
)
"""What stands before a name where it is defined."""

_PLAIN = r'"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])*'"
_PYTHON = re.compile(r'(?:\b[rRbBuUfF]{1,2})?(?:"""[\s\S]*?"""|' + rf"'''[\s\S]*?'''|{_PLAIN})|#.*")
_BRACES = re.compile(rf'//.*|/\*[\s\S]*?\*/|\$?"""[\s\S]*?"""|[$@]?(?:{_PLAIN})|`(?:\\.|[^`\\])*`')
_RUST = re.compile(r'//.*|/\*[\s\S]*?\*/|"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\\n])'")
_PHP = re.compile(rf"//.*|#(?!\[).*|/\*[\s\S]*?\*/|{_PLAIN}")
_PATTERNS = {"python": _PYTHON, "rust": _RUST, "php": _PHP}
_KEPT = re.compile(r"\{[^{}\n]*\}|\$\w+")
_NOT_LINE_END = re.compile(r"[^\n]")
_INTERPOLATED = ("f", "F", "rf", "fr", "Rf", "fR", "`", "$")


@dataclass(frozen=True)
class SourceFile:
    """A file as it was read."""

    repository: str
    path: str
    """Relative to its repository, with forward slashes."""
    language: str
    """The LSP language identifier."""
    text: str


@dataclass(frozen=True)
class Source:
    """A file, or a chunk of a long one, ready for edits. `code` is as long as `lines`."""

    file: SourceFile
    lines: tuple[str, ...]
    code: tuple[str, ...]
    """The lines with strings' contents and comments blanked, column by column."""
    first_line: int
    """0-based, of the chunk within the file."""
    names: dict[str, tuple[int, ...]] = field(repr=False)
    """Each name of the code and the lines that hold it, ascending."""

    @property
    def language(self) -> str:
        """The LSP language identifier."""
        return self.file.language


def usable(text: str) -> bool:
    """Whether a text can be edited: no markers of prompts, "\\n" line ends only."""
    plain = "<|" not in text and "\r" not in text
    return bool(text) and plain and len(text.splitlines()) == _line_count(text)


def prepared(file: SourceFile, rng: random.Random) -> Source | None:
    """Return the file, or a random chunk of a long one; None if it is not usable."""
    if not usable(file.text):
        return None
    lines = file.text.removesuffix("\n").split("\n")
    first = _chunk_start(lines, rng) if len(lines) > LONGEST_CHUNK else 0
    chosen = tuple(lines[first : first + LONGEST_CHUNK])
    code = tuple(masked("\n".join(chosen), file.language).split("\n"))
    names: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(code):
        for name in dict.fromkeys(NAME.findall(line)):  # a set has no order that lasts
            names[name].append(number)
    found = {name: tuple(numbers) for name, numbers in names.items()}
    return Source(file, chosen, code, first, found)


def masked(text: str, language: str) -> str:
    """Return `text` with comments and the insides of strings as blanks; same length and lines.

    What an interpolated string holds in braces is code and stays.
    """
    return _PATTERNS.get(language, _BRACES).sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] in "/#":
        return _NOT_LINE_END.sub(" ", found) if "\n" in found else " " * len(found)
    quote = min((at for at in map(found.find, "\"'`") if at >= 0), default=0)
    blanked = _NOT_LINE_END.sub(" ", found)
    if found[: max(1, quote)] in _INTERPOLATED or (found[0] == '"' and "$" in found):
        kept = list(blanked)
        for part in _KEPT.finditer(found):
            kept[part.start() : part.end()] = part[0]
        blanked = "".join(kept)
    return blanked[:quote] + found[quote] + blanked[quote + 1 : -1] + found[-1]


def _chunk_start(lines: list[str], rng: random.Random) -> int:
    """A line from which nothing above matters: below a blank one and not indented."""
    for _ in range(20):
        first = rng.randrange(len(lines) - LONGEST_CHUNK // 2)
        for number in range(max(1, first), min(first + 60, len(lines))):
            if lines[number][:1].isalpha() and not lines[number - 1].strip():
                return number
    return 0


def _line_count(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n"))
