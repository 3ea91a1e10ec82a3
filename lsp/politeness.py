"""How much of what the model proposes is put before the user: mode and eagerness.

Knows the settings' values and what each means. Does not know suggestions.

| eagerness | asks | shows |
|---|---|---|
| low | where something was edited | what the model is sure of |
| medium | where something was edited | whatever the model proposes |
| high | also before anything was edited | whatever the model proposes |

What is asked for by hand is always shown.
"""

from typing import Literal

from feedback_store.events import Trigger

Eagerness = Literal["low", "medium", "high"]
Mode = Literal["full", "hint"]
Marks = Literal["auto", "always", "never"]
Reach = Literal["cursor", "file", "files"]

SURE = 0.8
"""The confidence (see `SuggestResponse`) from which on the eagerness `low` shows an edit."""


def least_confidence(eagerness: Eagerness) -> float:
    """Return how sure the model must be of an edit that nobody asked for by hand."""
    return SURE if eagerness == "low" else 0.0


def asks_unprompted(eagerness: Eagerness) -> bool:
    """Whether the model is asked before anything was edited."""
    return eagerness == "high"


def pushes(mode: Mode, trigger: Trigger) -> bool:
    """Whether the edit itself goes to the editor, or only a hint that there is one."""
    return mode == "full" or trigger == Trigger.INVOKED


def marks_places(marks: Marks, mode: Mode, *, plain: bool) -> bool:
    """Whether hint diagnostics and lenses are shown; a plain client shows nothing else."""
    return marks == "always" or (marks == "auto" and (plain or mode == "hint"))
