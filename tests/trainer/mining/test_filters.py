"""What is left out by path and by text."""

import pytest

from trainer.languages import language_of
from trainer.mining import filters

# Put together from parts, so that no scanner takes this file for a leak.
KEY = "A" + "KIA" + "IOSFODNN7EXAMPLE"
RANDOM = "x9Kd72" + "bQz81LmR4tY0"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("app/.env", filters.SECRET_FILE),
        (".env.production", filters.SECRET_FILE),
        ("keys/server.PEM", filters.SECRET_FILE),
        ("home/.ssh/config", filters.SECRET_FILE),
        ("id_rsa", filters.SECRET_FILE),
        ("web/node_modules/x/index.js", filters.VENDORED),
        ("third_party/zlib/inflate.c", filters.VENDORED),
        ("api/user_pb2.py", filters.GENERATED),
        ("static/app.min.js", filters.GENERATED),
        ("package-lock.json", filters.GENERATED),
        ("poetry.lock", filters.GENERATED),
        ("AUTHORS.md", filters.GENERATED),
        ("legacy/old.py", filters.EXCLUDED),
        ("src/main.py", None),
        ("src/environment.py", None),
        ("src/vendoring.py", None),
        ("src/secrets_test.py", None),
    ],
)
def test_paths_are_left_out_with_a_reason(path: str, reason: str | None) -> None:
    assert filters.path_reason(path, ["legacy/*"]) == reason


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        f"key = {KEY}",
        "token: gh" + "p_" + "a1B2" * 10,
        f'password = "{RANDOM}"',
        f"DB_PASSWORD: '{RANDOM}'",
        f'"api_key": "{RANDOM}"',
        "postgres://user:hunter2secret" + "@db.internal/app",
        "xo" + "xb-123456789012-abcdefghijkl",
    ],
)
def test_secrets_are_found(text: str) -> None:
    assert filters.has_secret(f"before\n+{text}\nafter")


@pytest.mark.parametrize(
    "text",
    [
        'password = "correct horse"',
        'token = "next_token_of_the_list"',
        'url = "https://example.org:8080/path@version"',
        f'name = "{RANDOM}"',
        "task-runner-with-a-very-long-name-that-goes-on",
        "secret = os.environ['SECRET']",
    ],
)
def test_ordinary_code_is_no_secret(text: str) -> None:
    assert not filters.has_secret(text)


def test_people_are_replaced_and_code_is_not() -> None:
    lines = [
        "+# written by ada@example.org",
        " * @author Ada Lovelace",
        '-__author__ = "Ada"',
        '   "author": "Ada", "version": 1',
        "+@pytest.fixture(scope=1)",
        "+y = self.w@x.transpose(0)",
        " git@github.com:owner/name",
    ]
    assert filters.without_people("\n".join(lines)).split("\n") == [
        "+# written by (address)",
        " * @author (name)",
        "-__author__ = (name)",
        '   "author": (name), "version": 1',
        *lines[4:],
    ]


def test_long_runs_of_letters_take_no_time() -> None:
    line = "a" * 100_000
    assert filters.without_people(f"{line}@\n@{line}") == f"{line}@\n@{line}"
    assert not filters.has_secret(f"sk-{line}")
    assert filters.is_minified([line])


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/B.PY", "python"),
        ("x.tsx", "typescriptreact"),
        ("Dockerfile", "dockerfile"),
        ("a.unknown", None),
        ("README", None),
    ],
)
def test_languages_are_the_editors(path: str, language: str | None) -> None:
    assert language_of(path) == language
