"""Tokens of a company's identity provider, signed here by keys made here."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI
from jwt.algorithms import RSAAlgorithm

from feedback_store.events import Scope
from server.auth import NotAllowed
from server.auth.oidc import Tokens
from server.config import OidcSettings
from tests.server.serving import StandIn, gateway, serve, settings_for

ISSUER = "https://id.example"
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


class Provider:
    """An identity provider: a key, and what it signs."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        self.keys = {"keys": [public | {"kid": "k1", "alg": "RS256", "use": "sig"}]}

    def token(self, kid: str = "k1", **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "hone", "sub": "ada", "iat": now, "exp": now + 60}
        claims |= {"team": ["compilers", "all"], "scope": "openid hone:suggest hone:content"}
        kept = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(kept, self._key, algorithm="RS256", headers={"kid": kid})


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture
def settings(provider: Provider, tmp_path: Path) -> OidcSettings:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(provider.keys))
    return OidcSettings(issuer=ISSUER, jwks_file=path, scope_prefix="hone:")


def test_a_token_says_who_and_what(provider: Provider, settings: OidcSettings) -> None:
    subject, team, scopes = Tokens(settings).read(provider.token())
    assert (subject, team) == ("ada", "compilers")
    assert scopes == {Scope.SUGGEST, Scope.CONTENT}
    _, _, scopes = Tokens(settings).read(provider.token(scope=None))
    assert scopes == {Scope.SUGGEST, Scope.FEEDBACK}


@pytest.mark.parametrize("said", ["openid profile", ["openid"], "", [], "suggest admin"])
def test_a_token_that_names_none_of_ours_gets_the_default(
    provider: Provider, settings: OidcSettings, said: str | list[str]
) -> None:
    _, _, scopes = Tokens(settings).read(provider.token(scope=said))
    assert scopes == {Scope.SUGGEST, Scope.FEEDBACK}
    none = settings.model_copy(update={"default_scopes": ()})
    assert Tokens(none).read(provider.token(scope=said))[2] == frozenset()


def test_an_unknown_name_of_ours_is_no_default(provider: Provider, settings: OidcSettings) -> None:
    assert Tokens(settings).read(provider.token(scope="openid hone:reader"))[2] == frozenset()
    bare = settings.model_copy(update={"scope_prefix": ""})
    assert Tokens(bare).read(provider.token(scope="openid train"))[2] == {Scope.TRAIN}
    assert Tokens(bare).read(provider.token(scope="openid"))[2] == {Scope.SUGGEST, Scope.FEEDBACK}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"kid": "k2"},
    ],
)
def test_other_tokens_are_refused(
    provider: Provider, settings: OidcSettings, changes: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowed):
        Tokens(settings).read(provider.token(**changes))


def test_another_key_or_none_is_refused(settings: OidcSettings) -> None:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "hone", "sub": "ada", "iat": now, "exp": now + 60}
    unsigned = jwt.encode(claims, key="", algorithm="none", headers={"kid": "k1"})
    shared = jwt.encode(claims, "x" * 40, algorithm="HS256", headers={"kid": "k1"})
    other = jwt.encode(claims, ELLIPTIC, algorithm="ES256", headers={"kid": "k1"})
    for token in (Provider().token(), unsigned, shared, other, "a.b.c"):
        with pytest.raises(NotAllowed):
            Tokens(settings).read(token)


@pytest.fixture
def published(provider: Provider) -> Iterator[str]:
    """The provider's keys, on HTTP."""
    app = FastAPI()

    @app.get("/keys")
    async def keys() -> dict[str, Any]:
        return provider.keys

    with serve(app) as url:
        yield f"{url}/keys"


def test_a_gateway_takes_tokens_beside_keys(
    engine: StandIn, provider: Provider, published: str, tmp_path: Path
) -> None:
    oidc = {"issuer": ISSUER, "jwks_url": published, "scope_prefix": "hone:"}
    with gateway(settings_for(tmp_path / "data", engine.url, oidc=oidc)) as client:
        assert client.get("/v1/hello").status_code == httpx.codes.UNAUTHORIZED
        client.headers["Authorization"] = f"Bearer {provider.token()}"
        assert client.get("/v1/hello").status_code == httpx.codes.OK
        assert client.post("/v1/rollback").status_code == httpx.codes.FORBIDDEN
        client.headers["Authorization"] = f"Bearer {provider.token(kid='k9')}"
        assert client.get("/v1/hello").status_code == httpx.codes.UNAUTHORIZED
