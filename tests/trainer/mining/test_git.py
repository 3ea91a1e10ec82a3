"""Where repositories are, and what they are called."""

from pathlib import Path

import pytest

from tests.trainer.mining.repositories import git, repository
from trainer.mining.git import GitError, find_repositories, name_of


def test_repositories_are_found_below_a_folder(tmp_path: Path) -> None:
    inside = repository(tmp_path / "all/group/one")
    git(tmp_path / "all", "init", "--quiet", "--bare", "two.git")
    assert find_repositories([tmp_path / "all", inside]) == [inside, tmp_path / "all/two.git"]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_path_without_repository_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(GitError, match=name):
        find_repositories([tmp_path / name])


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://user:to" + "ken@git.example.org:8443/team/code.git", "git.example.org/team/code"),
        ("git@git.example.org:team/code.git", "git.example.org/team/code"),
        ("ssh://git@git.example.org/team/code/", "git.example.org/team/code"),
        ("/srv/somebody/code.git", "code"),
        ("file:///srv/somebody/code", "code"),
        ("C:\\somebody\\code", "code"),
        ("", ""),
    ],
)
def test_a_repository_is_named_without_credentials_and_folders(url: str, name: str) -> None:
    assert name_of(url) == name
