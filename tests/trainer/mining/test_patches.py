"""Patches as git prints them, read back."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.mining.patches import (
    BadPatch,
    Group,
    blocks,
    changed_lines,
    hunk_text,
    is_binary,
    is_submodule,
    parse_groups,
    path_of,
    split_files,
)

PATCH = b"""a/x.py b/x.py
index 1..2 100644
--- a/x.py
+++ b/x.py
@@ -1,9 +1,9 @@
 a
-b
+B
 c
 d
-e
+E
+EE
 f
 g
 h
-i
"""


def groups_in(*lines: str) -> list[Group]:
    return parse_groups("\n".join(lines))


def test_changes_with_two_kept_lines_between_are_one_hunk_and_with_three_are_two() -> None:
    (group,) = parse_groups(hunk_text(PATCH).decode().removesuffix("\n"))
    assert group.first == 0
    assert [piece.diff for piece in group.pieces if piece.diff] == [
        ["-b", "+B", " c", " d", "-e", "+E", "+EE"],
        ["-i"],
    ]
    assert group.pieces[1].old == ["b", "c", "d", "e"]
    assert group.pieces[1].new == ["B", "c", "d", "E", "EE"]
    assert [line for piece in group.pieces for line in piece.old] == list("abcdefghi")


def test_a_missing_last_line_end_is_no_line() -> None:
    (group,) = groups_in("@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+b")
    assert [(piece.old, piece.new) for piece in group.pieces] == [(["a"], ["b"])]


def test_a_new_file_begins_at_line_0() -> None:
    (group,) = groups_in("@@ -0,0 +1,2 @@", "+a", "+b")
    assert (group.first, group.pieces[0].old, group.pieces[0].new) == (0, [], ["a", "b"])


def test_an_emptied_file_begins_at_line_0() -> None:
    (group,) = groups_in("@@ -1 +0,0 @@", "-a")
    assert (group.first, group.pieces[0].old, group.pieces[0].new) == (0, ["a"], [])


def test_later_groups_begin_where_the_new_file_has_them() -> None:
    lines = ["@@ -3,2 +3,3 @@", " a", "+n", " b", "@@ -90,2 +91,1 @@", " y", "-z"]
    assert [group.first for group in groups_in(*lines)] == [2, 90]


@pytest.mark.parametrize(
    "lines", [[], ["a"], ["@@ nonsense"], ["@@ -1 +1 @@", "a"], ["@@ -1 +1 @@", " a", "?"]]
)
def test_what_is_no_patch_is_refused(lines: list[str]) -> None:
    with pytest.raises(BadPatch):
        groups_in(*lines)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"b/a b.py\t", b"a b.py"),
        (b'"b/q\\"\\303\\274\\t.py"', b'q"\xc3\xbc\t.py'),
        (b"/dev/null", None),
    ],
)
def test_paths_are_read_as_git_quotes_them(name: bytes, path: bytes | None) -> None:
    assert path_of(PATCH.replace(b"b/x.py\n@@", name + b"\n@@")) == path


def test_what_has_no_text_has_no_path() -> None:
    assert path_of(b"a/x b/y\nsimilarity index 100%\nrename from x\nrename to y") is None
    binary = b"a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ"
    assert (path_of(binary), is_binary(binary), is_binary(PATCH)) == (None, True, False)
    link = PATCH.replace(b"100644", b"160000")
    assert (is_submodule(link), is_submodule(PATCH)) == (True, False)


def test_code_that_looks_like_a_patch_parts_no_patch() -> None:
    body = b"\ndiff --git " + PATCH + b"+diff --git a/y b/y\n@@ -1 +1 @@"
    assert len(split_files(body)) == 1
    assert changed_lines(body, 1) == 7


@given(
    st.lists(st.tuples(st.binary(max_size=30), st.integers(1, 40)), min_size=1, max_size=6),
    st.integers(1, 64),
)
def test_commits_are_told_apart_wherever_the_stream_is_cut(
    commits: list[tuple[bytes, int]], chunk: int
) -> None:
    wanted = [
        (b"%d" % number, b"+" + line.replace(b"\n", b"\n ") * times)
        for number, (line, times) in enumerate(commits)
    ]
    stream = io.BytesIO(b"".join(b"\x01" + head + b"\n" + body + b"\n" for head, body in wanted))
    found = list(blocks(lambda _: stream.read(chunk), 1 << 20))
    assert [(head, (body or b"").removesuffix(b"\n")) for head, body in found] == wanted


@pytest.mark.parametrize("chunk", [1, 7, 64, 4096])
def test_a_body_over_the_limit_is_left_out_and_the_next_is_not(chunk: int) -> None:
    stream = io.BytesIO(b"\x01one\n" + b"+long\n" * 500 + b"\x01two\n+short\n")
    found = list(blocks(lambda _: stream.read(chunk), 200))
    assert [(head, body if body is None else body.strip()) for head, body in found] == [
        (b"one", None),
        (b"two", b"+short"),
    ]
