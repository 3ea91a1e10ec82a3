"""What neither the model nor the store gets, whatever a client's own settings are: texts with keys
in them, and files that the company excludes.

What a request can do without is left out; where the code at the cursor is excluded, it is withheld.
Lines are remembered by hash, so that a request finds nearly all of its own known. Knows requests'
texts and paths. Does not know what a key looks like (that is `feedback_store.detector`) or HTTP.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pathspec import GitIgnoreSpec

from feedback_store.detector import bodies, essence, holds_key, texts_in
from feedback_store.events import EditContext, SuggestRequest
from server.config import SuggestSettings

KEPT = 262_144
"""Lines remembered, by hash: those of some hundred users' open files, in 30 MB."""
AT_ONCE = 64
"""So many unknown lines are looked at on the spot, in a millisecond, which a hop to a thread may
take, too. More go to a thread: a client may send 40,000, which take half a second."""
KEY_IN_CODE = "there is a key in the code around the cursor; see the gateway's suggest.scan_secrets"
KEY_IN_REQUEST = "there is a key in the request; see the gateway's suggest.scan_secrets"
EXCLUDED_FILE = "the gateway excludes this file; see its suggest.exclude_patterns"
MARK = "excluded-"
"""Begins the names of suggestions that were withheld here, so that what is said of them minutes
later, and after a restart, is known to be about code that may not be stored."""
log = logging.getLogger(__name__)


class Withheld(Exception):
    """A text is excluded; the message says by which setting, and repeats none of it."""


class Exclusions:
    """What the gateway's settings exclude. One per gateway."""

    def __init__(
        self,
        settings: SuggestSettings,
        holds_key: Callable[[str], bool] = holds_key,
        kept: int = KEPT,
    ) -> None:
        self._patterns = GitIgnoreSpec.from_lines(settings.exclude_patterns)
        self._scans = settings.scan_secrets
        self._holds_key = holds_key
        self._kept = kept
        self._known: OrderedDict[int, bool] = OrderedDict()
        """By the line's hash, oldest use first; only the event loop writes."""

    async def admitted(self, request: SuggestRequest) -> SuggestRequest:
        """Return the request without what it can do without and may not hold.

        Raises:
            Withheld: the file or the code at the cursor is excluded.
        """
        context = request.context
        if self._excludes(context.path):
            raise Withheld(EXCLUDED_FILE)
        if await self.holds(context.prefix, context.region, context.suffix):
            raise Withheld(KEY_IN_CODE)
        clean = await self._clean(context)
        if clean is not context:
            request = request.model_copy(update={"context": clean})
        looked_at = {"prefix", "region", "suffix", "recent_edits", "diagnostics", "excerpts"}
        if await self.holds(*texts_in(request.model_dump(exclude={"context": looked_at}))):
            raise Withheld(KEY_IN_REQUEST)
        return request

    async def warm_up(self) -> None:
        """Look at a first line, which takes 0.1 s, since patterns are made then."""
        await self.holds("import everything")

    async def check(self, prompt: str) -> None:
        """Look at a prompt of the editor's own making.

        Raises:
            Withheld: it holds a key.
        """
        if await self.holds(prompt):
            raise Withheld(KEY_IN_REQUEST)

    async def holds(self, *texts: str) -> bool:
        """Whether some line of the texts holds a key."""
        if not self._scans:
            return False
        lines = {hash(line): line for line in _lines(texts)}
        unknown: dict[int, str] = {}
        found = False
        for name, line in lines.items():
            known = self._known.get(name)
            if known is None:
                unknown[name] = line
            else:
                self._known.move_to_end(name)
                found = found or known
        if not unknown:
            return found
        if len(unknown) <= AT_ONCE:
            verdicts = self._look(list(unknown.values()))
        else:
            verdicts = await asyncio.to_thread(self._look, list(unknown.values()))
        self._known.update(zip(unknown, verdicts, strict=True))
        while len(self._known) > self._kept:
            self._known.popitem(last=False)
        return found or any(verdicts)

    async def _clean(self, context: EditContext) -> EditContext:
        """Without edits and excerpts of excluded files, and without extras that hold keys."""
        edits = [e for e in context.recent_edits if not self._excludes(e.path)]
        excerpts = [e for e in context.excerpts if not self._excludes(e.path)]
        kept: dict[str, tuple[Any, ...]] = {
            "recent_edits": tuple([e for e in edits if not await self.holds(*bodies(e.diff))]),
            "excerpts": tuple([e for e in excerpts if not await self.holds(e.text)]),
            "diagnostics": tuple(
                [one for one in context.diagnostics if not await self.holds(one.message)]
            ),
        }
        same = all(len(found) == len(getattr(context, name)) for name, found in kept.items())
        return context if same else context.model_copy(update=kept)

    def _excludes(self, path: str) -> bool:
        return self._patterns.match_file(path)

    def _look(self, lines: Sequence[str]) -> list[bool]:
        return [self._holds(line) for line in lines]

    def _holds(self, line: str) -> bool:
        try:
            return self._holds_key(line)
        except Exception:
            log.exception("a line cannot be looked at, so it counts as a key")
            return True


def marked(suggestion_id: str) -> str:
    """Return the name of a suggestion that is withheld."""
    return f"{MARK}{suggestion_id}"


def is_marked(suggestion_id: str) -> bool:
    """Whether the suggestion of this name was withheld."""
    return suggestion_id.startswith(MARK)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    return filter(None, (essence(line) for text in texts for line in text.split("\n")))
