"""How fast one managed vLLM answers edit prompts with an adapter: the figures behind the defaults.

    python -m tests.server.bench_engine [--engine.dtype bfloat16] [--engine.speculate false] ...

Starts the engine as the gateway does, with the same settings, and prints one JSON line: seconds to
come up, median seconds of one answer in one stream, and tokens per second of 16 greedy streams and
of 16 prompts with 8 samples each at temperature 1. Other load on the machine spoils the figures;
compare medians of runs that alternate.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from feedback_store.events import EditContext, RecentEdit
from feedback_store.settings import add_flags, load, overrides_of
from server.app import this_machine
from server.config import ServerSettings
from server.engine import process
from server.engine.client import Completion, EngineClient, Sampling
from server.engine.flags import launch
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from tests.server.adapters import publish_adapter

ROOT = Path(__file__).parents[2]
ROUNDS = 5
STREAMS = 16
SAMPLES = 8
TIMEOUT_S = 600.0
ALMOST_NOTHING = 1e-5
"""B of the adapter: it costs what any adapter costs and leaves the answers as they are."""


def prompts(profile: ModelProfile) -> list[str]:
    """Return edit prompts over this repository's own code: a name changed above, a region below."""
    made: list[str] = []
    for path in sorted((ROOT / "feedback_store").glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for start in range(40, len(lines) - 20, 30):
            above, region = lines[start - 12 : start], lines[start : start + 8]
            diff = f"-{above[-1].replace('e', 'o', 1)}+{above[-1]}"
            context = EditContext(
                path=path.name,
                language="python",
                prefix="".join(above),
                region="".join(region),
                suffix="".join(lines[start + 8 : start + 14]),
                region_first_line=start,
                cursor_line=0,
                cursor_character=0,
                recent_edits=(RecentEdit(path=path.name, diff=diff),),
            )
            text = profile.format.render(context, profile.budget)
            if isinstance(text, str):
                made.append(text)
    return made


async def measure(client: EngineClient, texts: list[str], profile: ModelProfile) -> dict[str, Any]:
    """Return the medians over `ROUNDS` rounds."""
    greedy = Sampling(profile.budget.answer_tokens, stop=profile.format.stop)
    sampled = Sampling(256, 1.0, SAMPLES, stop=profile.format.stop, priority=10)

    async def answer(text: str, sampling: Sampling) -> list[Completion]:
        return await client.complete("bench", text, sampling, TIMEOUT_S)

    async def rate(chosen: list[str], sampling: Sampling) -> float:
        started = time.perf_counter()
        groups = await asyncio.gather(*(answer(text, sampling) for text in chosen))
        tokens = sum(len(one.token_ids) for group in groups for one in group)
        return tokens / (time.perf_counter() - started)

    single: list[float] = []
    tokens: list[int] = []
    many: list[float] = []
    wide: list[float] = []
    for turn in range(ROUNDS):
        shifted = texts[turn * STREAMS :] + texts
        for text in shifted[:4]:
            started = time.perf_counter()
            (one,) = await answer(text, greedy)
            single.append(time.perf_counter() - started)
            tokens.append(len(one.token_ids))
        many.append(await rate(shifted[4 : 4 + STREAMS], greedy))
        wide.append(await rate(shifted[4 : 4 + STREAMS], sampled))
    return {
        "one_stream_ms": round(statistics.median(single) * 1000),
        "one_stream_tokens": statistics.median(tokens),
        "one_stream_tokens_per_s": round(
            statistics.median(n / s for n, s in zip(tokens, single, strict=True))
        ),
        "16_streams_tokens_per_s": round(statistics.median(many)),
        "128_samples_tokens_per_s": round(statistics.median(wide)),
    }


async def main() -> None:
    """Start, measure, end, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_flags(parser, ServerSettings)
    given = parser.parse_args()
    overrides = overrides_of(given)
    settings = load(ServerSettings, "server", given.config, overrides)
    profile = profile_for(settings.engine.profile)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        adapter = publish_adapter(folder, "bench", b=ALMOST_NOTHING)
        started = time.perf_counter()
        command = launch(settings.engine, profile, settings.model_folder(), this_machine())
        record = process.spawn(command, folder / "engine.json", folder / "engine.log")
        try:
            await process.wait_ready(record, folder / "engine.log", TIMEOUT_S)
            answering = time.perf_counter() - started
            await process.warm_up(record, profile.name, TIMEOUT_S)
            warm = time.perf_counter() - started
            client = EngineClient(record.url, record.key)
            await client.load_adapter("bench", adapter)
            await client.complete("bench", "x = 1\n" * 9, Sampling(16), TIMEOUT_S)
            figures = await measure(client, prompts(profile), profile)
            await client.close()
        finally:
            await process.end(record, 20.0)
    load_average = round(os.getloadavg()[0], 1)
    up = {"answers_after_s": round(answering), "warm_after_s": round(warm)}
    print(json.dumps({"settings": overrides, "load": load_average} | up | figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
