"""The faces of a suggestion: ghost text, next edit, code action and lens, of the same session.

Knows what each request asks and what shape its answer has. Does not know how offers come about.
"""

from collections.abc import Sequence
from typing import Any

from lsprotocol import types

from feedback_store.events import Diagnostic, Reason, Trigger
from lsp import messages, offers
from lsp.complaints import complaint
from lsp.document import Position
from lsp.documents import Opened
from lsp.gateway import Silence
from lsp.host import HoneServer
from lsp.politeness import pushes
from lsp.watch import Watch

OWN = "hone"
"""The source of our own diagnostics."""
REWRITE = types.CodeActionKind.RefactorRewrite.value


def action_options() -> types.CodeActionOptions:
    """What kinds of code action there are."""
    return types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.RefactorRewrite])


async def inline_completion(
    ls: HoneServer, params: types.InlineCompletionParams
) -> types.InlineCompletionList:
    """Answer with ghost text at the cursor, once the user has stopped typing."""
    invoked = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    if not invoked and not await ls.session.paused(params.text_document.uri):
        return types.InlineCompletionList([])
    trigger = Trigger.INVOKED if invoked else Trigger.AUTOMATIC
    place = (params.position.line, params.position.character)
    found = await ls.session.suggest(params.text_document.uri, None, place, trigger)
    if isinstance(found, Silence) or _only_hinted(ls, trigger):
        return types.InlineCompletionList([])
    selected = params.context.selected_completion_info
    item = offers.ghost_text(found[0].document, found[1], params.position, selected)
    if item is None:
        detail = "the edit is no insertion at the cursor, which is all that ghost text can show"
        ls.session.silent(Silence(Reason.NO_GHOST_TEXT, detail))
        return types.InlineCompletionList([])
    ls.session.deliver(found[1])
    return types.InlineCompletionList([item])


async def inline_edit(ls: HoneServer, params: Any) -> dict[str, Any]:
    """Answer with the next edit, as whole replacements."""
    asked = messages.read(messages.InlineEditParams, params)
    ls.hints.client_asks_for_edits()
    place = (asked.position.line, asked.position.character)
    document = asked.textDocument
    trigger = Trigger.INVOKED if asked.by_hand else Trigger.AUTOMATIC
    found = await ls.session.suggest(document.uri, document.version, place, trigger, anywhere=True)
    if isinstance(found, Silence) or _only_hinted(ls, trigger):
        return {"edits": []}
    return {"edits": edits_for(ls, *found)}


def edits_for(ls: HoneServer, opened: Opened, watch: Watch) -> list[dict[str, Any]]:
    """Return an offer as next edits, which the client gets with this."""
    edits = offers.next_edits(opened.document, watch)
    if edits:
        ls.session.deliver(watch)
    else:
        ls.session.silent(Silence(Reason.DOCUMENT_MOVED, "it has been typed already"))
    return edits


def did_show(ls: HoneServer, params: Any) -> None:
    """The client says that it shows an item."""
    ls.session.shown(messages.read(messages.ItemParams, params).suggestion_id)


def did_partially_accept(ls: HoneServer, params: Any) -> None:
    """The client says that a part of an item was taken."""
    ls.session.partly_accepted(messages.read(messages.ItemParams, params).suggestion_id)


def did_focus(ls: HoneServer, params: Any) -> None:
    """The client says which document the user looks at; some say that none is."""
    if focused := messages.read(messages.FocusParams, params).textDocument:
        ls.session.documents.used(focused.uri)


async def code_action(
    ls: HoneServer, params: types.CodeActionParams
) -> list[types.CodeAction] | None:
    """Answer from what is on offer; ask the gateway only when invoked by hand. A selection can
    also be edited as told."""
    start = params.range.start
    said = _complaints(params.context.diagnostics)
    ls.session.surroundings.heard(params.text_document.uri, start.line, params.range.end.line, said)
    wanted = _wanted(params.context)
    if not any(REWRITE.startswith(kind) for kind in wanted):
        return None
    uri = params.text_document.uri
    found = ls.session.cached(uri, start.line)
    if found is None and params.context.trigger_kind == types.CodeActionTriggerKind.Invoked:
        asked = await _invoked(ls, uri, (start.line, start.character), REWRITE in wanted)
        found = None if isinstance(asked, Silence) else asked
    actions: list[types.CodeAction] = []
    if found is not None:
        opened, watch = found
        place = opened.path if watch.uri != uri else ""
        actions = offers.code_actions(opened.document, watch, ls.abilities, place)
        if actions:
            ls.session.deliver(watch)
    hello = ls.session.gateway.hello
    if params.range.start != params.range.end and hello and hello.instructions:
        actions.append(offers.instruct_action(uri, params.range))
    return actions or None


async def _invoked(
    ls: HoneServer, uri: str, place: Position, rewriting: bool
) -> tuple[Opened, Watch] | Silence | None:
    """Ask for the edit of a menu. One for an import or a quick fix does not wait for the model
    where the client has other faces, and elsewhere not for long."""
    if rewriting:
        return await ls.session.suggest(uri, None, place, Trigger.INVOKED, anywhere=True)
    if ls.hints.plain:
        return await ls.unasked.in_menu(uri, place, ls.settings.suggest.menu_ms)
    return None


def _wanted(context: types.CodeActionContext) -> list[str]:
    """Return the kinds of action that are asked for, by default those that Hone may have."""
    return [str(getattr(kind, "value", kind)) for kind in context.only or ["refactor"]]


def code_lens(ls: HoneServer, params: types.CodeLensParams) -> list[types.CodeLens]:
    """Answer with Accept and Dismiss at the places of edits, for editors that show no more."""
    return ls.hints.lenses(params.text_document.uri)


def _only_hinted(ls: HoneServer, trigger: Trigger) -> bool:
    """Whether an offer is not shown because nobody asked for it by hand; the status says so."""
    if pushes(ls.settings.suggest.mode, trigger):
        return False
    ls.session.silent(Silence(Reason.HINT_ONLY, "suggest.mode is hint: ask by hand to see it"))
    return True


def _complaints(found: Sequence[types.Diagnostic]) -> list[Diagnostic]:
    """What other servers say; our own hints are none."""
    others = [one for one in found if one.source != OWN]
    return [complaint(one.range.start.line, one.severity or 1, one.message) for one in others]
