"""Keys of many kinds are found, and ordinary code is not taken for one.

The keys are made up and put together here, so that no scanner of repositories stumbles on them.
"""

import ast
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest

from feedback_store.detector import MAX_LINE, PLUGINS, has_key, holds_key

DICE = random.Random(7)
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
URL_SAFE = ALNUM + "_-"


def some(length: int, letters: str = ALNUM) -> str:
    """Random text that has both a letter and a digit."""
    return "a1" + "".join(DICE.choice(letters) for _ in range(length - 2))


def big(length: int) -> str:
    return "".join(DICE.choice(UPPER) for _ in range(length))


KEYS = {
    "aws id": "AKIA" + big(16),
    "aws temporary id": "ASIA" + big(16),
    "aws secret": 'aws_secret_access_key = "' + some(40) + '"',
    "aws secret in a file": "aws_secret_access_key=" + some(40),
    "azure storage": "DefaultEndpointsProtocol=https;AccountKey=" + some(86) + "==",
    "azure service bus": "SharedAccessKey=" + some(43) + "=",
    "azure client": "abc" + "8Q~" + some(33),
    "artifactory": ' "AKC' + some(20) + '"',
    "basic auth in a url": "postgres://admin:" + some(12) + "@db.internal:5432/x",
    "bearer": 'headers["Authorization"] = "Bearer ' + some(40) + '"',
    "basic": "Authorization: Basic " + some(30) + "==",
    "databricks": "dapi" + some(32, HEX),
    "digitalocean": "dop_v1_" + some(64, HEX),
    "discord bot": "M" + some(23) + "." + some(6) + "." + some(27),
    "discord hook": "https://discord.com/api/webhooks/123456789/" + some(60),
    "docker": "dckr_pat_" + some(27),
    "github classic": "ghp_" + some(36),
    "github app": "ghs_" + some(36),
    "github fine-grained": "github_pat_" + some(22) + "_" + some(59),
    "gitlab": "glpat-" + some(20),
    "google": "AIza" + some(35),
    "google oauth": "GOCSPX-" + some(28),
    "google token": "ya29." + some(60),
    "grafana": "glsa_" + some(32) + "_" + some(8, HEX),
    "groq": "gsk_" + some(52),
    "hashicorp vault": "hvs." + some(90),
    "hugging face": "hf_" + some(34),
    "hone": "hone_" + some(8) + "_" + some(43, URL_SAFE),
    "jwt": ".".join(
        (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvZSJ9",
            some(43),
        )
    ),
    "mailchimp": some(32, HEX) + "-us5",
    "mailgun": "key-" + some(32, HEX),
    "new relic": "NRAK-" + big(27),
    "npm": "npm_" + some(36),
    "npmrc": "//npm.example/:_authToken=npm_" + some(36),
    "openai": "sk-" + some(20) + "T3BlbkFJ" + some(20),
    "openai project": "sk-proj-" + some(80, URL_SAFE),
    "anthropic": "sk-ant-api03-" + some(90, URL_SAFE),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + some(90, URL_SAFE),
    "replicate": "r8_" + some(37),
    "sendgrid": "SG." + some(22) + "." + some(43),
    "shopify": "shpat_" + some(32, HEX),
    "slack": "xoxb-123456789012-123456789012-" + some(24),
    "slack app": "xapp-1-" + big(11) + "-" + some(40),
    "slack hook": "https://hooks.slack.com/services/T" + big(8) + "/B" + big(8) + "/" + some(24),
    "square": "sq0csp-" + some(43),
    "stripe": "sk_live_" + some(24),
    "stripe restricted": "rk_live_" + some(24),
    "telegram": "110201543:AA" + some(33),
    "terraform": some(14) + ".atlasv1." + some(67),
    "twilio": "AC" + some(32, HEX),
    "age": "AGE-SECRET-KEY-1" + big(58),
    "ssh": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "rsa": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "pkcs8": "-----BEGIN " + "PRIVATE KEY-----",
    "encrypted": "-----BEGIN ENCRYPTED " + "PRIVATE KEY-----",
    "pgp": "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
    "putty": "PuTTY-User-Key-File-3: ssh-ed25519",
    "inside a private key": some(64),
    "inside a private key, in a string": f'    "{some(64)}\\n"',
    "password": "password = 'hunter2!'",
    "password in yaml": 'db_password: "correct horse"',
    "api key": 'api_key="' + some(24) + '"',
    "token in a dict": '"token": "' + some(24) + '",',
    "token in a shell": "export DEPLOY_TOKEN=" + some(24),
    "passphrase": "passphrase := `" + some(20) + "`",
    "keyword argument": 'connect(secret_key="s3cr3t-value")',
    "go": 'clientSecret := "' + some(32) + '"',
    "php": "'api_key' => '" + some(32) + "',",
    "far in": " " * 900 + "ghp_" + some(36),
}


@pytest.mark.parametrize("kind", KEYS)
def test_key(kind: str) -> None:
    assert has_key(f"x = 1\n{KEYS[kind]}\ny = 2\n")
    assert not has_key("x = 1\ny = 2\n")


@pytest.mark.parametrize(
    "line",
    [
        'token = "identifier"',
        "password = get_password(user)",
        "password = os.environ['PASSWORD']",
        'password = "${DB_PASSWORD}"',
        'password = "{password}"',
        "def check(self, password: str, token: str) -> bool:",
        "skeleton = sk_image(a)",
        "key = hashlib.sha256(data).hexdigest()",
        "digest = '" + some(64, HEX) + "'",
        "commit = '" + some(40, HEX) + "'",
        "id = '3f2504e0-4f89-11d3-9a0c-0305e82c3301'",
        "integrity sha512-" + some(40),
        "x = very_long_name_of_a_function_that_somebody_wrote(another_long_name_2)",
        "from package.module.another import Something as SomethingElse",
        "https://example.com/a/path?query=1#fragment",
        "git@github.com:owner/repository.git",
        "# the secret of good code is rewriting",
        "monkey = banana",
        "for token in tokens: yield token.value",
        "AKIA is how the names of keys begin",
    ],
)
def test_ordinary_code(line: str) -> None:
    assert not holds_key(line)


def test_code_as_it_is_written_is_hardly_ever_silenced() -> None:
    """Of the standard library's own lines, seen in windows as large as what is sent."""
    names = ("ast", "asyncio", "email", "http", "json", "logging", "smtplib", "ssl", "urllib")
    root = Path(ast.__file__).parent
    files = [
        path for name in names for path in [*root.glob(f"{name}.py"), *root.glob(f"{name}/*.py")]
    ]
    lines = [line for path in files for line in path.read_text("utf-8").split("\n")]
    assert len(lines) > 20_000
    windows = [lines[at : at + 28] for at in range(0, len(lines), 28)]
    silenced = [window for window in windows if any(map(holds_key, window))]
    assert len(silenced) / len(windows) < 0.005


@pytest.mark.parametrize(
    "line",
    ["api_key" + " " * 3000, "password_" * 400, ("password_" * 25 + " ") * 15, "://a:" * 700],
)
def test_a_line_made_to_be_slow_has_an_answer(line: str) -> None:
    """Without its bounds the first of these takes hours, which a test run would notice."""
    assert holds_key(line) in (True, False)


def test_what_cannot_be_looked_at_counts_as_a_key() -> None:
    assert holds_key("ab " * MAX_LINE)
    assert holds_key("x" * 300)
    assert not holds_key("ab " * (MAX_LINE // 4))


def test_every_installed_plugin_is_decided_on() -> None:
    """An upgrade that brings a new detector makes somebody decide on it."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    known = {cls.__name__ for cls in get_mapping_from_secret_type_to_class().values()}
    apart = {
        "KeywordDetector",
        "Base64HighEntropyString",
        "HexHighEntropyString",
        "IPPublicDetector",
    }
    assert {name.partition(".")[2] for name in PLUGINS} == known - apart


def test_nothing_is_imported_before_the_first_line() -> None:
    """It takes 0.1 s, which is not the start's to pay."""
    code = (
        "import sys, lsp.cli, lsp.app, feedback_store.detector\n"
        "assert 'detect_secrets' not in sys.modules\n"
        "feedback_store.detector.holds_key('import everything')\n"
        "assert 'detect_secrets' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
