"""What a text defines, by name: functions, classes, methods, types and top-level variables.

Parsing 10,000 lines takes some 50 ms, so this runs in a thread; it pauses often, because the
parser would otherwise keep the interpreter to itself and the editor waiting. Knows syntax trees
by the tables of `lsp.grammars`. Does not know files, or who uses a name.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp.grammars import Grammar

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_LINES = 12
MAX_CHARS = 800
"""How much of a definition is kept: its head says most."""
MOST = 5_000
"""A file with more definitions was not written by hand."""
CHUNK = 4_096


@dataclass(frozen=True)
class Definition:
    """A name and what it stands for."""

    name: str
    text: str
    """The first lines, with "\\n" as line ends."""
    is_value: bool
    """Whether it is a variable: those of other files are seldom meant."""

    @property
    def head(self) -> str:
        """The first line."""
        return self.text.split("\n", 1)[0]


def definitions(
    grammar: Grammar, parser: "Parser", text: str, pause: Callable[[], None]
) -> list[Definition]:
    """Return the definitions of a text with "\\n" as line ends, in their order.

    `pause` is called often; it lets other threads run.
    """
    data = text.encode("utf-8", "replace")

    def read(at: int, point: object) -> bytes:
        pause()
        return data[at : at + CHUNK]

    tree = parser.parse(read)
    lines = text.split("\n")
    found: list[Definition] = []
    for node, first in _defining(grammar, tree.root_node, pause):
        shown = "\n".join(lines[first : min(node.end_point.row + 1, first + MAX_LINES)])
        kept = shown[:MAX_CHARS].rstrip() + "\n"
        value = node.type in grammar.values
        found += [Definition(name, kept, value) for name in _names(node, grammar.named[node.type])]
        if len(found) > MOST:
            return []
    return found


def _defining(
    grammar: Grammar, parent: "Node", pause: Callable[[], None], above: int | None = None
) -> Iterator[tuple["Node", int]]:
    """Yield the nodes that define something, and the line at which what belongs to them begins:
    a decorator or `export` around one node is part of it."""
    for node in parent.named_children:
        pause()
        first = node.start_point.row if above is None else above
        if node.type in grammar.named:
            yield node, first
        if node.type in grammar.through:
            one = node.named_children[-1] if node.type in grammar.around else None
            belongs = one is not None and one.end_point.row == node.end_point.row
            yield from _defining(grammar, node, pause, first if belongs else None)


def _names(node: "Node", field: str) -> Iterator[str]:
    for child in node.children_by_field_name(field):
        parts = [child] if child.type.endswith("identifier") else child.named_children
        for part in parts:
            if part.type.endswith("identifier") and part.text:
                yield part.text.decode("utf-8", "replace")
