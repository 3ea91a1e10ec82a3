"""What the user dismissed lately, so that it does not come back.

Of each edit, every piece is remembered. One comes back if it is the same wherever it stands, or
if the line was typed on since and now leads to the same text, or if the same words in it would
become the same others. What an answer holds of that is put back; the rest of it may be shown.
What an earlier run remembered is known by hash only, and so comes back as soon as its lines have
changed. Knows texts and hashes. Does not know suggestions, or where hashes are kept.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lsp.edits import changed_span
from lsp.matching import is_word, progress
from lsp.pieces import Piece, mended, pieces

KEPT = 20
FORMS_KEPT = 32
"""Of one edit: its pieces, and as what they came back."""


@dataclass
class _Dismissed:
    uri: str
    pieces: deque[Piece]


class Dismissals:
    """The memory of one run."""

    def __init__(
        self,
        known: Iterable[str] = (),
        keep: Callable[[list[str]], None] = lambda hashes: None,
    ) -> None:
        self._edits: deque[_Dismissed] = deque(maxlen=KEPT)
        self._known = frozenset(known)
        """Hashes that earlier runs left."""
        self._keep = keep

    def remember(self, uri: str, old: str, new: str) -> None:
        """Remember an edit of a region, and keep its hashes for later runs."""
        found = pieces(old, new)
        self._edits.append(_Dismissed(uri, deque(found, FORMS_KEPT)))
        self._keep(sorted({one for piece in found for one in _hashes(uri, piece)}))

    def without(self, uri: str, old: str, new: str) -> str:
        """Return the edited text with all that was dismissed before put back."""
        if not self._edits and not self._known:
            return new
        return mended(old, new, lambda piece: self._put_back(uri, piece))

    def _put_back(self, uri: str, piece: Piece) -> tuple[str, ...]:
        if not self._known.isdisjoint(_hashes(uri, piece)):
            return piece.old
        for edit in self._edits:
            if edit.uri != uri:
                continue
            if any(_comes_back(known, piece) for known in edit.pieces):
                if piece not in edit.pieces:
                    edit.pieces.append(piece)
                return piece.old
            for known in edit.pieces:
                if (left := _cut_out(known, piece)) is not None:
                    return left
        return piece.new


def _comes_back(known: Piece, piece: Piece) -> bool:
    before, after = _text(known.old), _text(known.new)
    old, new = _text(piece.old), _text(piece.new)
    if before == after or old == new:
        # Only the indentation would change.
        return (known.old, known.new) == (piece.old, piece.new)
    if after == new and progress(before, after, old) is not None:
        return bool(known.old and known.new) or _same_place(known, piece)
    return _same_words(before, after, old, new)


def _same_place(known: Piece, piece: Piece) -> bool:
    """Whether lines that only come, or only go, do so at the same place: many are alike."""
    return known.above == piece.above or known.below == piece.below


def _same_words(before: str, after: str, old: str, new: str) -> bool:
    """Whether the same words become the same others, in a line that has grown on one side."""
    (head, *words, tail), (its_head, *its_words, its_tail) = _cut(before, after), _cut(old, new)
    if words != its_words or not any(map(is_word, words[1])):
        return False
    if head == its_head:
        return _grew(tail, its_tail)
    return bool(words[0] and tail.strip()) and tail == its_tail and _grew(head, its_head)


def _grew(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) or long.endswith(short)


def _cut(old: str, new: str) -> tuple[str, str, str, str]:
    """Return what stands before the changed words, the words before and after, and the rest."""
    start, end, _ = changed_span(old, new)
    rest = len(old) - end

    def at_word(side: int) -> bool:
        changed = (old[start : len(old) - rest], new[start : len(new) - rest])
        return any(is_word(text[side]) for text in changed if text)

    while start and is_word(old[start - 1]) and at_word(0):
        start -= 1
    while rest and is_word(old[len(old) - rest]) and at_word(-1):
        rest -= 1
    end = len(old) - rest
    return old[:start], old[start:end], new[start : len(new) - rest], old[end:]


def _cut_out(known: Piece, piece: Piece) -> tuple[str, ...] | None:
    """Return the new lines of a larger piece with a known one put back; None if it is not a part
    of it."""
    if not known.old or not any(map(is_word, _text(known.new))):
        return None
    at = _found(known.new, piece.new)
    if at is None or _found(known.old, piece.old) is None:
        return None
    return piece.new[:at] + known.old + piece.new[at + len(known.new) :]


def _found(part: tuple[str, ...], whole: tuple[str, ...]) -> int | None:
    """Return where lines stand among others."""
    count, text = len(part), _text(part)
    places = range(len(whole) - count + 1)
    return next((at for at in places if _text(whole[at : at + count]) == text), None)


def _text(lines: tuple[str, ...]) -> str:
    """Return lines as they compare: a formatter may indent them anew."""
    return "\n".join(line.strip() for line in lines)


def _hashes(uri: str, piece: Piece) -> list[str]:
    """Return what a piece is known by; lines that only come or go, by either neighbour."""
    said = [uri, _text(piece.old), _text(piece.new)]
    near = {"above": piece.above, "below": piece.below}
    places = [side + line for side, line in near.items() if line is not None]
    places = [""] if piece.old and piece.new else places or [""]
    return [hashlib.sha256(json.dumps([*said, at]).encode()).hexdigest() for at in places]
