"""Who may do what: callers and their scopes, API keys, company tokens, sign-ins on the page."""

from server.auth.caller import LOCAL, Caller, MissingScope, NotAllowed
from server.auth.door import Door
from server.auth.keys import KeyRecord, KeyRing

__all__ = ["LOCAL", "Caller", "Door", "KeyRecord", "KeyRing", "MissingScope", "NotAllowed"]
