"""Where git's patterns are: what cannot be found out is told, since files may be sent that it
would exclude. What patterns do is in test_exclude and test_nothing_excluded_leaves."""

import subprocess
from pathlib import Path

import pytest

from lsp.gitrules import ignore_files, users_file


def test_git_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 20\n")
    slow.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("lsp.gitrules.GIT_S", 0.1)
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert users_file(tmp_path, environ) == tmp_path / "git" / "ignore"
    assert "which files it excludes" in caplog.text


def test_without_git_its_default_place_counts_and_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": str(tmp_path)}
    assert users_file(tmp_path, environ) == tmp_path / "git" / "ignore"
    assert caplog.text == ""


def test_a_worktree_shares_its_repositorys_excludes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    main, other = tmp_path / "main", tmp_path / "other"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(main)]
    subprocess.run(["git", "init", "-q", str(main)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "One"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(other)], check=True, capture_output=True)
    found = [file.resolve() for _, file in ignore_files(other, other)]
    assert (main / ".git" / "info" / "exclude").resolve() in found
    assert caplog.text == ""
