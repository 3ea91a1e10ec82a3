"""The internal form of a prompt: what the editor knows around the place to edit.

Knows the fields and their invariants. Does not know any wire format of a model (that is
`server.prompts`) nor where the text comes from. Line ends are always "\\n" here; whoever
applies an answer to a document restores the document's own.
"""

from pydantic import BaseModel, ConfigDict, Field

MAX_INSTRUCTION = 2000
MAX_TEXT_CHARACTERS = 1 << 30
"""Far above what a request may hold. That there is a limit at all makes pydantic look at every
text, in its own compiled code, and refuse half surrogate pairs, which JSON can spell and no file
or engine can take."""


class Frozen(BaseModel):
    """Base of all wire and event types: immutable; unknown fields, non-numbers and half
    surrogate pairs refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=MAX_TEXT_CHARACTERS
    )


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
    indent: str = Field(default="", max_length=32)
    """How one level is indented here, "tab" or such as "4 spaces"; empty if nobody says. A fact
    for whoever reads the event: no prompt format shows it, since the code around the region does,
    and the language server brings every answer to it (lsp.indent)."""
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
