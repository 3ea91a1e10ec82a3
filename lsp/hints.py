"""Marks at the places of edits, kept in step with what is on offer.

Knows which clients need them: those that ask neither for ghost text nor for next edits, and those
that are told to show hints only. Does not know how a mark looks (lsp.marks), nor whether it was
seen: editors ask for the lenses of a whole document, also of one in a hidden tab or far below the
window, may draw no hint, and tell nobody what is in sight. A marked edit's `shown` is therefore
`unknown` until its command is run.
"""

from collections.abc import Callable

from lsprotocol import types

from lsp.abilities import Abilities
from lsp.config import SuggestSettings
from lsp.marks import Mark, diagnostic, lenses, mark_of
from lsp.politeness import marks_places
from lsp.session import Session


class Hints:
    """What one client is shown beside its text."""

    def __init__(
        self,
        session: Session,
        settings: SuggestSettings,
        abilities: Abilities,
        publish: Callable[[types.PublishDiagnosticsParams], None],
        refresh: Callable[[], object],
    ) -> None:
        self._session = session
        self._settings = settings
        self._abilities = abilities
        self._publish = publish
        self._refresh = refresh
        self._asks_for_edits = False
        self._marks: dict[str, list[Mark]] = {}

    @property
    def plain(self) -> bool:
        """Whether the client knows neither ghost text nor next edits, as far as one can tell."""
        return not self._abilities.ghost_text and not self._asks_for_edits

    def client_asks_for_edits(self) -> None:
        """The client asked for a next edit, so it shows them by itself."""
        if not self._asks_for_edits:
            self._asks_for_edits = True
            self.update()

    def update(self) -> None:
        """Look again at what is on offer, and tell the client what has changed."""
        found = self._wanted()
        changed = [uri for uri in {*found, *self._marks} if found.get(uri) != self._marks.get(uri)]
        self._marks = found
        for uri in changed:
            opened = self._session.documents.get(uri)
            version = opened.document.version if opened else None
            shown = [diagnostic(mark) for mark in found.get(uri, [])]
            self._publish(types.PublishDiagnosticsParams(uri, shown, version))
        if changed and self._abilities.refreshes_lenses:
            self._refresh()

    def lenses(self, uri: str) -> list[types.CodeLens]:
        """Return the lenses of a document."""
        can_apply = self._abilities.applies_edits
        found = self._marks.get(uri, [])
        return [lens for mark in found for lens in lenses(mark, can_apply=can_apply)]

    def _wanted(self) -> dict[str, list[Mark]]:
        settings = self._settings
        if not marks_places(settings.marks, settings.mode, plain=self.plain):
            return {}
        found: dict[str, list[Mark]] = {}
        for watch in self._session.tracker.watches:
            due = watch.on_offer and not self._session.engine.outdated(watch)
            on_offer = self._session.offered(watch.suggestion_id) if due else None
            if on_offer and (mark := mark_of(on_offer[0].document, watch)):
                watch.marked = True
                found.setdefault(watch.uri, []).append(mark)
        return found
