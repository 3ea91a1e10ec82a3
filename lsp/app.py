"""Which message goes where, and those on documents themselves, each handed to the session.

Knows the table of messages. Does not know what the session makes of anything.
"""

from collections.abc import Mapping

from lsprotocol import types

from lsp import faces, messages
from lsp.commands import COMMANDS
from lsp.config import Settings
from lsp.documents import Edit
from lsp.exclude import path_of
from lsp.host import HoneServer


def build(
    settings: Settings, environ: Mapping[str, str], kind: type[HoneServer] = HoneServer
) -> HoneServer:
    """Return a server that knows all messages."""
    server = kind(settings, environ)
    for method, handler, options in (
        (types.INITIALIZE, _initialize, None),
        (types.INITIALIZED, _initialized, None),
        (types.SHUTDOWN, _shutdown, None),
        (types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, _did_change_folders, None),
        (types.TEXT_DOCUMENT_DID_OPEN, _did_open, None),
        (types.TEXT_DOCUMENT_DID_CHANGE, _did_change, None),
        (types.TEXT_DOCUMENT_DID_CLOSE, _did_close, None),
        (types.TEXT_DOCUMENT_DID_SAVE, _did_save, types.SaveOptions(include_text=True)),
        (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _files_changed, None),
        (
            types.TEXT_DOCUMENT_INLINE_COMPLETION,
            faces.inline_completion,
            # pygls names a provider without options to no client.
            types.InlineCompletionOptions(),
        ),
        (messages.INLINE_EDIT, faces.inline_edit, None),
        (messages.DID_SHOW_INLINE_EDIT, faces.did_show, None),
        (messages.DID_SHOW_COMPLETION, faces.did_show, None),
        (messages.DID_PARTIALLY_ACCEPT, faces.did_partially_accept, None),
        (messages.DID_FOCUS, faces.did_focus, None),
        (types.TEXT_DOCUMENT_CODE_ACTION, faces.code_action, faces.action_options()),
        (types.TEXT_DOCUMENT_CODE_LENS, faces.code_lens, None),
    ):
        server.feature(method, options)(handler)
    for name, command in COMMANDS.items():
        server.command(name)(command)
    return server


def _initialize(ls: HoneServer, params: types.InitializeParams) -> None:
    ls.begin(params)


def _initialized(ls: HoneServer, params: types.InitializedParams) -> None:
    ls.begun()


def _did_change_folders(ls: HoneServer, params: types.DidChangeWorkspaceFoldersParams) -> None:
    event = params.event
    added, removed = ([path_of(one.uri) for one in some] for some in (event.added, event.removed))
    ls.session.folders_changed([path for path in added if path], [path for path in removed if path])


async def _shutdown(ls: HoneServer, params: None) -> None:
    session = ls.session
    ls.unasked.end()
    await session.shutdown()


def _did_open(ls: HoneServer, params: types.DidOpenTextDocumentParams) -> None:
    item = params.text_document
    language = getattr(item.language_id, "value", item.language_id)
    ls.session.opened(item.uri, language, item.version, item.text)


def _did_change(ls: HoneServer, params: types.DidChangeTextDocumentParams) -> None:
    document = params.text_document
    edits = [_edit(change) for change in params.content_changes]
    ls.session.changed(document.uri, document.version, edits)
    if ls.hints.plain:
        ls.unasked.edited(document.uri, edits)


def _did_close(ls: HoneServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.session.closed(params.text_document.uri)


def _did_save(ls: HoneServer, params: types.DidSaveTextDocumentParams) -> None:
    ls.session.saved(params.text_document.uri, params.text)


def _files_changed(ls: HoneServer, params: types.DidChangeWatchedFilesParams) -> None:
    for change in params.changes:
        ls.session.aftermath.changed_on_disk(change.uri)


def _edit(change: types.TextDocumentContentChangeEvent) -> Edit:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return Edit(change.text)
    begin, end = change.range.start, change.range.end
    return Edit(change.text, (begin.line, begin.character), (end.line, end.character))
