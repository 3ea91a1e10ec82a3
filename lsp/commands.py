"""What `workspace/executeCommand` can ask for.

Knows the commands' names and arguments. Does not know what a session makes of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lsp import messages
from lsp.host import HoneServer
from lsp.status import status


def _accept(ls: HoneServer, *arguments: Any) -> bool:
    return ls.session.accepted(_first(arguments) or "")


def _dismiss(ls: HoneServer, *arguments: Any) -> int:
    return ls.session.dismissed(_first(arguments))


def _status(ls: HoneServer, *arguments: Any) -> dict[str, Any]:
    return status(ls.session)


def _first(arguments: tuple[Any, ...]) -> str | None:
    return arguments[0] if arguments and isinstance(arguments[0], str) else None


COMMANDS: Mapping[str, Callable[..., Any]] = {
    messages.ACCEPT: _accept,
    messages.DISMISS: _dismiss,
    messages.STATUS: _status,
}
