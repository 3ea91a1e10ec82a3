"""Messages that LSP does not have: the next-edit protocol of GitHub's language server.

Four editor plugins speak it, so speaking it too needs no plugin of ours. Knows the shapes.
Unknown fields are ignored, since clients add their own.
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pygls.exceptions import JsonRpcInvalidParams

INLINE_EDIT = "textDocument/copilotInlineEdit"
DID_SHOW_INLINE_EDIT = "textDocument/didShowInlineEdit"
DID_SHOW_COMPLETION = "textDocument/didShowCompletion"
DID_PARTIALLY_ACCEPT = "textDocument/didPartiallyAcceptCompletion"
DID_FOCUS = "textDocument/didFocus"

ACCEPT = "hone.accept"
DISMISS = "hone.dismiss"
STATUS = "hone.status"

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


class InlineEditParams(_Loose):
    """Ask for the next edit."""

    textDocument: DocumentAtVersion
    position: Cursor


class CommandOfItem(_Loose):
    """The command that an item carries; its first argument is the suggestion's id."""

    command: str = ""
    arguments: list[Any] = []


class Item(_Loose):
    """What was shown."""

    command: CommandOfItem


class ItemParams(_Loose):
    """Something happened to what was shown."""

    item: Item

    @property
    def suggestion_id(self) -> str:
        """The suggestion meant, or an empty string."""
        first = self.item.command.arguments[:1]
        return first[0] if first and isinstance(first[0], str) else ""


def read(model: type[Message], params: Any) -> Message:
    """Check a message's parameters.

    Raises:
        JsonRpcInvalidParams: they do not fit.
    """
    try:
        return model.model_validate(params)
    except ValidationError as error:
        raise JsonRpcInvalidParams(str(error)) from None
