"""Suggestions that a user asks for by a command: anew, another one, or by an instruction.

The answer has the shape of `textDocument/copilotInlineEdit`'s; where there is none, the user, who
is waiting, is told why. Knows commands' arguments. Does not know how suggestions are made.
"""

from typing import Any

from lsprotocol import types

from feedback_store.events import MAX_INSTRUCTION, Reason, Trigger
from lsp import messages, offers
from lsp.alternatives import neighbour, ring
from lsp.document import Position
from lsp.faces import edits_for
from lsp.gateway import Silence
from lsp.host import HoneServer
from lsp.instructions import selected_lines, written_instruction
from lsp.wish import Wish

NOTHING_ON_OFFER = Silence(Reason.NO_EDIT, "nothing is on offer")
HOW_TO_INSTRUCT = "write what to do as a comment in the selection, such as `hone: sort by name`"

Answer = dict[str, Any]


async def resuggest(ls: HoneServer, *arguments: Any) -> Answer:
    """`hone.resuggest` {uri, position}: ask again, whatever is on offer or was said before."""
    asked = messages.read(messages.PlaceParams, _first(arguments))
    place = (asked.position.line, asked.position.character)
    return await _asked(ls, asked.uri, place, Wish(fresh=True))


async def following(ls: HoneServer, *arguments: Any) -> Answer:
    """`hone.next` [id]: show another suggestion for the same lines."""
    return await _leafed(ls, arguments, 1)


async def previous(ls: HoneServer, *arguments: Any) -> Answer:
    """`hone.previous` [id]: show the one before."""
    return await _leafed(ls, arguments, -1)


async def instruct(ls: HoneServer, *arguments: Any) -> Answer:
    """`hone.instruct` {uri, range, instruction}: edit the selection as told.

    Without an instruction, a comment in the selection gives it.
    """
    asked = messages.read(messages.InstructParams, _first(arguments))
    opened = ls.session.documents.get(asked.uri)
    if opened is None:
        return _silent(ls, Silence(Reason.EXCLUDED, "the document is not open"))
    start = (asked.range.start.line, asked.range.start.character)
    end = (asked.range.end.line, asked.range.end.character)
    document = opened.document
    region = selected_lines(start, end, len(document.lines))
    said = asked.instruction.strip()
    said = said or written_instruction(document.lines[region.first : region.last]) or ""
    if not said:
        return _silent(ls, Silence(Reason.NO_EDIT, HOW_TO_INSTRUCT))
    wish = Wish(lines=region, instruction=said[:MAX_INSTRUCTION])
    return await _asked(ls, asked.uri, (region.first, 0), wish)


async def _leafed(ls: HoneServer, arguments: tuple[Any, ...], step: int) -> Answer:
    found = ls.session.offered(messages.suggestion_of(arguments))
    if found is None:
        return _silent(ls, NOTHING_ON_OFFER)
    opened, watch = found
    members = ring(ls.session.tracker.watches, watch, ls.session.engine.rebased)
    other = neighbour(members, watch, step)
    if other is not None:
        ls.session.turned(watch, other)
        return {"edits": edits_for(ls, opened, other)}
    wish = Wish(lines=watch.region, avoid=tuple(one.proposed or "" for one in members))
    edit = offers.edit_of(opened.document, watch)
    place = opened.document.outward(edit.start if edit else (watch.region.first, 0))
    return await _asked(ls, watch.uri, place, wish)


async def _asked(ls: HoneServer, uri: str, place: Position, wish: Wish) -> Answer:
    found = await ls.session.suggest(uri, None, place, Trigger.INVOKED, wish)
    return _silent(ls, found) if isinstance(found, Silence) else {"edits": edits_for(ls, *found)}


def _silent(ls: HoneServer, silence: Silence) -> Answer:
    why = silence.detail or silence.reason.value.replace("_", " ")
    ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, f"Hone: {why}"))
    return {"edits": [], "reason": silence.reason.value, "detail": silence.detail}


def _first(arguments: tuple[Any, ...]) -> Any:
    return arguments[0] if arguments else None
