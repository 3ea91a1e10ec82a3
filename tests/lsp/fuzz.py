"""Messages that a language server may get, and what an editor's documents are after them.

Knows the protocol and, by `tests.lsp.editor.replaced`, the meaning of a change. Knows none of
Hone's code: whatever is sent, `Model` says what the documents have to be.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.lsp.editor import replaced

Message = dict[str, Any]
NAMES = ("a.py", "b.rs", "c.txt")

# Line ends, what Python takes for them and LSP does not, characters of every width.
TEXT = st.text(alphabet="ab \t\r\n\f\v\u2028\u0085é漢😀\0", max_size=30)
HALVES = st.sampled_from(["\ud83d", "\ude00", "x\ud83d", "\ude00\n"])
SMALL = st.integers(0, 9)
PLACE = st.tuples(st.integers(0, 7), st.one_of(SMALL, st.just(2**31 - 1)))
JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(2**80)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
METHODS = (
    "textDocument/copilotInlineEdit",
    "textDocument/inlineCompletion",
    "textDocument/codeAction",
    "textDocument/didShowInlineEdit",
    "textDocument/didShowCompletion",
    "textDocument/didPartiallyAcceptCompletion",
    "textDocument/didFocus",
    "textDocument/didOpen",
    "textDocument/didClose",
    "textDocument/didSave",
    "textDocument/hover",
    "workspace/executeCommand",
    "workspace/didChangeWorkspaceFolders",
    "workspace/didChangeConfiguration",
    "window/workDoneProgress/cancel",
    "$/cancelRequest",
    "$/setTrace",
    "initialize",
    "initialized",
    "no/such",
    "",
)
COMMANDS = ("hone.accept", "hone.dismiss", "hone.status", "rm", "")


@dataclass
class Model:
    """The documents of an editor that uses one encoding of columns."""

    encoding: str
    uri: Callable[[str], str]
    texts: dict[str, str] = field(default_factory=dict)
    trusted: dict[str, bool] = field(default_factory=dict)
    """False where the server has been told something impossible since the last full text."""
    version: int = 0

    def load(self, name: str, text: str) -> None:
        self.texts[name], self.trusted[name] = _joined(text), True

    def change(self, name: str, edits: list[tuple]) -> Message:
        """Apply edits (start, end, text), or (None, None, text) for a whole text."""
        changes = [self._edited(name, *edit) for edit in edits]
        self.version += 1
        document = {"uri": self.uri(name), "version": self.version}
        params = {"textDocument": document, "contentChanges": changes}
        return {"method": "textDocument/didChange", "params": params}

    def _edited(
        self, name: str, start: tuple[int, int] | None, end: tuple[int, int] | None, text: str
    ) -> Message:
        known = name in self.texts
        if start is None or end is None:
            if known:
                self.load(name, text)
            return {"text": text}
        if known and (start > end or start[0] > lines(self.texts[name])):
            self.trusted[name] = False
        if known and self.trusted[name]:
            start, end = (self._whole(name, place) for place in (start, end))
            start = min(start, end)
            changed = replaced(self.texts[name], start, end, text, self.encoding)
            self.texts[name] = _joined(changed)
        places = [{"line": line, "character": column} for line, column in (start, end)]
        return {"range": {"start": places[0], "end": places[1]}, "text": text}

    def _whole(self, name: str, place: tuple[int, int]) -> tuple[int, int]:
        """Return the place, moved out of the middle of a character."""
        row = _row(self.texts[name], place[0])
        at = 0
        for char in row:
            wide = {"utf-8": len(char.encode("utf-8", "surrogatepass")), "utf-32": 1}
            size = wide.get(self.encoding, 1 + (ord(char) > 0xFFFF))
            if at + size > place[1]:
                return place[0], at
            at += size
        return place[0], at

    def expected(self) -> dict[str, tuple[str, bool]]:
        """Return each open document's checksum and whether it may be trusted."""
        return {
            self.uri(name): (checksum(text), self.trusted[name])
            for name, text in self.texts.items()
        }


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def lines(text: str) -> int:
    """Return how many lines a text has, as LSP counts."""
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1


def _row(text: str, number: int) -> str:
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return rows[number] if number < len(rows) else ""


def _joined(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@st.composite
def edits(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> list[tuple]:
    found: list[tuple] = []
    for _ in range(draw(st.integers(0, 3))):
        text = draw(texts)
        kind = draw(st.integers(0, 19))
        one, other = draw(PLACE), draw(PLACE)
        if kind == 0:
            found.append((None, None, text))
        elif kind == 1:
            found.append((one, other, text))
        else:
            found.append((min(one, other), max(one, other), text))
    return found


def mutated(draw: st.DrawFn, message: Any) -> Any:
    """Return the message with something in it replaced by junk, or left out."""
    if isinstance(message, dict) and message and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(message)))
        rest = {key: value for key, value in message.items() if key != name}
        return rest if draw(st.booleans()) else rest | {name: mutated(draw, message[name])}
    if isinstance(message, list) and message and draw(st.booleans()):
        return [mutated(draw, message[0]), *message[1:]]
    return draw(JUNK)
