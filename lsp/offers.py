"""An edit on offer as each face shows it: next edit, ghost text, code action.

Knows LSP's shapes and the client's position units. Does not know how offers come about.
"""

from typing import Any

from lsprotocol import types

from lsp.document import Document
from lsp.edits import Replacement, at_cursor, smallest_edit
from lsp.messages import ACCEPT, DISMISS
from lsp.watch import Watch

TITLE = "Hone: apply the suggested edit"


def edit_of(document: Document, watch: Watch) -> Replacement | None:
    """Return what is still to be changed in the document as it is now."""
    region = watch.region
    raw = document.lines[region.first : region.last]
    return smallest_edit(region.first, raw, watch.proposed or "", document.eol)


def next_edits(document: Document, watch: Watch) -> list[dict[str, Any]]:
    """Return the offer for `textDocument/copilotInlineEdit`."""
    edit = edit_of(document, watch)
    if edit is None:
        return []
    place = _range(document, edit)
    return [
        {
            "text": edit.text,
            "range": {
                "start": {"line": place.start.line, "character": place.start.character},
                "end": {"line": place.end.line, "character": place.end.character},
            },
            "textDocument": {"uri": document.uri, "version": document.version},
            "command": {"title": TITLE, "command": ACCEPT, "arguments": [watch.suggestion_id]},
        }
    ]


def ghost_text(
    document: Document,
    watch: Watch,
    position: types.Position,
    selected: types.SelectedCompletionInfo | None,
) -> types.InlineCompletionItem | None:
    """Return the offer for `textDocument/inlineCompletion`, if an insertion can show it."""
    edit = edit_of(document, watch)
    cursor = document.inward((position.line, position.character))
    shown = edit and at_cursor(edit, document.lines, cursor)
    if shown is None:
        return None
    place = _range(document, shown)
    # The spec: an item must extend the completion selected in the menu, over the same range.
    if selected and (selected.range != place or not shown.text.startswith(selected.text)):
        return None
    return types.InlineCompletionItem(
        insert_text=shown.text, range=place, command=_command(ACCEPT, watch)
    )


def code_actions(document: Document, watch: Watch) -> list[types.CodeAction]:
    """Return the offer as code actions: apply it, or dismiss it."""
    edit = edit_of(document, watch)
    if edit is None:
        return []
    target = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    change = types.TextDocumentEdit(target, [types.TextEdit(_range(document, edit), edit.text)])
    return [
        types.CodeAction(
            title=TITLE,
            kind=types.CodeActionKind.RefactorRewrite,
            edit=types.WorkspaceEdit(document_changes=[change]),
            command=_command(ACCEPT, watch),
        ),
        types.CodeAction(
            title="Hone: dismiss the suggested edit",
            kind=types.CodeActionKind.RefactorRewrite,
            command=_command(DISMISS, watch),
        ),
    ]


def _command(name: str, watch: Watch) -> types.Command:
    return types.Command(title=TITLE, command=name, arguments=[watch.suggestion_id])


def _range(document: Document, edit: Replacement) -> types.Range:
    (first, begin), (last, end) = document.outward(edit.start), document.outward(edit.end)
    return types.Range(types.Position(first, begin), types.Position(last, end))
