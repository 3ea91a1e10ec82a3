"""Keys, passwords and tokens in text, line by line.

Most of the forms are detect-secrets'; to them come forms younger than its release, Hone's own
keys, and the inner lines of a key that begins elsewhere. Entropy is not asked: hashes and test
data have as much of it as keys. Of detect-secrets only the patterns are used, never the part that
asks the issuer whether a key is valid. Language server and gateway both ask, each for itself.
Knows lines of text. Does not know documents, requests or the store.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

MAX_LINE = 4_000
SHORT = 8
"""A shorter line holds no key."""
_LONG_WORD = re.compile(r"\w{256}")
"""A longer line or word is taken for a key: some patterns would take seconds over it, and it is
no code."""

PLUGINS = (
    "artifactory.ArtifactoryDetector",
    "aws.AWSKeyDetector",
    "azure_storage_key.AzureStorageKeyDetector",
    "basic_auth.BasicAuthDetector",
    "cloudant.CloudantDetector",
    "discord.DiscordBotTokenDetector",
    "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector",
    "ibm_cloud_iam.IbmCloudIamDetector",
    "ibm_cos_hmac.IbmCosHmacDetector",
    "jwt.JwtTokenDetector",
    "mailchimp.MailchimpDetector",
    "npm.NpmDetector",
    "openai.OpenAIDetector",
    "private_key.PrivateKeyDetector",
    "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector",
    "slack.SlackDetector",
    "softlayer.SoftlayerDetector",
    "square_oauth.SquareOAuthDetector",
    "stripe.StripeDetector",
    "telegram_token.TelegramBotTokenDetector",
    "twilio.TwilioKeyDetector",
)
"""All but those for entropy and for public IP addresses; the one for words is apart."""

_TOKEN = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"
    r"|PuTTY-User-Key-File-"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{50,}"
    r"|\b(?:"
    r"hone_[A-Za-z0-9]{4,}_[A-Za-z0-9_-]{24,}"
    r"|github_pat_[A-Za-z0-9_]{40,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{20,}|xapp-\d-[A-Za-z0-9-]{20,}"
    r"|sk-(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{32,}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{20,}|whsec_[A-Za-z0-9+/]{24,}"
    r"|(?:gsk_|xai-|pplx-|r8_|hf_|npm_|sntrys_)[A-Za-z0-9_]{30,}"
    r"|dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"
    r"|(?:glsa|glc|lin_api|nvapi|shpat|shpca|shppa|shpss)[_-][A-Za-z0-9_=+/-]{30,}"
    r"|do[opr]_v1_[a-f0-9]{64}|dapi[a-f0-9]{32}|key-[a-f0-9]{32}|NRAK-[A-Z0-9]{27}"
    r"|hv[sb]\.[A-Za-z0-9_-]{24,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"
    r"|AIza[0-9A-Za-z_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30,}"
    r"|ATATT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{28,}|HRKU-[A-Za-z0-9_-]{36,}"
    r"|FlyV1 fm\d_[A-Za-z0-9+/=,_-]{60,}|ops_eyJ[A-Za-z0-9_-]{60,}"
    r"|[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"
    r"|(?:SharedAccess|Account)Key=[A-Za-z0-9+/]{40,}"
    r"|discord(?:app)?\.com/api/webhooks/\d+/[A-Za-z0-9_-]{40,}"
    r")"
)
"""Forms that nothing but a key has."""

_WORDS = r"(?:secret|token|passw(?:or)?d|passphrase|api_?key|private_?key|access_?key|auth_?key)"
_MIXED = r"(?=[A-Za-z0-9+/_=-]*\d)(?=[A-Za-z0-9+/_=-]*[A-Za-z])[A-Za-z0-9+/_=-]"
_NAMED = re.compile(
    rf"{_WORDS}\w*[\"']?\]?\s*(?::=|[:=]|,|=>)\s*[\"'`]{_MIXED}{{20,}}[\"'`]"
    rf"|^\s*(?:export\s+|set\s+|-\s+)?[\w.-]*{_WORDS}[\w.-]*\s*[:=]\s*{_MIXED}{{20,}}\s*$"
    rf"|\b(?:bearer|basic)\s+{_MIXED}{{24,}}",
    re.IGNORECASE,
)
"""What is called a key and looks like one."""

_BLOCK = re.compile(r"[A-Za-z0-9+/]{60,}={0,2}(?:\\n)?")
_HINTS = ("key", "pass", "pwd", "secret", "contrase", "token", "bearer", "basic")
"""One of them stands in whatever `_NAMED` and detect-secrets' words match."""


def essence(line: str) -> str:
    """Return what decides whether a line holds a key; empty if it cannot."""
    inner = line.strip()
    return inner if len(inner) >= SHORT else ""


def bodies(diff: str) -> list[str]:
    """Return the lines of a diff as they stood in the file, which is how they are known."""
    return [line[1:] for line in diff.split("\n")]


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in what JSON can hold."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


def has_key(text: str) -> bool:
    """Whether some line of the text holds what must not leave the machine. Takes 15 us a line."""
    return any(map(holds_key, text.split("\n")))


def holds_key(line: str) -> bool:
    """Whether one line holds a key, or cannot be looked at."""
    if len(line) > MAX_LINE or _LONG_WORD.search(line):
        return True
    # Some of the patterns take minutes over a line of blanks.
    line = " ".join(line.split())
    if _TOKEN.search(line) or _inside_block(line):
        return True
    lowered = line.lower()
    named = any(hint in lowered for hint in _HINTS)
    if named and _NAMED.search(line):
        return True
    patterns, words = _detectors()
    return any(found(line) for found in patterns) or (named and words(line))


def _inside_block(line: str) -> bool:
    """Whether the line is nothing but base64, as inside a private key."""
    inner = line.strip(" \t\"'`,;+\\()")
    return (
        _BLOCK.fullmatch(inner) is not None
        and any(char.isdigit() for char in inner)
        and any(char.islower() for char in inner)
        and any(char.isupper() for char in inner)
    )


@cache
def _detectors() -> tuple[tuple[Callable[[str], bool], ...], Callable[[str], bool]]:
    """Return detect-secrets' patterns; importing it takes 0.1 s, so the first line pays."""
    from detect_secrets.filters.heuristic import is_prefixed_with_dollar_sign, is_templated_secret
    from detect_secrets.plugins.keyword import KeywordDetector

    made = [_plugin(name) for name in PLUGINS]
    keyword = KeywordDetector()

    def words(line: str) -> bool:
        return any(
            not is_templated_secret(value) and not is_prefixed_with_dollar_sign(value)
            for value in keyword.analyze_string(line)
        )

    return tuple(made), words


def _plugin(name: str) -> Callable[[str], bool]:
    module, _, cls = name.partition(".")
    plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), cls)()
    return lambda line: next(iter(plugin.analyze_string(line)), None) is not None
