"""The parts of one run of the language server, put together.

Knows which part needs which. Does not know events, or what becomes of anything (`lsp.session`).
"""

import hashlib
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from feedback_store import __version__
from feedback_store.events import Client
from lsp.asking import Asking
from lsp.config import Settings, state_folder
from lsp.consent import Consent
from lsp.credentials import find_key
from lsp.documents import Documents
from lsp.elsewhere import Elsewhere
from lsp.engine import Engine
from lsp.findings import Envelope
from lsp.gateway import Gateway
from lsp.history import History
from lsp.positions import Encoding
from lsp.reporter import Reporter
from lsp.rules import Rules
from lsp.screen import Screen, guarded
from lsp.spool import open_spools
from lsp.tracker import Tracker


@dataclass(frozen=True)
class Parts:
    """One of each."""

    gateway: Gateway
    documents: Documents
    reporter: Reporter
    consent: Consent
    tracker: Tracker
    screen: Screen
    engine: Engine
    history: History
    rules: Rules
    asking: Asking
    elsewhere: Elsewhere


def assemble(
    settings: Settings,
    environ: Mapping[str, str],
    client: Client,
    folders: Sequence[Path],
    encoding: Encoding,
) -> Parts:
    """Return the parts for one editor's connection; nothing runs yet."""
    gateway = Gateway(settings.gateway, partial(find_key, settings.gateway, environ), __version__)
    documents = Documents(settings.exclude, environ)
    documents.encoding = encoding
    documents.folders.change(folders, ())
    workspace = hashlib.sha256(str(folders[0] if folders else "").encode()).hexdigest()[:16]
    envelope = Envelope(uuid.uuid4().hex, workspace, client, settings.settling)
    root = settings.spool.folder or state_folder(environ) / "spool"
    reporter = Reporter(envelope, *open_spools(root, workspace))
    choices = state_folder(environ)
    consent = Consent(settings.feedback.level, workspace, choices, gateway.allows)
    tracker = Tracker(settings.settling, consent.capped(reporter.emit))
    screen = Screen()
    engine = Engine(tracker, guarded(screen, gateway.suggest), envelope, time.monotonic)
    history = History()
    rules = Rules(documents, history, engine, tracker)
    suggest = settings.suggest
    asking = Asking(suggest, documents, history, rules, gateway, lambda: consent.level)
    elsewhere = Elsewhere(asking, engine, documents, history, suggest.other_files)
    return Parts(
        gateway=gateway,
        documents=documents,
        reporter=reporter,
        consent=consent,
        tracker=tracker,
        screen=screen,
        engine=engine,
        history=history,
        rules=rules,
        asking=asking,
        elsewhere=elsewhere,
    )
