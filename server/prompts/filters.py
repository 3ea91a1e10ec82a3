"""Which edits are never shown, whatever a model says.

Knows text only. Each rule has a reason that reaches the editor's status. Does not know users:
what one dismissed before is the language server's business.
"""

import difflib
from collections.abc import Sequence

from feedback_store.events import EditContext, Reason
from server.prompts.text import Hunk, common_start, has_word, split_lines

MASS_DELETION_LINES = 6
"""An edit that deletes more lines than this and writes fewer than a quarter of them is refused:
a rewrite that went wrong looks like this, and a wanted deletion of that size is rare."""


def reason_to_withhold(
    context: EditContext, new_region: str, *, by_hand: bool = False
) -> Reason | None:
    """Return why `new_region` must not be shown, or None if it may, `without_reversals`.

    Who asks by hand may be shown a large deletion; who says in words what to do, whatever comes.
    """
    if context.instruction is not None:
        return None
    left = without_reversals(context, new_region)
    if left == context.region != new_region:
        return Reason.REVERSAL
    if "".join(left.split()) == "".join(context.region.split()):
        return Reason.WHITESPACE_ONLY
    if takes_back(context, left):
        return Reason.REVERSAL
    if not by_hand and _is_mass_deletion(context.region, left):
        return Reason.MASS_DELETION
    return None


def is_reversal(context: EditContext, new_region: str) -> bool:
    """Whether going to `new_region` undoes recent edits of the file, line for line, and does no
    more. Rewards are computed by this too."""
    return _put_back(context, new_region) == context.region != new_region


def without_reversals(context: EditContext, new_region: str) -> str:
    """Return `new_region` with every change put back that undoes a recent edit of the file; what
    is told in words may undo anything."""
    return new_region if context.instruction is not None else _put_back(context, new_region)


def _put_back(context: EditContext, new_region: str) -> str:
    recent = _recent(context)
    if not recent:
        return new_region
    before, after = split_lines(context.region), split_lines(new_region)
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    written = [line for tag, _, _, j1, j2 in blocks if tag != "equal" for line in after[j1:j2]]
    lines: list[str] = []
    for tag, i1, i2, j1, j2 in blocks:
        old, new = before[i1:i2], after[j1:j2]
        moved = not new and set(map(str.strip, old)) <= set(map(str.strip, written))
        lines += new if tag == "equal" or moved else _without_undoing(recent, old, new)
    return "".join(lines)


def _recent(context: EditContext) -> list[Hunk]:
    """Return the recent edits of the file; of those before the last, such as have a word: blank
    lines and brackets come and go."""
    own = [Hunk.of(edit.diff) for edit in context.recent_edits if edit.path == context.path]
    last = (
        own[-1:] if context.recent_edits and context.recent_edits[-1].path == context.path else []
    )
    worded = [hunk for hunk in own if any(map(has_word, hunk.removed + hunk.added))]
    return [hunk for hunk in worded + last if hunk.removed or hunk.added]


def _without_undoing(recent: Sequence[Hunk], old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return what becomes of `old`: itself if `new` undoes an edit, else `new`, without lines
    that each go back on one of an edit's."""
    gone, back = _bare(old), _bare(new)
    if any((gone, back) == (hunk.added, hunk.removed) for hunk in recent):
        return list(old)
    if len(old) != len(new):
        return list(new)
    whole = [hunk for hunk in recent if len(hunk.added) == len(hunk.removed)]
    undone = {pair for hunk in whole for pair in zip(hunk.added, hunk.removed, strict=True)}
    pairs = zip(old, new, zip(gone, back, strict=True), strict=True)
    return [before if pair in undone else after for before, after, pair in pairs]


def _bare(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line.removesuffix("\n") for line in lines)


def takes_back(context: EditContext, new_region: str) -> bool:
    """Whether going to `new_region` undoes a part of the last recent edit, and does no more:
    it deletes some of the lines, or of the text within a line, that were just written.

    Not a part of `is_reversal`: a larger answer may well drop a line that was just typed.
    """
    if not context.recent_edits or context.recent_edits[-1].path != context.path:
        return False
    last = Hunk.of(context.recent_edits[-1].diff)
    removed, added = changed_lines(context.region, new_region)
    if not added:
        return any(line.strip() for line in removed) and _runs_within(tuple(removed), last.added)
    if len(removed) != 1 or len(added) != 1 or removed[0] not in last.added:
        return False
    typed_from = last.removed[0] if len(last.removed) == 1 == len(last.added) else ""
    return _between(typed_from, added[0], removed[0])


def changed_lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the lines that a line diff of `old` and `new` removes and adds, in order."""
    before, after = (_bare(split_lines(text)) for text in (old, new))
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


def _runs_within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    count = len(part)
    return any(whole[at : at + count] == part for at in range(len(whole) - count + 1))


def _between(before: str, middle: str, after: str) -> bool:
    """Whether `middle` stood there on the way of typing from `before` to `after`, a word or more
    before the end: to take back a bracket too many is no reversal."""
    head = common_start(before, after)
    tail = common_start(before[head:][::-1], after[head:][::-1])
    if head + tail != len(before) or not len(before) <= len(middle) < len(after):
        return False
    typed, kept = after[head : len(after) - tail], middle[head : len(middle) - tail]
    if after[:head] + kept + after[len(after) - tail :] != middle:
        return False
    return typed.startswith(kept) and has_word(typed[len(kept) :])
