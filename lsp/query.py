"""A question for the gateway: which region, with what around it, asked by whom and how urgently.

Knows what makes two questions the same, and how one is put on the wire. Does not know who answers.
"""

import hashlib
from dataclasses import dataclass

from feedback_store.events import EditContext, FeedbackLevel, SuggestRequest, Trigger
from lsp.context import Region
from lsp.findings import Envelope
from lsp.indent import Style
from lsp.wish import NOTHING, Wish

GATEWAY_SHARE = 0.9
"""The gateway's share of the deadline, so that its "too late" still arrives with an id."""


@dataclass(frozen=True)
class Query:
    """A request for the next edit in a region of a document at a version."""

    uri: str
    version: int
    region: Region
    context: EditContext
    cursor_line: int
    """Of the document."""
    trigger: Trigger
    level: FeedbackLevel
    deadline_ms: float
    style: Style
    """How the document is indented."""
    least_confidence: float = 0.0
    """How sure the model must be of an edit that nobody asked for by hand."""
    wish: Wish = NOTHING

    @property
    def shown(self) -> tuple[str, int]:
        """What the prompt shows. An answer "no edit" holds as long as this is the same, at
        whatever version and line: after an undo, or after lines moved far above."""
        context = self.context
        code = (context.prefix, context.region, context.suffix)
        more = (context.recent_edits, context.excerpts, context.diagnostics)
        return self.uri, hash((code, more, self.wish))

    @property
    def key(self) -> tuple[tuple[str, int], Region]:
        """What makes two queries the same while they are on their way."""
        return self.shown, self.region

    def request(self, envelope: Envelope, client_time: float) -> SuggestRequest:
        """Put it on the wire."""
        return SuggestRequest(
            session=envelope.session,
            workspace=envelope.workspace,
            client=envelope.client,
            document=hashlib.sha256(self.uri.encode()).hexdigest()[:16],
            document_version=self.version,
            context=self.context,
            trigger=self.trigger,
            avoid=self.wish.avoid,
            level=self.level,
            deadline_ms=self.deadline_ms * GATEWAY_SHARE,
            client_time=client_time,
        )
