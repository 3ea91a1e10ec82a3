"""Diffs, cut into edits as the language server reports them."""

from trainer.tasks import recent_edits


def test_each_run_of_changed_lines_is_an_edit_with_the_line_above_it() -> None:
    diff = "@@ -1,4 +1,4 @@\n a\n-b\n+c\n d\n+e\n\\ No newline at end of file\n"
    assert [edit.diff for edit in recent_edits("p", diff)] == [" a\n-b\n+c\n", " d\n+e\n"]


def test_lines_end_where_git_ends_them() -> None:
    for sign in ("\x0c", "\u2028", "\x85"):
        diff = f"-a{sign}b\n+c{sign}d\n"
        assert [edit.diff for edit in recent_edits("p", diff)] == [diff]
    assert [edit.diff for edit in recent_edits("p", "-a\r\n+b\r\n")] == ["-a\n+b\n"]
