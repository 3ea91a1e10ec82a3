"""The parts of one run of the language server, built and joined.

Knows what each part needs of the others. Does not know what happens in a run (lsp.session).
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from feedback_store import __version__
from feedback_store.events import Client, FeedbackLevel
from lsp.ahead import Ahead
from lsp.asking import Asking
from lsp.config import Settings, state_folder
from lsp.consent import Consent
from lsp.credentials import find_key
from lsp.dismissals import Dismissals
from lsp.dismissed_file import DismissedFile
from lsp.documents import Documents
from lsp.elsewhere import Elsewhere
from lsp.engine import Engine
from lsp.exclude import path_of
from lsp.findings import Envelope, Finding
from lsp.gateway import Gateway
from lsp.history import History
from lsp.leftovers import Leftovers
from lsp.observation import Observation
from lsp.pace import Pace
from lsp.positions import Encoding
from lsp.reporter import Reporter
from lsp.rules import Rules
from lsp.screen import Screen, guarded
from lsp.unkept import open_or_do_without
from lsp.workspaces import name_of


class Assembly:
    """Everything that a session works with."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        client: Client,
        folders: Sequence[Path],
        encoding: Encoding,
        clock: Callable[[], float],
        gateway: Gateway | None,
    ) -> None:
        self.clock = clock
        find = partial(find_key, settings.gateway, environ)
        self.gateway = gateway or Gateway(settings.gateway, find, __version__)
        self.documents = Documents(settings.exclude, environ)
        self.documents.encoding = encoding
        self.documents.folders.change(folders, ())
        workspace = name_of(folders[0] if folders else None)
        self.envelope = Envelope(uuid.uuid4().hex, workspace, client, settings.settling)
        state = state_folder(environ)
        self.consent = Consent(settings.feedback.level, folders, state, self.gateway.allows)
        root = settings.spool.folder or state / "spool"
        self.reporter, self.leftovers = self._reporting(root, workspace, folders, settings)
        self.pace = Pace(settings.suggest.debounce_ms, client.name)
        self.observation = self._observing(settings)
        self.history = History()
        self.asking = Asking(
            settings.suggest,
            self.documents,
            self.history,
            self._refresh,
            self.gateway,
            self._asking_level,
        )
        self.screen = Screen()
        kept = DismissedFile(state, self._level)
        self.ahead, self.engine = self._suggesting(Dismissals(kept.known(), kept.add))
        admitted = self.asking.surroundings.opened
        self.rules = Rules(self.documents, self.history, self.engine, self.observation, admitted)
        reach = settings.suggest.reach
        self.elsewhere = Elsewhere(self.asking, self.engine, self.documents, self.history, reach)

    def _level(self) -> FeedbackLevel:
        """What may be recorded now."""
        return self.consent.level

    def _asking_level(self) -> FeedbackLevel:
        """What may be recorded of a request now: any document may take part in it, also one that
        lies outside the window's folders."""
        files = map(path_of, self.documents.known)
        return self.consent.among(path for path in files if path)

    async def _refresh(self) -> None:
        """Whoever asks looks at the level and the rules first, which forget what the engine
        knows."""
        self.observation.heed()
        await self.rules.refresh()

    def _reporting(
        self, root: Path, workspace: str, folders: Sequence[Path], settings: Settings
    ) -> tuple[Reporter, Leftovers]:
        """Open the spool of this run; what other workspaces' runs have left shares the way."""
        spools = open_or_do_without(root, workspace)
        reporter = Reporter(settings.spool, self.envelope, self._level, *spools)
        reporter.belong_to(folders)
        share = reporter.share_with
        return reporter, Leftovers(root, self.envelope, settings.spool, self.consent.of, share)

    def _observing(self, settings: Settings) -> Observation:
        """Join what is found out with who hears of it; go on with what earlier runs left."""
        report = self.consent.capped(self.reporter.emit)

        def emit(finding: Finding, *envelope: Envelope) -> None:
            report(finding, *envelope)
            self.pace.found(finding, self.clock())

        found = Observation(
            settings,
            self.documents,
            self.reporter,
            self.consent,
            emit,
            self.envelope,
            self.clock,
        )
        found.aftermath.resume(self.reporter.left_trails)
        return found

    def _suggesting(self, dismissals: Dismissals) -> tuple[Ahead, Engine]:
        """Join what suggests with what is asked; no question leaves unscreened, or asks for more
        to be recorded than is allowed by then."""
        ask = guarded(self.screen, self.consent.asked(self.gateway.suggest))
        tracker = self.observation.tracker
        envelope, clock = self.envelope, self.clock
        document_of = self.documents.document
        ahead = Ahead(tracker, ask, envelope, self.asking.after, document_of, clock)
        engine = Engine(tracker, ask, envelope, clock, self.asking.now, ahead, dismissals)
        self.observation.listeners.append(lambda: ahead.look(self._asking_level()))
        return ahead, engine
