"""An edit on offer as each face shows it: next edit, ghost text, code action.

Knows LSP's shapes and the client's position units. Does not know how offers come about.
"""

from typing import Any

from lsprotocol import types

from lsp.abilities import Abilities
from lsp.document import Document, Position, content, normalise
from lsp.edits import Replacement, at_cursor, smallest_edit
from lsp.messages import ACCEPT, DISMISS, INSTRUCT
from lsp.watch import Watch

TITLE = "Hone: apply the suggested edit"
INSTRUCT_TITLE = "Hone: edit the selection by an instruction"


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
    place = range_of(document, edit)
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
    if selected and not _is_text(document, selected):
        shown = _extending(document, shown, selected)
        if shown is None:
            return None
    place = range_of(document, shown)
    return types.InlineCompletionItem(
        insert_text=shown.text, range=place, command=_command(ACCEPT, watch)
    )


def workspace_edit(
    document: Document, edit: Replacement, *, versioned: bool
) -> types.WorkspaceEdit:
    """Return an edit of a document; at its version, if the client knows versions."""
    change = types.TextEdit(range_of(document, edit), edit.text)
    if not versioned:
        return types.WorkspaceEdit(changes={document.uri: [change]})
    target = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(target, [change])])


def code_actions(
    document: Document, watch: Watch, client: Abilities, place: str = ""
) -> list[types.CodeAction]:
    """Return the offer as code actions: apply it, or dismiss it. Where the client does not report
    that it applied an edit, that it did is seen by the text.

    `place` names the document if the user looks at another.
    """
    edit = edit_of(document, watch)
    if edit is None:
        return []
    where = f" in {place}, line {edit.start[0] + 1}" if place else ""
    return [
        types.CodeAction(
            title=TITLE + where,
            kind=types.CodeActionKind.RefactorRewrite,
            edit=workspace_edit(document, edit, versioned=client.versioned_edits),
            command=_command(ACCEPT, watch) if client.reports_edits else None,
        ),
        types.CodeAction(
            title="Hone: dismiss the suggested edit" + where,
            kind=types.CodeActionKind.RefactorRewrite,
            command=_command(DISMISS, watch),
        ),
    ]


def instruct_action(uri: str, selection: types.Range) -> types.CodeAction:
    """Return the action that edits a selection as told. A client that can asks its user for the
    instruction and adds it to the command's argument; else a comment in the selection gives it."""
    start, end = (
        {"line": place.line, "character": place.character}
        for place in (selection.start, selection.end)
    )
    argument = {"uri": uri, "range": {"start": start, "end": end}}
    return types.CodeAction(
        title=INSTRUCT_TITLE,
        kind=types.CodeActionKind.RefactorRewrite,
        command=types.Command(INSTRUCT_TITLE, INSTRUCT, arguments=[argument]),
    )


def _command(name: str, watch: Watch) -> types.Command:
    return types.Command(title=TITLE, command=name, arguments=[watch.suggestion_id])


def _is_text(document: Document, selected: types.SelectedCompletionInfo) -> bool:
    """Whether it is text of the document: Neovim sends the visual selection as if it were the
    selected completion, and a completion that is typed already binds to nothing."""
    start, end = _inward(document, selected.range)
    raw = [content(line) for line in document.lines[start[0] : end[0] + 1]]
    raw[-1] = raw[-1][: end[1]]
    raw[0] = raw[0][start[1] :]
    return "\n".join(raw).strip("\n") == normalise(selected.text).strip("\n")


def _extending(
    document: Document, shown: Replacement, selected: types.SelectedCompletionInfo
) -> Replacement | None:
    """Return the ghost text over the range of the completion that is selected in the menu, which
    an item must extend, says LSP; None if it does not."""
    start, end = _inward(document, selected.range)
    if start[0] != shown.start[0] or start > shown.start or end != shown.end:
        return None
    text = document.lines[start[0]][start[1] : shown.start[1]] + shown.text
    return Replacement(start, end, text) if text.startswith(selected.text) else None


def _inward(document: Document, place: types.Range) -> tuple[Position, Position]:
    start, end = place.start, place.end
    return document.inward((start.line, start.character)), document.inward(
        (end.line, end.character)
    )


def range_of(document: Document, edit: Replacement) -> types.Range:
    """Return the range that an edit replaces, in the client's units."""
    (first, begin), (last, end) = document.outward(edit.start), document.outward(edit.end)
    return types.Range(types.Position(first, begin), types.Position(last, end))
