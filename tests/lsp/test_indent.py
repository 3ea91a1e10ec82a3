"""An answer is indented as its file is: by configuration, else by what the lines show."""

from pathlib import Path

import pytest

from lsp.config import ExcludeSettings
from lsp.folders import Folders
from lsp.indent import Style, restyled, shown_by

TABS = ["def f():\n", "\tif a:\n", "\t\tb()\n", "\treturn\n"]
FOURS = ["def f():\n", "    if a:\n", "        b()\n", "    return\n"]
TWOS = ["f() {\n", "  if (a) {\n", "    b()\n", "  }\n", "}\n"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (TABS, Style(True, None)),
        (FOURS, Style(False, 4)),
        (TWOS, Style(False, 2)),
        (["a\n", "b\n"], Style()),
        ([], Style()),
        (TABS + FOURS, Style(None, 4)),
        (["/*\n", " * a comment\n", " */\n"], Style()),
    ],
)
def test_what_lines_show(lines: list[str], expected: Style) -> None:
    assert shown_by(lines) == expected


@pytest.mark.parametrize(
    ("old", "new", "style", "expected"),
    [
        ("\ta\n", "\ta\n    b\n        c\n", Style(True), "\ta\n\tb\n\t\tc\n"),
        ("\ta\n", "\ta\n  b\n    c\n", Style(True), "\ta\n\tb\n\t\tc\n"),
        ("\ta\n", "\ta\n\t    aligned\n * text\n", Style(True), "\ta\n\t    aligned\n * text\n"),
        ("    a\n", "    a\n\tb\n\t\tc\n", Style(False, 4), "    a\n    b\n        c\n"),
        ("  a\n", "  a\n\tb\n", Style(False, 2), "  a\n  b\n"),
        ("    old\n", "    old\n    b\n", Style(True), "    old\n\tb\n"),
        ("\ta\n", "\ta\n    b\n", Style(), "\ta\n    b\n"),
        ("a\n", "a\n\n\n", Style(True), "a\n\n\n"),
    ],
)
def test_changed_lines_follow_the_style(old: str, new: str, style: Style, expected: str) -> None:
    assert restyled(old, new, style) == expected


def test_what_is_open_is_taken_from_below() -> None:
    assert Style(None, 2).over(Style(True, 8)) == Style(True, 2)
    assert Style(False).over(Style(True, 8)) == Style(False, 8)


def styled(folder: Path, name: str) -> Style:
    folders = Folders(ExcludeSettings(), {})
    folders.change([folder], ())
    uri = (folder / name).as_uri()
    return folders.look([uri], {uri}).styles[uri]


def test_editorconfig_and_the_workspaces_own_rules(tmp_path: Path) -> None:
    assert styled(tmp_path, "a.py").width != 3
    (tmp_path / ".editorconfig").write_text(
        "root = true\n[*.{py,js}]\nindent_style = space\nindent_size = 3\n"
        "[Makefile]\nindent_style = tab\n[*.c]\nindent_size = tab\ntab_width = 8\n"
    )
    assert styled(tmp_path, "deep/a.js") == Style(False, 3)
    assert styled(tmp_path, "Makefile") == Style(True, None)
    assert styled(tmp_path, "a.c") == Style(None, 8)
    (tmp_path / ".hone.toml").write_text("[formatting]\ninsert_spaces = false\n")
    assert styled(tmp_path, "deep/a.js") == Style(True, 3)


# The package leaves a file that it cannot read to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_editorconfig_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / ".editorconfig").write_bytes(b"root = true\n[*]\nindent_size = \xff\xfe many\n")
    assert styled(tmp_path, "a.py") == Style()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (TABS, "tab"),
        (FOURS, "4 spaces"),
        (TWOS, "2 spaces"),
        (["a\n"], ""),
        (TABS + FOURS, ""),
    ],
)
def test_a_style_can_be_said(lines: list[str], words: str) -> None:
    assert shown_by(lines).words == words


def test_a_style_whose_width_is_open_can_be_said() -> None:
    assert Style(False).words == "spaces"
    assert Style(False, 10**40).words == "spaces"
    assert Style(None, 4).words == ""
