"""Edits that the server sends by itself, because a command asks for it.

They name the document's version, and an editor that knows no versions is sent none: what it does
with an edit that comes too late could not be known. Knows `workspace/applyEdit`. Does not know
which part of an edit is taken (lsp.parts).
"""

import asyncio

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp.host import HoneServer
from lsp.offers import TITLE, edit_of, workspace_edit
from lsp.parts import Part

ANSWER_S = 60.0
"""How long an editor may take, since some ask their user."""


async def apply(ls: HoneServer, suggestion_id: str | None, part: Part) -> bool:
    """Apply what is on offer, or a part of it; whether the editor did.

    An edit that it did not apply stays on offer, with that as its reason.
    """
    found = ls.session.offered(suggestion_id)
    edit = found and edit_of(found[0].document, found[1])
    if found is None or edit is None:
        return False
    document, watch = found[0].document, found[1]
    if not ls.abilities.applies_edits:
        ls.session.refused(watch, "this editor applies no versioned edits; use the code action")
        return False
    taken, tracker = part(edit, document.lines), ls.session.tracker
    took_part = watch.took_part
    tracker.shown(watch.suggestion_id)
    ls.session.deliver(watch)
    if taken != edit:
        tracker.partly_accepted(watch.suggestion_id)
    trouble = await _sent(ls, workspace_edit(document, taken, versioned=True))
    if trouble is not None:
        watch.took_part = took_part
        ls.session.refused(watch, trouble)
        return False
    if taken == edit:
        ls.session.accepted(watch.suggestion_id, by_client=False)
    return True


async def _sent(ls: HoneServer, edit: types.WorkspaceEdit) -> str | None:
    """Send an edit; return why it was not applied, or None."""
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await ls.workspace_apply_edit_async(
                types.ApplyWorkspaceEditParams(edit=edit, label=TITLE)
            )
    except TimeoutError:
        return f"the editor did not say within {ANSWER_S:g} s whether it applied the edit"
    except JsonRpcException as error:
        return f"the editor refused: {error}"
    return None if answer.applied else (answer.failure_reason or "the editor did not apply it")
