"""Messages that LSP does not have: the next-edit protocol of GitHub's language server, and the
arguments of Hone's own commands.

Four editor plugins speak that protocol, so speaking it too needs no plugin of ours. Knows the
shapes. Unknown fields are ignored, since clients add their own.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pygls.exceptions import JsonRpcInvalidParams

from feedback_store.events import FeedbackLevel

INLINE_EDIT = "textDocument/copilotInlineEdit"
DID_SHOW_INLINE_EDIT = "textDocument/didShowInlineEdit"
DID_SHOW_COMPLETION = "textDocument/didShowCompletion"
DID_PARTIALLY_ACCEPT = "textDocument/didPartiallyAcceptCompletion"
DID_FOCUS = "textDocument/didFocus"

ACCEPT = "hone.accept"
DISMISS = "hone.dismiss"
APPLY = "hone.apply"
ACCEPT_WORD = "hone.acceptWord"
ACCEPT_LINE = "hone.acceptLine"
RESUGGEST = "hone.resuggest"
NEXT = "hone.next"
PREVIOUS = "hone.previous"
INSTRUCT = "hone.instruct"
STATUS = "hone.status"
FEEDBACK = "hone.feedback"

INVOKED, AUTOMATIC = 1, 2
"""Trigger kinds."""

Message = TypeVar("Message", bound=BaseModel)


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Cursor(_Loose):
    """A position in the client's units."""

    line: int = Field(ge=0)
    character: int = Field(ge=0)


class DocumentAtVersion(_Loose):
    """A document, and its version if the client says."""

    uri: str
    version: int | None = None


class AskingContext(_Loose):
    """As in `textDocument/inlineCompletion`; only our own plugins send it with next edits."""

    triggerKind: int = AUTOMATIC


class InlineEditParams(_Loose):
    """Ask for the next edit."""

    textDocument: DocumentAtVersion
    position: Cursor
    context: AskingContext = AskingContext()

    @property
    def by_hand(self) -> bool:
        """Whether the user pressed a key for it."""
        return self.context.triggerKind == INVOKED


class PlaceParams(_Loose):
    """A place in a document, as a command's argument."""

    uri: str
    position: Cursor


class Span(_Loose):
    """A range in the client's units."""

    start: Cursor
    end: Cursor


class InstructParams(_Loose):
    """Edit a selection as told."""

    uri: str
    range: Span
    instruction: str = ""


class FocusParams(_Loose):
    """The user went to a document."""

    textDocument: DocumentAtVersion | None = None


class CommandOfItem(_Loose):
    """The command that an item carries; its first argument is the suggestion's id."""

    command: str = ""
    arguments: list[Any] = []


class LevelParams(_Loose):
    """What may be recorded in this workspace from now on."""

    level: FeedbackLevel


class Item(_Loose):
    """What was shown."""

    command: CommandOfItem


class ItemParams(_Loose):
    """Something happened to what was shown."""

    item: Item

    @property
    def suggestion_id(self) -> str:
        """The suggestion meant, or an empty string."""
        return suggestion_of(self.item.command.arguments) or ""


def suggestion_of(arguments: Sequence[Any]) -> str | None:
    """Return the suggestion that a command's arguments name: None if they name none, and the
    empty string, which no suggestion has, if they are something else."""
    first = arguments[0] if arguments else None
    return first if first is None or isinstance(first, str) else ""


def read(model: type[Message], params: Any) -> Message:
    """Check a message's parameters.

    Raises:
        JsonRpcInvalidParams: they do not fit.
    """
    try:
        return model.model_validate(params)
    except ValidationError as error:
        raise JsonRpcInvalidParams(str(error)) from None
