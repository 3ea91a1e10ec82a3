"""What must not leave the machine."""

from pathlib import Path

import pytest

from lsp.exclude import Exclusions, path_of


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "deploy/.env.production",
        "certs/server.pem",
        "home/.ssh/config",
        "id_ed25519",
        "infra/prod.tfvars",
        ".git/config",
        "secrets.yaml",
        "own/thing.py",
        "ignored.log",
        "sub/only_here.py",
        "sub/deeper/only_here.py",
    ],
)
def test_excluded(tmp_path: Path, name: str) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".honeignore").write_text("only_here.py\n")
    assert Exclusions(tmp_path, ["own/"]).reason(tmp_path / name)


@pytest.mark.parametrize("name", ["a.py", "environment.py", "only_here.py", "keys.py", "own.py"])
def test_allowed(tmp_path: Path, name: str) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".honeignore").write_text("only_here.py\n")
    assert Exclusions(tmp_path, ["own/"]).reason(tmp_path / name) is None


def test_rules_are_read_again_when_they_change(tmp_path: Path) -> None:
    rules = Exclusions(tmp_path, [])
    assert rules.reason(tmp_path / "a.py") is None
    (tmp_path / ".honeignore").write_text("a.py\n")
    assert rules.reason(tmp_path / "a.py") == ".honeignore ignores it"
    (tmp_path / ".honeignore").unlink()
    assert rules.reason(tmp_path / "a.py") is None


def test_paths_outside_the_workspace_are_sent_as_names(tmp_path: Path) -> None:
    rules = Exclusions(tmp_path / "w", [])
    assert rules.relative(tmp_path / "w" / "a" / "b.py") == "a/b.py"
    assert rules.relative(tmp_path / "b.py") == "b.py"
    assert rules.reason(tmp_path / ".aws" / "x")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b%20c.py", "/a/b c.py"),
        ("file://localhost/a.py", "/a.py"),
        ("file:///c:/x/y.py", "c:/x/y.py"),
        ("untitled:Untitled-1", None),
        ("vscode-remote://host/a.py", None),
        ("file://server/share/a.py", None),
    ],
)
def test_paths_of_uris(uri: str, path: str | None) -> None:
    found = path_of(uri)
    assert (None if found is None else found.as_posix()) == path
