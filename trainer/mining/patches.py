"""Reads what `git diff-tree -p` prints: blocks of commits, patches of files, hunks of lines.

Knows the formats. Does not know processes or what is made of a patch. Context lines are part of
a patch: with enough of them no file need be read besides.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

NEAR_LINES = 2
"""Changes with no more unchanged lines between them are one hunk, as the language server joins
them."""
_CHUNK_BYTES = 1 << 20
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-7]{3})')
_ESCAPED = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}
_HUNK = re.compile(r"-\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_CHANGED = re.compile(r"(?=[-+])(?P<removed>(?:-.*(?:\n|\Z))*)(?P<added>(?:\+.*(?:\n|\Z))*)")
_MARK = re.compile(r"\n[^ ]")


class BadPatch(ValueError):
    """The text is no patch as git writes it."""


@dataclass(slots=True)
class Piece:
    """Lines that stayed (`old` is `new`, no `diff`) or one hunk. Lines are without their ends."""

    old: list[str]
    new: list[str]
    diff: list[str]
    """The hunk's lines with their marks " ", "-" and "+"; empty for lines that stayed."""


@dataclass(slots=True)
class Group:
    """A stretch of the file without gaps: hunks, and the lines around and between them."""

    first: int
    """0-based line of the file after the commit at which it begins."""
    pieces: list[Piece]


def blocks(read: Callable[[int], bytes], limit: int) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield (header, body) of each commit; a body of more than `limit` bytes is None.

    `read(n)` returns up to n bytes, none at the end. Commits begin with \\x01 at a line's start,
    where no patch has one. What is held at once is bounded by `limit` and a chunk.
    """
    held, cut = b"", False
    while chunk := read(_CHUNK_BYTES):
        *done, held = (held + chunk).split(b"\n\x01")
        for block in done:
            yield _block(block, cut or len(block) > limit)
            cut = False
        if len(held) > limit:
            # The separator may straddle two chunks.
            held, cut = held.partition(b"\n")[0] + b"\n" + held[-1:], True
    if held:
        yield _block(held, cut or len(held) > limit)


def _block(block: bytes, cut: bool) -> tuple[bytes, bytes | None]:
    header, _, body = block.removeprefix(b"\x01").partition(b"\n")
    return header, None if cut else body


def split_files(body: bytes) -> list[bytes]:
    """Return the patches of a commit's files."""
    return (b"\n" + body).split(b"\ndiff --git ")[1:]


def changed_lines(body: bytes, files: int) -> int:
    """Return about how many lines a commit removes and adds; quick, and at most a few off."""
    return max(0, body.count(b"\n+") + body.count(b"\n-") - 2 * files)


def path_of(patch: bytes) -> bytes | None:
    """Return the path after the commit; None where no text changed (renames, modes, binaries)."""
    start = patch.find(b"\n+++ ")
    hunk = patch.find(b"\n@@ ")
    if start < 0 or hunk < 0 or start > hunk:
        return None
    name = patch[start + 5 : patch.index(b"\n", start + 1)].rstrip(b"\t")
    if name.startswith(b'"') and name.endswith(b'"'):
        name = _ESCAPE.sub(_unescape, name[1:-1])
    return name.removeprefix(b"b/") if name.startswith(b"b/") else None


def is_binary(patch: bytes) -> bool:
    """Whether git took the file for binary."""
    return patch.rstrip(b"\n").endswith(b" differ") and b"\nBinary files " in patch


def is_submodule(patch: bytes) -> bool:
    """Whether the patch is of a link to another repository's commit."""
    return b" 160000\n" in patch[: max(patch.find(b"\n@@ "), 0)]


def _unescape(found: re.Match[bytes]) -> bytes:
    value = found[1]
    return bytes([_ESCAPED[value] if value in _ESCAPED else int(value, 8) & 255])


def hunk_text(patch: bytes) -> bytes:
    """Return the part of a patch that begins with its first hunk's header."""
    return patch[patch.index(b"\n@@ ") + 1 :]


def parse_groups(text: str) -> list[Group]:
    """Return the groups of a file's patch from its first "@@" line on, in order.

    `text` has "\\n" between lines and none at its end. Raises BadPatch.
    """
    first, *groups = ("\n" + text).split("\n@@ ")
    if first or not groups:
        raise BadPatch(f"no hunk at the start: {text[:80]}")
    return [_group(*group.partition("\n")[::2]) for group in groups]


def _group(header: str, body: str) -> Group:
    found = _HUNK.match(header)
    if found is None:
        raise BadPatch(f"no hunk's header: {header[:80]}")
    if "\n\\" in body:
        # "\ No newline at end of file"
        body = "\n".join(line for line in body.split("\n") if not line.startswith("\\"))
    # Of a file without lines git says line 0.
    first = max(int(found[1]) - (found[2] != "0"), 0)
    return Group(first, _joined(list(_runs(body))))


def _runs(body: str) -> Iterator[Piece]:
    """Part marked lines into runs of kept and of changed lines.

    Kept lines are by far the most, so they are taken by the run and not one by one.
    """
    at, end = 0, len(body)
    while at < end:
        changed = _CHANGED.match(body, at)
        if changed is not None:
            lines = changed[0].removesuffix("\n").split("\n")
            removed = changed["removed"].count("\n") if changed["added"] else len(lines)
            texts = [line[1:] for line in lines]
            yield Piece(texts[:removed], texts[removed:], lines)
            at = changed.end()
            continue
        mark = _MARK.search(body, at)
        stop = mark.start() if mark is not None else end
        kept = body[at:stop].removeprefix(" ").replace("\n ", "\n").split("\n")
        if body[at] != " ":
            raise BadPatch(f"a line without a mark: {body[at : at + 80]}")
        yield Piece(kept, kept, [])
        at = stop + 1


def _joined(runs: list[Piece]) -> list[Piece]:
    """Join changes with at most NEAR_LINES kept lines between them into one hunk."""
    pieces: list[Piece] = []
    for run in runs:
        near = 0
        if run.diff and pieces:
            near = 1 if pieces[-1].diff else 0
            if len(pieces) > 1 and pieces[-2].diff and len(pieces[-1].old) <= NEAR_LINES:
                near = 2
        if near == 0:
            pieces.append(run)
            continue
        between = pieces.pop() if near == 2 else Piece([], [], [])
        hunk = pieces[-1]
        hunk.diff += [f" {line}" for line in between.old] + run.diff
        hunk.old += between.old + run.old
        hunk.new += between.old + run.new
    return pieces
