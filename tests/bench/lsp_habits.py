"""The clients of research/editors.md and how each behaves: syncs, asks, reports.

Knows the research's table (2.2 to 2.5). Does not know how a window carries it out.
"""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Habits:
    """How a client behaves."""

    name: str
    face: Literal["ghost", "next", "action"]
    sync: Literal["each", "collected", "together"]
    """Every change by itself, the difference after a while, or all changes after a while."""
    sync_s: float = 0.0
    ask_s: float = 0.2
    """How long it waits before it asks by itself."""
    command: Literal["request", "notification", "before", "never"] = "request"
    parts: Literal["silent", "reported", "never"] = "never"
    """Whether a word can be taken, and whether the accept command is then run too."""
    keeps: bool = False
    """Whether what is on screen stays while its beginning is typed."""
    shows: bool = False
    """Whether it says that it shows something."""


CAPABILITIES: dict[str, Any] = {
    "ghost": {"textDocument": {"inlineCompletion": {}}},
    "next": {},
    "action": {"workspace": {"workspaceEdit": {"documentChanges": True}, "applyEdit": True}},
}
"""What a client of each face says of itself."""

CLIENTS = (
    Habits("neovim", "ghost", "collected", 0.15, 0.2),
    Habits("sidekick", "next", "collected", 0.15, 0.1),
    Habits("vscode", "ghost", "each", 0.0, 0.05, parts="silent", keeps=True),
    Habits("lsp-mode", "ghost", "each", 0.0, 2.0),
    Habits("lsp4ij", "ghost", "each", 0.0, 0.3, command="never", parts="silent", keeps=True),
    Habits("coc", "ghost", "collected", 0.1, 0.3, parts="reported", keeps=True),
    Habits("copilot.el", "next", "each", 0.0, 0.5, command="notification", shows=True),
    Habits("eglot", "action", "together", 0.5),
    Habits("helix", "action", "each", command="before"),
)


@dataclass
class Shown:
    """What is on screen: replace [begin, end) of the text by `text`."""

    name: str
    begin: int
    end: int
    text: str
    command: dict[str, Any] = field(default_factory=dict)
