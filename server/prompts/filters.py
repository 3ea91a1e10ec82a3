"""Which edits are never shown, whatever a model says.

Knows text only. Each rule has a reason that reaches the editor's status. Does not know users:
what one dismissed before is the language server's business.
"""

import difflib

from feedback_store.events import EditContext, Reason
from server.prompts.text import Hunk, split_lines

MASS_DELETION_LINES = 6
"""An edit that deletes more lines than this and writes fewer than a quarter of them is refused:
a rewrite that went wrong looks like this, and a wanted deletion of that size is rare."""


def reason_to_withhold(context: EditContext, new_region: str) -> Reason | None:
    """Return why `new_region` must not be shown, or None if it may."""
    if "".join(new_region.split()) == "".join(context.region.split()):
        return Reason.WHITESPACE_ONLY
    if is_reversal(context, new_region):
        return Reason.REVERSAL
    if _is_mass_deletion(context.region, new_region):
        return Reason.MASS_DELETION
    return None


def is_reversal(context: EditContext, new_region: str) -> bool:
    """Whether going to `new_region` undoes the last recent edit, line for line."""
    if not context.recent_edits or context.recent_edits[-1].path != context.path:
        return False
    last = Hunk.of(context.recent_edits[-1].diff)
    back_removed, back_added = changed_lines(context.region, new_region)
    if not (last.removed or last.added):
        return False
    return tuple(back_removed) == last.added and tuple(back_added) == last.removed


def changed_lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the lines that a line diff of `old` and `new` removes and adds, in order."""
    before, after = ([line.removesuffix("\n") for line in split_lines(text)] for text in (old, new))
    removed: list[str] = []
    added: list[str] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            removed += before[i1:i2]
            added += after[j1:j2]
    return removed, added


def _is_mass_deletion(old: str, new: str) -> bool:
    removed, added = changed_lines(old, new)
    return len(removed) > MASS_DELETION_LINES and len(added) * 4 < len(removed)
