"""The terms of the field as closed lists: outcomes, exposure, reasons, levels.

Knows the words and one sentence about each. Does not know who sends or stores them.
"""

from enum import StrEnum

WIRE_VERSION = 1
"""The version of the HTTP wire and of the events on it; raised with every incompatible change."""

WIRE_VERSIONS = (WIRE_VERSION,)
"""The versions a gateway of this release accepts: the current one and, once there is one, the one
before."""


class Outcome(StrEnum):
    """What became of a suggestion. Exactly one per suggestion."""

    ACCEPTED = "accepted"
    """The user took the whole suggestion."""
    PARTIALLY_ACCEPTED = "partially_accepted"
    """The user took a leading part of it, by word or by line."""
    REJECTED = "rejected"
    """The user saw it and dismissed it explicitly."""
    TYPED_THROUGH = "typed_through"
    """The user typed the suggested text character by character: right, but not accepted."""
    DIVERGED = "diverged"
    """The user typed something else where it was shown."""
    SUPERSEDED = "superseded"
    """A newer suggestion for the same place took over."""
    EXPIRED = "expired"
    """It stayed on offer until it was settled, and nothing happened to it."""
    STALE = "stale"
    """The document moved on before it could be shown."""
    WITHHELD = "withheld"
    """There was deliberately nothing to show; the reason says who chose silence."""
    INVALID = "invalid"
    """The model's answer did not parse or did not apply."""
    FAILED = "failed"
    """No answer came: the engine was away, overloaded or too slow."""


class Shown(StrEnum):
    """Whether the user saw the suggestion."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The client has no way to tell."""


class Reason(StrEnum):
    """Why there is nothing to show, or why an answer could not be used."""

    NO_EDIT = "no_edit"
    """The model proposed to change nothing."""
    HOLDOUT = "holdout"
    """Computed but not shown, as an unbiased sample of references."""
    WHITESPACE_ONLY = "whitespace_only"
    """The proposed edit changes nothing but blanks."""
    REVERSAL = "reversal"
    """The proposed edit undoes the user's last edit."""
    MASS_DELETION = "mass_deletion"
    """The proposed edit deletes far more than it writes."""
    NO_ALTERNATIVE = "no_alternative"
    """Asked for another edit, the model had none that was not offered already."""
    NO_INSTRUCTIONS = "no_instructions"
    """The model's prompt format has no place for an instruction."""
    NOT_EAGER = "not_eager"
    """The model was less sure of the edit than the user's eagerness asks for."""
    EDIT_REFUSED = "edit_refused"
    """The editor was asked to apply the edit, and did not."""
    DISMISSED_BEFORE = "dismissed_before"
    """The user dismissed the same edit a moment ago."""
    EXCLUDED = "excluded"
    """The file is ignored, secret-looking, excluded or too large, or the code around the cursor
    holds a key; no model saw any of it."""
    SENTINEL = "sentinel"
    """The text contains one of the prompt format's markers."""
    PROMPT_TOO_LONG = "prompt_too_long"
    """The region alone does not fit the model's context."""
    UNPARSABLE = "unparsable"
    """The answer is not in the prompt format."""
    TRUNCATED = "truncated"
    """The answer did not end within its token budget."""
    DEADLINE = "deadline"
    """The answer would have come too late."""
    OVERLOADED = "overloaded"
    """The gateway or the engine has no room for the request."""
    ENGINE_DOWN = "engine_down"
    """The engine cannot be reached."""
    GATEWAY_DOWN = "gateway_down"
    """The gateway cannot be reached."""
    NOT_ALLOWED = "not_allowed"
    """The credential is missing, unknown or lacks the scope."""
    DOCUMENT_MOVED = "document_moved"
    """The document changed while the suggestion was on its way."""
    NO_RECENT_EDIT = "no_recent_edit"
    """Nothing was edited yet that a next edit could follow."""
    HINT_ONLY = "hint_only"
    """There is an edit, of which the user wants only a hint until they ask for it."""
    NO_GHOST_TEXT = "no_ghost_text"
    """There is an edit, which is no insertion at the cursor: ghost text cannot show it."""
    CANCELLED = "cancelled"
    """The editor withdrew the request."""


class SettledBy(StrEnum):
    """What ended the observation of a suggestion's region."""

    QUIET = "quiet"
    """No change in the region for the quiet time."""
    TIMEOUT = "timeout"
    """The longest wait was over while the region was still changing."""
    CLOSE = "close"
    """The document was closed."""
    EXIT = "exit"
    """The language server was shut down."""
    RECOVERED = "recovered"
    """A later run closed what a killed one had left open; the text is the last one seen."""


class FeedbackLevel(StrEnum):
    """How much of a suggestion's life may be recorded. The user's choice."""

    FULL = "full"
    """Text and facts."""
    FACTS = "facts"
    """Numbers and outcomes; no text and no token ids."""
    OFF = "off"
    """Nothing at all."""


class Trigger(StrEnum):
    """What asked for the suggestion."""

    AUTOMATIC = "automatic"
    INVOKED = "invoked"


class Scope(StrEnum):
    """What a key may do."""

    SUGGEST = "suggest"
    """Ask for suggestions and completions."""
    FEEDBACK = "feedback"
    """Say what became of them."""
    TRAIN = "train"
    """Export batches, sample rollouts, register and promote policy versions."""
    ADMIN = "admin"
    """All of the above, roll back, route, look into and maintain the store; but no content."""
    CONTENT = "content"
    """Read the code and text that the store holds."""
    OBSERVE = "observe"
    """Look at status, page and metrics, which any key may, and nothing else: for Prometheus."""
