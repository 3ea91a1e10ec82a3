"""A real `hone-lsp` over stdio: how fast it starts, what it adds to the gateway's own latency, and
whether eight hours of typing leave anything behind in its memory.

Knows processes and a stand-in gateway. The eight hours pass as fast as they can be typed, with
settling times to match: as many keys, suggestions, accepts and settlements, not as many seconds.
"""

import http.client
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tests.lsp.conftest import user
from tests.lsp.editor import Editor
from tests.lsp.scenes import rewrite
from tests.lsp.standin import StandIn

CODE = "".join(f"    value_{n} = compute(other_{n}, {n})\n" for n in range(300))
HOURS, KEYS_PER_S = 8, 3
KEYS = HOURS * 3600 * KEYS_PER_S
KEYS_PER_REQUEST = 30
"""A request every ten seconds of typing."""
BRIEF = {
    "HONE_LSP_SETTLING__QUIET_S": "0.05",
    "HONE_LSP_SETTLING__LONGEST_WAIT_S": "0.5",
    "HONE_LSP_SETTLING__HORIZONS_S": "0,0.02,0.05",
    "HONE_LSP_SUGGEST__AHEAD": "true",
}
AHEAD_OFF = {"HONE_LSP_SUGGEST__AHEAD": "false"}
REST_S = 0.02
"""Between a change and the request that is timed, so that one is not counted as the other."""


def started_ms(times: int) -> dict[str, Any]:
    """Return the milliseconds from starting the process to the answer to `initialize`."""
    with _place() as (gateway, folder):
        spent: list[float] = []
        for _ in range(times):
            began = time.perf_counter()
            editor = Editor(folder / "workspace", user(gateway, folder))
            editor.initialize()
            spent.append(1000.0 * (time.perf_counter() - began))
            editor.shutdown()
    return {"median": round(statistics.median(spent), 1), "least": round(min(spent), 1)}


def added_ms(turns: int) -> dict[str, float]:
    """Return what a next edit through `hone-lsp` takes beyond the same question put bare, in
    turns to the same gateway."""
    with _place() as (gateway, folder), _editor(gateway, folder, AHEAD_OFF) as editor:
        uri = editor.open("a.py", CODE)
        wire = http.client.HTTPConnection("127.0.0.1", gateway.port)
        bare: list[float] = []
        through: list[float] = []
        for turn in range(turns + 10):
            line = 20 + 17 * turn % 250
            editor.change(uri, ((line, 4), (line, 4), "x"))
            editor.status()
            time.sleep(REST_S)
            gateway.answers.append(rewrite("compute", "calculate"))
            through.append(_ms(lambda at=line: editor.next_edit(uri, at, 5)))
            gateway.answers.append(rewrite("compute", "calculate"))
            [body] = [body for body in gateway.bodies if '"context"' in body]
            time.sleep(REST_S)
            bare.append(_ms(lambda sent=body: _post(wire, sent)))
            gateway.bodies.clear()
        wire.close()
    pairs = [a - b for a, b in zip(through[10:], bare[10:], strict=True)]
    found = {"p50": statistics.median(through[10:]) - statistics.median(bare[10:])}
    found |= {"paired_p50": statistics.median(pairs)}
    found |= {"hone_p50": statistics.median(through[10:]), "bare_p50": statistics.median(bare[10:])}
    return {name: round(value, 3) for name, value in found.items()}


def memory(keys: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return how much larger the process is at the end than after the first tenth."""
    draw, sizes, accepts, requests = Random(0), [], 0, 0
    with _place() as (gateway, folder), _editor(gateway, folder, BRIEF) as editor:
        process = psutil.Process(editor.process.pid)
        uri = editor.open("a.py", CODE)
        for key in range(0, keys, KEYS_PER_REQUEST):
            line = draw.randrange(1, 290)
            _type(editor, uri, line, draw)
            requests += 1
            gateway.answers += [rewrite("compute", "calculate"), rewrite("calculate", "compute")]
            edit = editor.next_edit(uri, line, 4)
            if edit and draw.random() < 0.5:
                editor.apply(uri, edit)
                editor.command("hone.accept", *edit["command"]["arguments"])
                accepts += 1
            if requests % 50 == 0:
                editor.close_documents()
                uri = editor.open(f"{requests % 7}.py", CODE)
                editor.wait_delivered()
                gateway.reset()
                sizes.append(process.memory_info().rss / 2**20)
                say(f"{key:,} keys, {sizes[-1]:.1f} MB")
    tenth = max(3, len(sizes) // 10)
    after, at_end = (
        statistics.median(sizes[tenth : 2 * tenth] or sizes),
        statistics.median(sizes[-tenth:]),
    )
    told = {"growth_mb": round(at_end - after, 2), "after_warm_up_mb": round(after, 1)}
    told |= {"at_end_mb": round(at_end, 1), "largest_mb": round(max(sizes), 1)}
    return told | {"keys": keys, "requests": requests, "accepts": accepts, "samples": len(sizes)}


def _type(editor: Editor, uri: str, line: int, draw: Random) -> None:
    """Type a word and take it back, so that the document stays the same size."""
    half = KEYS_PER_REQUEST // 2
    for column in range(4, 4 + half):
        editor.change(uri, ((line, column), (line, column), draw.choice("abcdefgh_")))
    keep = draw.randrange(3)
    for column in range(4 + half, 4 + keep, -1):
        editor.change(uri, ((line, column - 1), (line, column), ""))


def _post(wire: http.client.HTTPConnection, body: str) -> None:
    wire.request("POST", "/v1/suggest", body, {"Content-Type": "application/json"})
    wire.getresponse().read()


def _ms(what: Callable[[], Any]) -> float:
    began = time.perf_counter()
    what()
    return 1000.0 * (time.perf_counter() - began)


@contextmanager
def _editor(gateway: StandIn, folder: Path, settings: dict[str, str]) -> Iterator[Editor]:
    editor = Editor(folder / "workspace", user(gateway, folder) | settings)
    editor.initialize()
    editor.wait(lambda: editor.status()["gateway"]["connected"], "the greeting")
    yield editor
    editor.shutdown()


@contextmanager
def _place() -> Iterator[tuple[StandIn, Path]]:
    """Lend a gateway and a user's folder."""
    gateway = StandIn()
    gateway.start()
    with tempfile.TemporaryDirectory(prefix="hone-bench-") as folder:
        (Path(folder) / "workspace").mkdir()
        yield gateway, Path(folder)
    gateway.stop()
