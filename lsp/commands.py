"""What `workspace/executeCommand` can ask for.

Knows the commands' names, and the arguments of those that report or apply. Does not know what a
session makes of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lsp import by_hand, messages, parts
from lsp.applying import apply
from lsp.host import HoneServer
from lsp.messages import suggestion_of
from lsp.status import status


def _accept(ls: HoneServer, *arguments: Any) -> bool:
    return ls.session.accepted(suggestion_of(arguments) or "")


def _dismiss(ls: HoneServer, *arguments: Any) -> int:
    return ls.session.dismissed(suggestion_of(arguments))


async def _apply(ls: HoneServer, *arguments: Any) -> bool:
    return await apply(ls, suggestion_of(arguments), parts.whole)


async def _accept_word(ls: HoneServer, *arguments: Any) -> bool:
    return await apply(ls, suggestion_of(arguments), parts.next_word)


async def _accept_line(ls: HoneServer, *arguments: Any) -> bool:
    return await apply(ls, suggestion_of(arguments), parts.next_line)


def _status(ls: HoneServer, *arguments: Any) -> dict[str, Any]:
    return status(ls.session)


def _feedback(ls: HoneServer, *arguments: Any) -> dict[str, Any]:
    """Take "facts" or {"level": "facts"}."""
    given = arguments[0] if arguments else None
    asked = {"level": given} if isinstance(given, str) else given
    ls.session.choose_level(messages.read(messages.LevelParams, asked).level)
    return ls.session.consent.describe(ls.settings.gateway.url)


COMMANDS: Mapping[str, Callable[..., Any]] = {
    messages.ACCEPT: _accept,
    messages.DISMISS: _dismiss,
    messages.APPLY: _apply,
    messages.ACCEPT_WORD: _accept_word,
    messages.ACCEPT_LINE: _accept_line,
    messages.RESUGGEST: by_hand.resuggest,
    messages.NEXT: by_hand.following,
    messages.PREVIOUS: by_hand.previous,
    messages.INSTRUCT: by_hand.instruct,
    messages.STATUS: _status,
    messages.FEEDBACK: _feedback,
}
