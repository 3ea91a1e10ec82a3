"""The internal form of a prompt: what the editor knows around the place to edit.

Knows the fields and their invariants. Does not know any wire format of a model (that is
`server.prompts`) nor where the text comes from. Line ends are always "\\n" here; whoever
applies an answer to a document restores the document's own.
"""

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_INSTRUCTION = 2000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Frozen(BaseModel):
    """Base of all wire and event types: immutable, unknown fields and non-numbers refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _text_is_encodable(self) -> Self:
        """Refuse half surrogate pairs, which JSON can spell and no file or engine can take."""
        for name, value in self:
            if isinstance(value, str) and _LONE_SURROGATE.search(value):
                raise ValueError(f"{name} holds half a surrogate pair, which is no text")
        return self


class RecentEdit(Frozen):
    """One earlier edit, as the body of a unified-diff hunk without its headers."""

    path: str
    """Workspace-relative, with forward slashes."""
    diff: str
    """Lines that begin with " ", "-" or "+", each ended by a newline."""


class Diagnostic(Frozen):
    """A complaint of another language server about the region or its surroundings."""

    line: int
    """0-based, in the document."""
    severity: int = Field(ge=1, le=4)
    """As in LSP: 1 error, 2 warning, 3 information, 4 hint."""
    message: str


class Excerpt(Frozen):
    """Related code from elsewhere, such as a definition that the region uses."""

    path: str
    text: str


class EditContext(Frozen):
    """Everything a prompt may be made of. `prefix + region + suffix` is a slice of the document."""

    path: str
    """Workspace-relative, with forward slashes."""
    language: str
    """The LSP language identifier, such as "python"."""
    prefix: str
    """Whole lines before the region."""
    region: str
    """The whole lines that an answer may rewrite."""
    suffix: str
    """Whole lines after the region."""
    region_first_line: int = Field(ge=0)
    """0-based line of the document at which the region begins."""
    cursor_line: int = Field(ge=0)
    """0-based, relative to the region's first line."""
    cursor_character: int = Field(ge=0)
    """In code points."""
    recent_edits: tuple[RecentEdit, ...] = ()
    """Oldest first."""
    diagnostics: tuple[Diagnostic, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    instruction: str | None = Field(default=None, min_length=1, max_length=MAX_INSTRUCTION)
    """What the user asked to do with the region, in words; None where nobody asked."""
