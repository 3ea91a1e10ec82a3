"""What is looked for in files after their documents were closed, without an editor."""

import os
from pathlib import Path

import pytest

from feedback_store.events import Client, FeedbackLevel, Settling
from lsp.aftermath import Aftermath
from lsp.config import ExcludeSettings
from lsp.context import Region
from lsp.documents import Documents
from lsp.findings import Envelope, Survived
from lsp.watch import Watch

ENVELOPE = Envelope("session", "workspace", Client(name="test"), Settling())
CODE = "import os\n\nx = 1\n\nprint(x)\n"
KEPT, GONE = CODE.replace("x = 1", "x = one + two"), CODE
MAX = 1000


class Case:
    """One accepted edit in a file of a folder, whose document has been closed."""

    def __init__(self, folder: Path, accepted: str = "x = one + two\n") -> None:
        self.found: list[Survived] = []
        self.reported: list[set[str]] = []
        self.file = folder / "a.py"
        self.file.write_text(KEPT)
        self.uri = self.file.as_uri()
        self.documents = Documents(ExcludeSettings(patterns=("secret*",), max_bytes=MAX), {})
        self.documents.folders.change([folder], ())
        self.aftermath = Aftermath(self.documents, MAX, lambda found, _: self.found.append(found))
        self.aftermath.rely_on(self.reported.append)
        self.watch = Watch(self.uri, Region(2, 3), "x = 1\n", 0.0, 1, accepted)
        self.watch.accepted_at, self.watch.accepted_text = 0.0, accepted
        self.watch.horizons = [1.0, 2.0, 3.0]

    def follow(self, *, level: FeedbackLevel = FeedbackLevel.FULL) -> None:
        self.watch.level = level
        lines = self.file.read_text().splitlines(keepends=True)
        self.aftermath.follow([self.watch], lines, ENVELOPE)

    async def shares(self, *times: float) -> list[float | None]:
        """What is found to be left at these times."""
        for now in times:
            await self.aftermath.look(now)
        return [found.left and found.left.retained for found in self.found]


async def test_the_file_says_what_is_left_and_then_nobody_asks(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.follow()
    assert await case.shares(1.0) == [1.0]
    case.file.write_text(GONE + "# longer\n")
    assert await case.shares(2.0, 3.0) == [1.0, 0.0, 0.0]
    assert [uris for uris in case.reported if uris] == [{case.uri}] * 3
    assert case.reported[-1] == set()


async def test_a_file_is_read_again_if_it_changed_or_is_said_to(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.follow()
    stat = case.file.stat()
    assert await case.shares(1.0) == [1.0]
    # As long as before, and with the time of before: as if nothing had happened.
    case.file.write_text(GONE.ljust(len(KEPT), "\n"))
    os.utime(case.file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert await case.shares(2.0) == [1.0, 1.0]
    case.aftermath.changed_on_disk(case.uri)
    assert await case.shares(3.0) == [1.0, 1.0, 0.0]


async def test_a_file_of_the_same_size_and_another_time_is_read(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.follow()
    assert await case.shares(1.0) == [1.0]
    case.file.write_text(GONE.ljust(len(KEPT), "\n"))
    os.utime(case.file, ns=(0, 0))
    assert await case.shares(2.0) == [1.0, 0.0]


async def test_an_open_document_counts_as_far_as_it_can_be_trusted(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.follow()
    opened = case.documents.open(case.uri, "python", 1, GONE)
    assert await case.shares(1.0) == [0.0]
    opened.document.trusted = False
    assert await case.shares(2.0) == [0.0, None]


async def test_an_open_document_may_be_too_large_or_have_other_line_ends(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.follow()
    case.documents.open(case.uri, "python", 1, KEPT + "#" * MAX)
    assert await case.shares(1.0) == [None]
    case.documents.open(case.uri, "python", 2, KEPT.replace("\n", "\r\n"))
    assert await case.shares(2.0) == [None, 1.0]


async def test_line_ends_do_not_count(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.follow()
    case.file.write_bytes(KEPT.replace("\n", "\r\n").encode())
    assert await case.shares(1.0) == [1.0]


@pytest.mark.parametrize("content", [KEPT.encode() + b"#" * MAX, KEPT.encode() + b"\xff", None])
async def test_what_is_no_text_of_a_fair_size_is_not_seen(
    tmp_path: Path, content: bytes | None
) -> None:
    case = Case(tmp_path)
    case.follow()
    case.file.unlink()
    if content is not None:
        case.file.write_bytes(content)
    assert await case.shares(1.0) == [None]


async def test_a_file_of_just_the_size_is_seen(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.follow()
    case.file.write_text(KEPT.ljust(MAX, "\n"))
    assert await case.shares(1.0) == [1.0]


async def test_an_excluded_file_is_not_read(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.file = case.file.rename(tmp_path / "secret.py")
    case.watch.uri = case.file.as_uri()
    case.follow()
    assert await case.shares(1.0) == [None]


@pytest.mark.parametrize(("level", "said"), [("full", 0), ("facts", 3)])
async def test_an_end_leaves_to_the_next_run_what_it_may_keep(
    tmp_path: Path, level: str, said: int
) -> None:
    case = Case(tmp_path)
    case.follow(level=FeedbackLevel(level))
    case.aftermath.end()
    assert len(case.found) == said
    assert [trail.level for trail in case.aftermath.trails] == ["full"] * (not said)


@pytest.mark.parametrize("where", ["accepted", "around"])
async def test_what_holds_a_key_is_not_kept_for_a_later_run(tmp_path: Path, where: str) -> None:
    key = 'token = "' + "ghp_" + "a1B2c3D4e5F6" * 3 + '"\n'
    case = Case(tmp_path, key if where == "accepted" else "x = one + two\n")
    case.file.write_text(KEPT.replace("print(x)\n", key))
    case.follow()
    assert [trail.level for trail in case.aftermath.trails] == ["facts"]
