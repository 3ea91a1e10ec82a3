"""Bearer tokens of the company's own identity provider (OpenID Connect), checked by its keys.

Knows JWTs and the configured issuer. Asks no host but `oidc.jwks_url`, and none where a file holds
the keys. Does not know requests.
"""

import logging
from typing import Any

import jwt
from jwt.exceptions import PyJWKClientError, PyJWTError

from feedback_store.events import Scope
from server.auth.caller import NotAllowed
from server.config import OidcSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures by a private key alone: with a shared secret whoever can check could also sign."""
KEYS_LAST_S = 300
TIMEOUT_S = 5
log = logging.getLogger(__name__)


class Tokens:
    """Checks tokens of one issuer."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._client: jwt.PyJWKClient | None = None

    def read(self, token: str) -> tuple[str, str, frozenset[Scope]]:
        """Return subject, team and scopes; may ask the provider for its keys, and blocks then.

        Raises:
            NotAllowed: the token is not valid, or the keys cannot be had.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key(token),
                algorithms=list(ALGORITHMS),
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                options={"require": ["exp", "iat", "sub"]},
            )
        except (PyJWKClientError, OSError) as error:
            log.warning("the identity provider's keys cannot be had: %s", error)
            raise NotAllowed("the identity provider's keys cannot be had; see the log") from error
        except PyJWTError as error:
            raise NotAllowed(f"the token is not valid: {error}") from error
        except (TypeError, ValueError, KeyError) as error:
            # Such as a header that names an algorithm which the key is not for.
            raise NotAllowed("the token is not valid") from error
        return str(claims["sub"]), self._team(claims), self._scopes(claims)

    def _key(self, token: str) -> Any:
        file = self._settings.jwks_file
        if file is not None:
            wanted = jwt.get_unverified_header(token).get("kid")
            keys = jwt.PyJWKSet.from_json(file.read_text(encoding="utf-8")).keys
            found = [key for key in keys if key.key_id == wanted]
            if not found:
                raise NotAllowed("the token is signed by a key that the issuer does not list")
            return found[0].key
        if self._client is None:
            url = self._settings.jwks_url
            self._client = jwt.PyJWKClient(url, lifespan=KEYS_LAST_S, timeout=TIMEOUT_S)
        return self._client.get_signing_key_from_jwt(token).key

    def _team(self, claims: dict[str, Any]) -> str:
        said = claims.get(self._settings.team_claim)
        return str(said[0] if isinstance(said, list) and said else said or "")

    def _scopes(self, claims: dict[str, Any]) -> frozenset[Scope]:
        """Those that the token names. Where it names none of ours, as `openid profile` does not,
        it says nothing of what its holder may do here; an unknown one with our prefix does."""
        said = claims.get(self._settings.scope_claim) or ()
        names = said.split() if isinstance(said, str) else [str(name) for name in said]
        prefix = self._settings.scope_prefix
        mine = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        found = frozenset(scope for scope in Scope if scope.value in mine)
        if found or (prefix and mine):
            return found
        return frozenset(self._settings.default_scopes)
