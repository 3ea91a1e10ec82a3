"""What must not leave the machine."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        "Secrets.json",
        ".ENV",
        "deploy/Prod.Env",
        "ID_RSA",
        "Home/.SSH/config",
        "terraform.tfstate.backup",
        "service-account.json",
        "prod-service-account-1.json",
        "client_secret.json",
        "client_secret_12.apps.googleusercontent.com.json",
        ".vault-token",
        "kubeconfig",
        "AuthKey_ABC.p8",
        "putty.ppk",
        ".dockercfg",
        "application_default_credentials.json",
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


@pytest.mark.parametrize(
    "name",
    [
        "a.py",
        "environment.py",
        "only_here.py",
        "keys.py",
        "own.py",
        "secret.py",
        "client_secrets.py",
        "service_account.py",
        "tfstate.go",
        "KubeConfig.java",
        "Own/thing.py",
    ],
)
def test_allowed(tmp_path: Path, name: str) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".honeignore").write_text("only_here.py\n")
    assert Exclusions(tmp_path, ["own/"]).reason(tmp_path / name) is None


def test_rules_that_cannot_be_read_exclude_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *given: object) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".honeignore").write_text("only_here.py\n")
    rules = Exclusions(tmp_path, [])
    monkeypatch.setattr(Path, "read_text", refuse)
    assert rules.reason(tmp_path / "sub" / "a.py") == "sub/.honeignore ignores it"
    assert rules.reason(tmp_path / "a.py") is None


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


@pytest.mark.parametrize(
    ("entry", "name", "excluded"),
    [
        ("/w/private", "/w/private/deep/a.py", True),
        ("/w/private/", "/w/private/a.py", True),
        ("/w/private", "/w/private2/a.py", False),
        ("/w/private", "/elsewhere/w/private/a.py", False),
        ("*-confidential", "/w/x-confidential/a.py", True),
        ("~/private", "~/private/a.py", True),
    ],
)
def test_excluded_folders(tmp_path: Path, entry: str, name: str, excluded: bool) -> None:
    rules = Exclusions(tmp_path, [], [entry])
    assert bool(rules.reason(Path(name).expanduser())) == excluded


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to(tmp_path / "b.py")
    (tmp_path / "b.py").symlink_to(tmp_path / "a.py")
    assert Exclusions(tmp_path, []).reason(tmp_path / "a.py")


NAMED = ("-c", "user.name=a", "-c", "user.email=a@example.com")


def test_the_rules_of_a_worktree_are_its_repositorys(tmp_path: Path) -> None:
    main, tree = tmp_path / "main", tmp_path / "tree"
    for command in (
        ["init", "-q", str(main)],
        ["-C", str(main), *NAMED, "commit", "-q", "--allow-empty", "-m", "x"],
        ["-C", str(main), "worktree", "add", "-q", str(tree)],
    ):
        subprocess.run(["git", *command], check=True)
    assert Exclusions(tree, []).reason(tree / "hidden.py") is None
    (main / ".git" / "info").mkdir(exist_ok=True)
    (main / ".git" / "info" / "exclude").write_text("hidden.py\n")
    assert Exclusions(tree, []).reason(tree / "hidden.py")


NAMES = st.sampled_from(["a", "b", "a.py", "b.log", "a b.py", "\u00e9.py"])
PARTS = st.sampled_from(["a", "b", "*", "**", "a.py", "*.py", "*.log", "?.py", "[ab]", "a\\ b.py"])
PATTERNS = st.builds(
    lambda bang, head, parts, tail: bang + head + "/".join(parts) + tail,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "/", "/*", "/**"]),
)
FILES = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["", "a", "b", "a/b"]), st.lists(PATTERNS, max_size=4)),
    st.sets(FILES, min_size=1, max_size=12),
)
def test_what_git_ignores_is_excluded(rules: dict[str, list[str]], names: set[str]) -> None:
    """Against git itself; what git takes in again, Hone may still leave out."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        subprocess.run(["git", "init", "-q", folder], check=True)
        for place, patterns in rules.items():
            (root / place).mkdir(parents=True, exist_ok=True)
            (root / place / ".gitignore").write_text("\n".join(patterns) + "\n")
        asked = subprocess.run(
            ["git", "-C", folder, "check-ignore", "--no-index", "--stdin", "-z"],
            input="\0".join(sorted(names)).encode(),
            capture_output=True,
        )
        ignored = {name for name in asked.stdout.decode().split("\0") if name}
        ours = Exclusions(root, [])
        assert {name for name in ignored if not ours.reason(root / name)} == set()
