"""What `hone.status` answers: whether suggestions can be had, what is silent and why, what waits.

Knows which facts a person or a program asks for. Changes nothing.
"""

import hashlib
from typing import Any

from feedback_store import __version__
from lsp.documents import Opened
from lsp.session import Session


def status(session: Session) -> dict[str, Any]:
    """Return the state as JSON. Everything is delivered when `pending_events` and
    `open_suggestions` are both 0."""
    hello, silence = session.gateway.hello, session.last_silence
    return {
        "version": __version__,
        "gateway": {
            "url": session.settings.gateway.url,
            "connected": hello is not None,
            "trouble": "" if hello else session.gateway.trouble.detail,
        },
        "policy_version": hello.policy_version if hello else None,
        "base_model": hello.base_model if hello else None,
        "feedback_level": session.level.value,
        "feedback": session.consent.describe(session.settings.gateway.url),
        "written_events": session.reporter.written,
        "acknowledged_events": session.reporter.acknowledged,
        "pending_events": session.reporter.pending,
        "refused_events": session.reporter.refused,
        "spool_trouble": session.reporter.trouble,
        "differences": session.documents.differences,
        "documents": {o.document.uri: _told(o) for o in session.documents.all},
        "open_suggestions": sum(1 for watch in session.tracker.watches if watch.suggestion_id)
        + len(session.aftermath.trails),
        "ahead": session.ahead.state,
        "last_silence": silence and {"reason": silence.reason.value, "detail": silence.detail},
        "silences": dict(session.silences),
    }


def _told(opened: Opened) -> dict[str, Any]:
    """Say of a document what shows whether it is the editor's, without any of its text."""
    document = opened.document
    text = document.text.encode("utf-8", "surrogatepass")
    return {
        "version": document.version,
        "sha256": hashlib.sha256(text).hexdigest(),
        "trusted": document.trusted,
        "silence": opened.silence,
    }
