"""The definitions that a region uses and that the model does not see yet.

Knows names and texts. Does not know syntax (`lsp.definitions`), nor which files may be sent.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp.definitions import Definition

KEPT_FILES = 64
AMBIGUOUS = 3
"""A name that more files define, such as `main`, says nothing."""
_NAME = re.compile(r"[^\W\d]\w\w+")


@dataclass(frozen=True)
class Found:
    """A definition and its file."""

    uri: str
    definition: Definition


class Index:
    """Definitions by name, of the files put in last."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[str, list[Definition]]] = OrderedDict()
        self._by_name: dict[tuple[str, str], dict[str, Definition]] = {}

    @property
    def files(self) -> tuple[str, ...]:
        """The URIs of what is known, the oldest first."""
        return tuple(self._files)

    def put(self, uri: str, family: str, found: Sequence[Definition]) -> None:
        """Replace what is known of a file."""
        self.drop(uri)
        self._files[uri] = (family, list(found))
        for one in found:
            # The first one stays: what an overload or a branch defines again is the same thing.
            self._by_name.setdefault((family, one.name), {}).setdefault(uri, one)
        while len(self._files) > KEPT_FILES:
            self.drop(next(iter(self._files)))

    def drop(self, uri: str) -> None:
        """Forget a file."""
        family, found = self._files.pop(uri, ("", []))
        for one in found:
            files = self._by_name.get((family, one.name), {})
            files.pop(uri, None)
            if not files:
                self._by_name.pop((family, one.name), None)

    def find(self, family: str, name: str) -> list[Found]:
        """Return a name's definitions, one per file."""
        return [Found(uri, one) for uri, one in self._by_name.get((family, name), {}).items()]


def related(
    index: Index, family: str, uri: str, region: str, cursor_line: int, seen: str
) -> Iterator[Found]:
    """Yield the definitions of the names in a region, those near the cursor's line first.

    `seen` is all that the model sees of the document, the region included.
    """
    for name in _names(region, cursor_line):
        found = index.find(family, name)
        here = [one for one in found if one.uri == uri]
        if not here and len(found) > AMBIGUOUS:
            continue
        for one in here or found[-1:]:
            foreign_variable = one.uri != uri and one.definition.is_value and name.islower()
            shown = one.uri == uri and one.definition.head in seen
            if not foreign_variable and not shown:
                yield one


def _names(region: str, cursor_line: int) -> list[str]:
    lines = region.split("\n")
    nearest = sorted(range(len(lines)), key=lambda line: abs(line - cursor_line))
    return list(dict.fromkeys(name for line in nearest for name in _NAME.findall(lines[line])))
