"""Nothing goes to the gateway that nobody has looked at, and nothing with a key in it."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from feedback_store.events import (
    Client,
    Diagnostic,
    EditContext,
    Excerpt,
    Reason,
    RecentEdit,
    SuggestRequest,
    SuggestResponse,
)
from lsp.gateway import Silence
from lsp.screen import Screen, guarded

KEY = "AKIA" + "ABCDEFGH12345678"
ANSWER = SuggestResponse(suggestion_id="s", policy_version="v", new_region="x")


class Eye:
    """Looks at lines as told: keeps a history, and waits while it is held."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.looked = threading.Condition()

    def __call__(self, line: str) -> bool:
        self.free.wait()
        with self.looked:
            self.seen.append(line)
            self.looked.notify_all()
        if "impossible" in line:
            raise ValueError(line)
        return KEY in line

    def wait_for(self, count: int) -> None:
        with self.looked:
            assert self.looked.wait_for(lambda: len(self.seen) >= count, 30)


class Gateway:
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[SuggestRequest] = []

    async def suggest(self, request: SuggestRequest) -> SuggestResponse | Silence:
        self.requests.append(request)
        return ANSWER


@pytest.fixture
def eye() -> Eye:
    return Eye()


@pytest.fixture
async def screen(eye: Eye) -> AsyncIterator[Screen]:
    made = Screen(eye)
    yield made
    eye.free.set()
    made.close()


def request(**context: object) -> SuggestRequest:
    plain: dict[str, object] = {
        "path": "a.py",
        "language": "python",
        "prefix": "before = 1\n",
        "region": "region = 1\n",
        "suffix": "after = 1\n",
        "region_first_line": 1,
        "cursor_line": 0,
        "cursor_character": 0,
    }
    return SuggestRequest(
        session="s",
        workspace="w",
        client=Client(name="test", version="1"),
        document="d",
        document_version=1,
        context=EditContext.model_validate(plain | context),
        client_time=0.0,
    )


@pytest.mark.parametrize("place", ["prefix", "region", "suffix"])
async def test_a_key_in_the_code_is_not_sent(screen: Screen, place: str) -> None:
    gateway = Gateway()
    ask = guarded(screen, gateway.suggest)
    text = f"x = 1\nkey = '{KEY}'\n"
    silence = await ask(request(**{place: text}))
    assert isinstance(silence, Silence)
    assert silence.reason == Reason.EXCLUDED
    assert "key" in silence.detail
    assert gateway.requests == []
    assert await ask(request()) is ANSWER


async def test_what_can_be_left_out_is_left_out(screen: Screen) -> None:
    gateway = Gateway()
    clean = (
        RecentEdit(path="b.py", diff=" above = 1\n-old = 1\n+new = 1\n"),
        Diagnostic(line=1, severity=1, message="undefined name"),
        Excerpt(path="c.py", text="def other():\n    pass\n"),
    )
    dirty = (
        RecentEdit(path="b.py", diff=f" above = 1\n-old = '{KEY}'\n+new = 1\n"),
        Diagnostic(line=1, severity=1, message=f"unused '{KEY}'"),
        Excerpt(path="c.py", text=f"def other():\n    return '{KEY}'\n"),
    )
    names = ("recent_edits", "diagnostics", "excerpts")
    both = dict(zip(names, zip(dirty, clean, strict=True), strict=True))
    assert await guarded(screen, gateway.suggest)(request(**both)) is ANSWER
    [sent] = gateway.requests
    assert KEY not in sent.model_dump_json()
    assert [getattr(sent.context, name) for name in names] == [(one,) for one in clean]
    assert sent.context.region == "region = 1\n"


async def test_a_key_anywhere_else_is_not_sent(screen: Screen) -> None:
    gateway = Gateway()
    silence = await guarded(screen, gateway.suggest)(request(path=f"keys/{KEY}.py"))
    assert isinstance(silence, Silence)
    assert gateway.requests == []


async def test_a_line_that_nobody_has_looked_at_waits(screen: Screen, eye: Eye) -> None:
    gateway = Gateway()
    eye.free.clear()
    asking = asyncio.ensure_future(guarded(screen, gateway.suggest)(request()))
    done, _ = await asyncio.wait([asking], timeout=0.05)
    assert not done
    assert gateway.requests == []
    eye.free.set()
    assert await asking is ANSWER


async def test_whoever_gives_up_waiting_has_sent_nothing(screen: Screen, eye: Eye) -> None:
    gateway = Gateway()
    eye.free.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await guarded(screen, gateway.suggest)(request())
    eye.free.set()
    assert await guarded(screen, gateway.suggest)(request()) is ANSWER
    assert len(gateway.requests) == 1


async def test_lines_seen_at_a_glance_are_known(screen: Screen, eye: Eye) -> None:
    screen.glance(["    region = 1\r\n", "before = 1\n", "after = 1", "w s d d a\n", "x\n"])
    eye.wait_for(4)
    eye.free.clear()
    assert not await screen.holds(["region = 1", "before = 1", "\tafter = 1", "w s d d a", "x"])


async def test_a_request_does_not_wait_for_a_large_file(screen: Screen, eye: Eye) -> None:
    screen.glance([f"line number {number}" for number in range(20_000)])
    assert await screen.holds([f"wanted = '{KEY}'"])
    assert len(eye.seen) < 20_000


async def test_what_cannot_be_looked_at_is_not_sent(screen: Screen) -> None:
    assert await screen.holds(["an impossible line"])
    assert not await screen.holds(["a possible line"])


async def test_the_memory_is_bounded(eye: Eye) -> None:
    screen = Screen(eye, kept=10)
    lines = [f"line number {number}" for number in range(30)]
    assert not await screen.holds(lines)
    assert not await screen.holds(lines[-10:])
    assert len(eye.seen) == 30
    assert not await screen.holds(lines[:1])
    assert len(eye.seen) == 31
    screen.close()
