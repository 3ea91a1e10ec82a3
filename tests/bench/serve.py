"""`make bench-serve`: what the gateway adds to its engine, and what a swap costs who is asking.

Gateway and engine are processes of their own; the engine is a stand-in with fixed times, so that
what is measured is the gateway, or with --engine vllm the real one, where all share the cores.
With --edits it is the real engine alone, in every configuration, on the real edits in the folder
that HONE_DATA names (`serve_edits`).

    python -m tests.bench.serve [--engine vllm] [--rounds N] [--swaps N] [--output FOLDER]
    HONE_DATA=FOLDER python -m tests.bench.serve --edits [--model FOLDER --profile NAME]
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from server.engine import record as records
from server.engine.client import EngineClient
from server.engine.process import free_port
from server.prompts.profiles import profile_for
from tests.bench import serve_edits
from tests.bench import serve_load as load
from tests.e2e.stack import Gateway, gateway, poll
from tests.server.adapters import publish_adapter

RATE, BLOCK = 20.0, 100
"""Requests a second, and requests of one turn of either side."""
DELAY_S, CHUNK_S, CHUNKS, STREAMS = 0.05, 0.1, 100, 200
SUSTAINED_S = 10.0
PAUSE_S = 0.5
VLLM = {"HONE_SERVER_ENGINE__KV_CACHE_MIB": "512"}


@contextmanager
def stand_in() -> Iterator[str]:
    """Run the stand-in engine as a process; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "tests.server.standin", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "VLLM_API_KEY": ""})
    url = f"http://127.0.0.1:{port}"
    try:
        poll(lambda: _answers(url), "the stand-in engine")
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


async def overhead(running: Gateway, ask: load.Ask, rate: float, rounds: int) -> dict[str, Any]:
    """Return what the gateway adds: the same requests to it and, by `ask`, to its engine, in turns.

    The first turn of either warms it.
    """
    added: dict[str, list[float]] = {"p50": [], "p99": []}
    async with _client(running.url) as above:
        sides = {"gateway": load.at_gateway(above), "engine": ask}
        for turn in range(rounds + 1):
            took = {}
            for name, side in sides.items():
                asked = await load.at_rate(side, rate, lambda number: number >= BLOCK)
                assert not any(one.failed for one in asked), f"{name} failed"
                took[name] = [one.ms for one in asked]
            for name, percent in (("p50", 50), ("p99", 99)) if turn else ():
                gap = np.percentile(took["gateway"], percent) - np.percentile(
                    took["engine"], percent
                )
                added[name].append(float(gap))
    return {f"overhead_{name}_ms": statistics.median(gaps) for name, gaps in added.items()}


async def overhead_of_stand_in(running: Gateway, engine: str, rounds: int) -> dict[str, Any]:
    """Beside an engine whose answers take the same time whatever they are asked."""
    body = {"model": "hone-tiny", "prompt": "x" * 1500, "n": 1, "max_tokens": 9}
    async with _client(engine) as below:
        return await overhead(running, load.at_engine(below, body), RATE, rounds)


async def overhead_of_vllm(running: Gateway, rate: float, rounds: int) -> dict[str, Any]:
    """Beside the managed vLLM, which is asked for the very answer that the gateway asks for."""
    record = records.read(running.data / "engine.json")
    assert record is not None, "a managed engine writes down where it is"
    engine = EngineClient(record.url, record.key)
    try:
        return await overhead(running, load.at_vllm(engine, profile_for("hone-tiny")), rate, rounds)
    finally:
        await engine.close()


async def sustained(running: Gateway) -> float:
    """Return how many suggestions a second are answered when four are always under way."""
    async with _client(running.url) as client:
        ask, until = load.at_gateway(client), time.perf_counter() + SUSTAINED_S

        async def one_after_another(first: int) -> int:
            count = 0
            while time.perf_counter() < until:
                await ask(first + count)
                count += 1
            return count

        counts = await asyncio.gather(*(one_after_another(n * 10) for n in range(4)))
    return sum(counts) / SUSTAINED_S


async def swapping(running: Gateway, amount: int, rate: float) -> dict[str, Any]:
    """Return what swaps under load cost those who were asking."""
    names = [f"hone-{number:06d}" for number in range(1, amount + 1)]
    for name in names:
        publish_adapter(running.data / "adapters", name)
    async with _client(running.url) as client:
        turning = asyncio.ensure_future(load.swaps(client, names, PAUSE_S))
        ask = load.at_gateway(client)
        asked = await load.at_rate(ask, rate, lambda number: turning.done())
        turns = await turning
        back = await load.rollbacks(client, 20)
    during = [one.ms for one in asked if _overlaps(one, turns)]
    apart = [one.ms for one in asked if not _overlaps(one, turns)]
    return {
        "swaps": len(turns),
        "swap_requests": len(asked),
        "swap_failed": sum(one.failed for one in asked),
        "swap_misstamped": load.misstamped(asked, turns, "hone-tiny"),
        "swap_p99_ms": float(np.percentile(during, 99)),
        "no_swap_p99_ms": float(np.percentile(apart, 99)),
        "swap_stall_p99_ms": float(np.percentile(during, 99) - np.percentile(apart, 99)),
        "swap_load_ms": statistics.median(1000 * (turn.done - turn.began) for turn in turns),
        "swap_rate_per_s": rate,
        "rollback_ms": statistics.median(back),
    }


def _overlaps(one: load.Asked, turns: Sequence[load.Swap]) -> bool:
    return any(turn.began <= one.answered and one.sent <= turn.done for turn in turns)


def _client(url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=300)
    return httpx.AsyncClient(base_url=url, timeout=load.TIMEOUT_S, trust_env=False, limits=limits)


def on_stand_in(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Measure everything in front of the stand-in."""
    with stand_in() as engine:
        env = {"HONE_SERVER_ENGINE__MANAGED": "false", "HONE_SERVER_ENGINE__URL": engine}
        env["HONE_SERVER_SUGGEST__MAX_IN_FLIGHT"] = str(2 * STREAMS)
        with gateway(folder, env) as running:
            httpx.post(f"{engine}/standin/default", json={"delay_s": DELAY_S})
            found = asyncio.run(overhead_of_stand_in(running, engine, given.rounds))
            found |= asyncio.run(swapping(running, given.swaps, RATE))
            plan = {"text": "x" * CHUNKS, "chunk_s": CHUNK_S}
            httpx.post(f"{engine}/standin/default", json=plan)
            found["streaming"] = asyncio.run(_streaming(running))
    return found


async def _streaming(running: Gateway) -> dict[str, float]:
    async with _client(running.url) as client:
        return await load.streams(client, STREAMS, CHUNKS)


def on_vllm(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Measure in front of a managed vLLM, at half the rate that it sustains here."""
    with gateway(folder, VLLM) as running:
        rate = asyncio.run(sustained(running))
        found = asyncio.run(overhead_of_vllm(running, rate / 2, given.rounds))
        found |= asyncio.run(swapping(running, given.swaps, rate / 2))
    return {"vllm": {"sustained_per_s": rate, **found}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and write `serve.json`, keeping what a run with the other engine found."""
    given = _parser().parse_args(arguments)
    data = Path(os.environ.get("HONE_DATA", "")) / "edits" / "valid.jsonl.gz"
    if given.edits and ("HONE_DATA" not in os.environ or not data.is_file()):
        print("bench-serve --edits needs HONE_DATA: the folder that holds edits/valid.jsonl.gz")
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "gateway"
        if given.edits:
            found = serve_edits.measure(folder, data, given)
        else:
            found = (on_vllm if given.engine == "vllm" else on_stand_in)(folder, given)
    given.output.mkdir(parents=True, exist_ok=True)
    path = given.output / "serve.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    for name in {"edits", "edit_speedup"} & found.keys():  # of other models, measured before
        found[name] = before.get(name, {}) | found[name]
    path.write_text(json.dumps(before | found, indent=2) + "\n", encoding="utf-8")
    if given.edits:
        serve_edits.show(found["edits"][given.profile])
    else:
        _show(given.engine, found)
    return 0


def _show(engine: str, found: dict[str, Any]) -> None:
    table = Table("figure", "value", title=f"hone-server in front of {engine}")
    for name, value in found.items():
        nested = value.items() if isinstance(value, dict) else [(None, value)]
        for inner, number in nested:
            shown = f"{number:.2f}" if isinstance(number, float) else str(number)
            table.add_row(name if inner is None else f"{name}.{inner}", shown)
    Console().print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serve", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--engine", choices=("stand-in", "vllm"), default="stand-in")
    parser.add_argument("--rounds", type=int, default=5, help="turns of which medians are taken")
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--edits", action="store_true", help="what makes edits fast; 10 minutes")
    parser.add_argument("--model", type=Path, help="with --edits: folder; else the embedded one")
    parser.add_argument("--profile", default="hone-tiny", help="with --edits: the model's profile")
    parser.add_argument("--tasks", type=int, default=24, help="with --edits: asked twice each")
    parser.add_argument("--lines", type=int, default=0, help="with --edits: of a region, at most")
    parser.add_argument("--seconds", type=float, default=330, help="with --edits: at most so long")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
