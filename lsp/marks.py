"""The place of an edit on offer as a hint diagnostic and as lenses, for editors that show no more.

Knows LSP's shapes. Does not know when marks are shown (lsp.hints).
"""

from dataclasses import dataclass

from lsprotocol import types

from lsp.document import Document, content
from lsp.edits import Replacement
from lsp.messages import APPLY, DISMISS
from lsp.offers import edit_of, range_of
from lsp.watch import Watch

HERE = "Hone: next edit here"
PREVIEW = 60
"""Characters of the new text in a lens: such an editor shows the edit nowhere else."""


@dataclass(frozen=True)
class Mark:
    """One place in a document."""

    range: types.Range
    preview: str
    suggestion_id: str


def mark_of(document: Document, watch: Watch) -> Mark | None:
    """Return the mark of what is on offer; None if nothing is left to do."""
    edit = edit_of(document, watch)
    if edit is None:
        return None
    place = range_of(document, edit)
    if edit.is_insertion:
        # An empty range would show nothing: mark the line.
        line = edit.start[0]
        text = content(document.lines[line])
        end = document.outward((line, len(text)))
        begin = document.outward((line, len(text) - len(text.lstrip())))
        place = types.Range(types.Position(*begin), types.Position(*end))
    return Mark(place, _preview(document, edit), watch.suggestion_id)


def diagnostic(mark: Mark) -> types.Diagnostic:
    """Return the mark as a hint, to which an editor can jump."""
    return types.Diagnostic(mark.range, HERE, types.DiagnosticSeverity.Hint, source="hone")


def lenses(mark: Mark, *, can_apply: bool) -> list[types.CodeLens]:
    """Return the mark as Accept and Dismiss above its line."""
    place = types.Range(mark.range.start, mark.range.start)
    commands = {f"Hone: accept {mark.preview}": APPLY} if can_apply else {}
    commands["Hone: dismiss"] = DISMISS
    return [
        types.CodeLens(place, types.Command(title, name, arguments=[mark.suggestion_id]))
        for title, name in commands.items()
    ]


def _preview(document: Document, edit: Replacement) -> str:
    """Return the first line that the edit brings, with what stays of it, in short."""
    written = edit.text.strip().split("\n")[0].strip()
    if not written:
        return "(deletes text)"
    if not edit.text.lstrip(" \t")[:1].isspace():
        written = document.lines[edit.start[0]][: edit.start[1]].lstrip() + written
    if edit.start[0] == edit.end[0] and "\n" not in edit.text:
        written += content(document.lines[edit.end[0]])[edit.end[1] :].rstrip()
    return written if len(written) <= PREVIEW else written[: PREVIEW - 1] + "\u2026"
