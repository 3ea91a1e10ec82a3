"""The tree keeps its own rules: sizes, top level, versions, and nothing of one machine."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from feedback_store import __version__
from tests.packaging.imports import ROOT

FOLDERS = {".ci", "deploy", "feedback_store", "lsp", "server", "tests", "trainer"}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40

# Put together from parts, or this file would name them.
HOME = "|".join(("root", "home/[a-z]", "Users/[A-Za-z]", "work", "opt", "tmp/w"))
MACHINE_PATH = re.compile(rf"(?<![\w./$}}-])/(?:{HOME})(?:/|\b)")
INDEX_HOST = re.compile(r"p[y]pi\.org|python[h]osted\.org|n[p]mjs\.org")


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def text_files() -> dict[str, str]:
    found = {}
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8192] and path.suffix not in {".safetensors", ".json", ".jsonl"}:
            found[str(path.relative_to(ROOT))] = data.decode("utf-8")
    return found


def other_code() -> list[str]:
    """Scripts and pages; what a tool writes is none of these."""
    kinds = (".css", ".html", ".js", ".lua", ".sh", ".sql", ".ts")
    return sorted(name for name in text_files() if name.endswith(kinds))


def python_files() -> list[str]:
    return sorted(name for name in text_files() if name.endswith(".py"))


def test_the_top_level_holds_the_folders_of_the_design_only() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}
    assert folders == FOLDERS


def test_the_changelog_starts_with_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+)", changelog, flags=re.MULTILINE)
    assert newest
    assert newest[1] == __version__


def test_no_file_names_a_place_of_one_machine() -> None:
    named = {
        f"{name}:{number}: {line.strip()}"
        for name, text in text_files().items()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    }
    assert not named


def test_no_file_names_a_package_index() -> None:
    assert not [name for name, text in text_files().items() if INDEX_HOST.search(text)]


def test_the_address_of_torchs_index_is_in_one_file() -> None:
    host = "download" + ".pytorch.org"
    assert [name for name, text in text_files().items() if host in text] == ["deploy/install.sh"]


@pytest.mark.parametrize("name", python_files())
def test_a_file_is_short_and_says_what_it_knows(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= MAX_FILE_LINES
    assert ast.get_docstring(tree) or not tree.body
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert not long


@pytest.mark.parametrize("name", other_code())
def test_code_in_other_languages_is_short_too(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
