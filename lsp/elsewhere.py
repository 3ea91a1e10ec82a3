"""The next edit away from the cursor: what else the recent edits concern, here or elsewhere.

First the region around the cursor has its turn. Where nothing is to be changed there, an offer on
hand elsewhere is taken, else the likeliest other places are asked about, a few at most and one
after the other, within the same deadline. Knows the order of turns, and which places had nothing.
Does not know how places are found (`lsp.places`), nor LSP.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import islice
from weakref import WeakKeyDictionary

from feedback_store.events import Reason
from lsp.asking import Asking
from lsp.document import Document
from lsp.documents import Documents, Opened
from lsp.engine import PASSING, Engine
from lsp.gateway import Silence
from lsp.history import History
from lsp.places import Place, Text, lost_words, places
from lsp.politeness import Reach
from lsp.query import Query
from lsp.watch import Watch
from lsp.wish import NOTHING

ASKED = 2
"""How many other places one request asks about."""
LOOKED_AT = 64
AROUND = 16
"""How many lines above and below a place make it the same place."""
OTHER_FILES = 8
SILENT_KEPT = 256
TOO_LATE_S = 0.05
"""With less time left nobody is asked."""
NOTHING_HERE = frozenset(
    {
        Reason.NO_EDIT,
        Reason.WHITESPACE_ONLY,
        Reason.REVERSAL,
        Reason.MASS_DELETION,
        Reason.DISMISSED_BEFORE,
        Reason.NOT_EAGER,
    }
)
"""Silences that say: there is nothing to change here. Others say that nothing is known, or, as
with a holdout, that nothing may be shown."""


class Elsewhere:
    """Next edits wherever they are due."""

    def __init__(
        self,
        asking: Asking,
        engine: Engine,
        documents: Documents,
        history: History,
        reach: Reach,
    ) -> None:
        self._asking = asking
        self._engine = engine
        self._documents = documents
        self._history = history
        self._reach = reach
        self._texts: WeakKeyDictionary[Document, Text] = WeakKeyDictionary()
        self._silent: OrderedDict[Hashable, None] = OrderedDict()

    async def suggest(self, query: Query) -> Watch | Silence:
        """Return the next edit around the query's cursor, else elsewhere, else why there is none
        around the cursor; within the query's deadline."""
        until = time.monotonic() + query.deadline_ms / 1000.0
        found = await self._engine.suggest(query)
        here = isinstance(found, Watch) or found.reason not in NOTHING_HERE
        if here or query.wish != NOTHING or self._reach == "cursor":
            return found
        due = list(islice(self._due(query), LOOKED_AT))
        for place in due:
            if offer := self._offer(place):
                return offer
        return await self._ask(due, query, until) or found

    async def _ask(self, due: Sequence[Place], query: Query, until: float) -> Watch | None:
        """Ask about places, the silent ones of earlier left out, while time and query allow."""
        asked = 0
        for place in due:
            left_s = until - time.monotonic()
            if asked == ASKED or left_s < TOO_LATE_S or self._moved(query) or self._engine.busy:
                break
            key = self._key(place)
            if key in self._silent:
                continue
            cursor = (place.line, place.column)
            answer = await self._asking.elsewhere(place.uri, cursor, query.trigger, until)
            if isinstance(answer, Query):
                asked += 1
                answer = await self._engine.suggest(answer)
            if isinstance(answer, Watch):
                return answer
            if answer.reason in PASSING:
                break
            self._remember(key)
            if answer.reason == Reason.HOLDOUT:
                break
        return None

    def _due(self, query: Query) -> Iterator[Place]:
        """Yield the other places that the recent edits concern, one per region."""
        lost = lost_words(self._history.hunks())
        opened = self._documents.get(query.uri)
        if not lost or opened is None:
            return
        here, others = self._text(opened), []
        if self._reach == "files":
            recent = (one for one in self._documents.recent() if one is not opened)
            allowed = islice((one for one in recent if not one.silence), OTHER_FILES)
            others = [self._text(one) for one in allowed]
        first, last = query.region.first, query.region.last
        above, below = (last - first - 1) // 3, last - first - (last - first - 1) // 3
        taken: defaultdict[str, set[int]] = defaultdict(set, {query.uri: set(range(first, last))})
        for place in places(lost, here, query.cursor_line, others):
            if place.line not in taken[place.uri]:
                yield place
                taken[place.uri].update(range(place.line - above, place.line + below))

    def _text(self, opened: Opened) -> Text:
        document = opened.document
        text = self._texts.get(document)
        if text is None or text.version != document.version:
            self._texts[document] = text = Text(document.uri, document.version, document.lines)
        return text

    def _offer(self, place: Place) -> Watch | None:
        opened = self._documents.get(place.uri)
        trusted = opened is not None and not opened.silence
        return self._engine.untouched(place.uri, place.line) if trusted else None

    def _moved(self, query: Query) -> bool:
        opened = self._documents.get(query.uri)
        return opened is None or opened.document.version != query.version

    def _remember(self, key: Hashable) -> None:
        self._silent[key] = None
        while len(self._silent) > SILENT_KEPT:
            self._silent.popitem(last=False)

    def _key(self, place: Place) -> Hashable:
        """Return what makes asking again pointless: the same lines, concerned by the same edit.

        The version is not part of it: typing elsewhere in the file changes that at every key.
        """
        opened = self._documents.get(place.uri)
        lines = opened.document.lines if opened else []
        around = tuple(lines[max(0, place.line - AROUND) : place.line + AROUND])
        cause = place.lost.cause
        return hash((place.uri, around, place.lost.word, cause.path, cause.old, cause.new))
