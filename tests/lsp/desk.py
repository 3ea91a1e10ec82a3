"""A document, a tracker and a clock that a test moves: what an editor would do, step by step."""

from feedback_store.events import Client, FeedbackLevel, Outcome, Reason, Settling
from lsp.aftermath import Aftermath
from lsp.config import ExcludeSettings
from lsp.context import Region, region_text
from lsp.document import Document
from lsp.documents import Documents
from lsp.findings import Decided, Envelope, Finding, Settled, Survived
from lsp.tracker import Tracker
from lsp.watch import Watch

URI = "file:///a.py"
SETTLING = Settling(quiet_s=10, longest_wait_s=60, horizons_s=(0, 5, 30))


class Desk:
    """Everything about one document. Ranges of edits are in code points."""

    def __init__(self, text: str, settling: Settling = SETTLING) -> None:
        self.now = 0.0
        self.settling = settling
        self.found: list[Finding] = []
        self.tracker = Tracker(settling, self.found.append)
        self.document = Document(URI, "python", 1, text, "utf-32", 10_000_000)
        self.names = 0

    def ask(self, first: int, last: int) -> Watch:
        region = Region(first, last)
        text = region_text(self.document.lines, region)
        return self.tracker.asked(URI, self.document.version, region, text, self.now)

    def answer(self, watch: Watch, proposed: str) -> str:
        self.names += 1
        name = f"s{self.names}"
        self.tracker.answered(watch, name, FeedbackLevel.FULL, proposed, self.now)
        self.tracker.delivered(watch, self.now)
        return name

    def offer(self, first: int, last: int, old: str, new: str) -> str:
        """Put an offer on screen that rewrites `old` in the region."""
        watch = self.ask(first, last)
        assert old in watch.base
        return self.answer(watch, watch.base.replace(old, new, 1))

    def withhold(self, first: int, last: int, outcome: Outcome, reason: Reason) -> str:
        watch = self.ask(first, last)
        self.names += 1
        name = f"s{self.names}"
        self.tracker.silent(watch, name, FeedbackLevel.FULL, outcome, reason, self.now)
        return name

    def edit(self, *edits: tuple[tuple[int, int], tuple[int, int], str]) -> None:
        """One didChange with all these edits."""
        document = self.document
        document.version += 1

        def changes():
            for start, end, text in edits:
                change = document.apply(start, end, text)
                assert change
                yield change, document.lines

        self.tracker.changed(URI, changes(), self.now)

    def type(self, line: int, column: int, text: str, pause_s: float = 0.1) -> None:
        """Key by key."""
        for char in text:
            self.edit(((line, column), (line, column), char))
            line, column = (line + 1, 0) if char == "\n" else (line, column + 1)
            self.wait(pause_s)

    def leave(self, *, close: bool = False) -> None:
        """End the server, or close the document; nobody looks at the file."""
        end = self.tracker.closed(URI, self.now) if close else self.tracker.exit(self.now)
        envelope = Envelope("session", "workspace", Client(name="desk"), self.settling)
        aftermath = Aftermath(
            Documents(ExcludeSettings(), {}), 1000, lambda finding, _: self.found.append(finding)
        )
        aftermath.follow(end, self.document.lines, envelope)
        aftermath.trails.give_up()

    def warm(self) -> None:
        """Show, far below, that this client sends every key by itself."""
        line = len(self.document.lines) - 1
        self.type(line, 0, "n" * 9, pause_s=0.05)
        self.edit(((line, 0), (line, 9), ""))

    def wait(self, seconds: float) -> None:
        """Let time pass, ticking whenever something is due, as the server does."""
        until = self.now + seconds
        while (due := self.tracker.due()) is not None and due <= until:
            self.now = max(self.now, due)
            self.tracker.tick(self.now)
        self.now = until

    def outcome(self, name: str) -> Decided:
        [found] = [f for f in self.of(name) if isinstance(f, Decided)]
        return found

    def settled(self, name: str) -> Settled:
        [found] = [f for f in self.of(name) if isinstance(f, Settled)]
        return found

    def survivals(self, name: str) -> list[Survived]:
        return [f for f in self.of(name) if isinstance(f, Survived)]

    def of(self, name: str) -> list[Finding]:
        return [f for f in self.found if f.suggestion_id == name]
