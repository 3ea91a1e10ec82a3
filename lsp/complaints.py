"""What other language servers complain of, as far as editors tell: with code-action requests.

A request brings the complaints about its own lines, so what is known of those is replaced. Lines
that change lose theirs. Knows lines. Does not know LSP, nor who wants to hear of them.
"""

from collections.abc import Sequence

from feedback_store.events import Diagnostic
from lsp.document import Change

KEPT = 100
"""Per document."""
MAX_CHARS = 256


def complaint(line: int, severity: int, message: str) -> Diagnostic:
    """Build one, its message cut to one short line that can be encoded."""
    said = " ".join(message.split())[:MAX_CHARS].encode("utf-8", "replace").decode()
    return Diagnostic(line=line, severity=severity, message=said)


class Complaints:
    """All that is known, by document."""

    def __init__(self) -> None:
        self._said: dict[str, list[Diagnostic]] = {}

    def heard(self, uri: str, first: int, last: int, found: Sequence[Diagnostic]) -> None:
        """Take in what is said of the lines from `first` to `last`."""
        lines = {one.line for one in found}
        old = self._said.get(uri, [])
        kept = [one for one in old if not first <= one.line <= last and one.line not in lines]
        self._said[uri] = [*kept, *dict.fromkeys(found)][-KEPT:]

    def changed(self, uri: str, change: Change) -> None:
        """Drop what was said of lines that changed; what stands below moves along."""
        if uri not in self._said:
            return
        end, by = change.first + len(change.old), len(change.new) - len(change.old)
        above = [one for one in self._said[uri] if one.line < change.first]
        below = [one for one in self._said[uri] if one.line >= end]
        moved = [one.model_copy(update={"line": one.line + by}) for one in below]
        self._said[uri] = above + moved

    def near(self, uri: str, line: int, limit: int) -> tuple[Diagnostic, ...]:
        """Return the nearest ones, in the order of their lines."""
        nearest = sorted(self._said.get(uri, []), key=lambda one: abs(one.line - line))[:limit]
        return tuple(sorted(nearest, key=lambda one: one.line))

    def closed(self, uri: str) -> None:
        """Forget a document."""
        self._said.pop(uri, None)
