"""What makes edits fast, each thing alone and all together: real vLLM on real edit prompts.

All engines of a run are up at the same time and asked in turns, one question at a time, so that
whatever else the machine does slows all alike. What an adapter costs is measured with one that
changes nothing. Prompts of one way of asking never warm another's prefix cache. Used by
`python -m tests.bench.serve --edits`.
"""

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from server.engine.answer import CONVERGED
from server.engine.client import EngineClient, Sampling
from server.prompts.convergence import converged
from server.prompts.profile import ModelProfile
from server.prompts.profiles import profile_for
from tests.bench.serve_edit_tasks import Moment, moments, on_true_answers
from tests.bench.serve_engines import Engines, device_of
from trainer.progress import Display

TIMEOUT_S = 120.0
AT_ONCE = 4
CROWD = 8
"""Questions per configuration that are asked `AT_ONCE` at a time."""
DRAWS = 2000
NOTHING = "nothing"
ADAPTER = "adapter"


@dataclass(frozen=True)
class Configuration:
    """One engine and one way to ask it."""

    name: str
    engine: str
    early_stop: bool = False
    prefill: bool = False


ENGINES = ("nothing", "prefix_caching", "ngram", "shipped")
CONFIGURATIONS = (
    Configuration(NOTHING, "nothing"),
    Configuration("prefix_caching", "prefix_caching"),
    Configuration("ngram", "ngram"),
    Configuration("ngram+prefix_caching", "shipped"),
)
IN_REWRITES = (
    Configuration("early_stop", "nothing", early_stop=True),
    Configuration("prefill", "nothing", prefill=True),
    Configuration("ngram+prefix_caching+early_stop", "shipped", early_stop=True),
    Configuration("ngram+prefix_caching+prefill", "shipped", prefill=True),
    Configuration("together", "shipped", early_stop=True, prefill=True),
)
"""Only where an answer repeats the region there is a head to prefill and an end to leave out."""


@dataclass(frozen=True)
class Answered:
    """One answer: seconds until all of it was there, and what it says."""

    seconds: float
    tokens: int
    early: bool
    region: str | None
    exact: bool
    cpu_s: float = 0.0
    """CPU time of the engine: unlike the seconds, other load hardly changes it."""


Results = dict[tuple[str, str], list[Answered]]
"""By configuration and by model (the profile's name, or ADAPTER)."""


async def ask(
    client: EngineClient, way: Configuration, model: str, moment: Moment, profile: ModelProfile
) -> Answered:
    """Ask one question in one way."""
    sampling = Sampling(profile.budget.answer_tokens, stop=profile.format.stop)
    head = moment.head if way.prefill else ""
    region, prompt = moment.context.region, moment.prompt + head

    def enough(so_far: str) -> bool:
        return converged(region, head + so_far) is not None

    began = time.perf_counter()
    if way.early_stop:
        one = await client.complete_until(model, prompt, sampling, TIMEOUT_S, enough)
    else:
        (one,) = await client.complete(model, prompt, sampling, TIMEOUT_S)
    seconds = time.perf_counter() - began
    early, text = one.finish_reason == CONVERGED, head + one.text
    whole = (converged(region, text) if early else None) or text
    finished = early or one.finish_reason == "stop"
    parsed = profile.format.parse(moment.context, whole, finished=finished)
    told = parsed.new_region if parsed.new_region is not None else str(parsed.reason)
    return Answered(seconds, len(one.token_ids), early, told, told == moment.wanted)


async def one_at_a_time(
    engines: Engines,
    ways: Sequence[Configuration],
    asked: Sequence[Sequence[Moment]],
    profile: ModelProfile,
    until_s: float,
    display: Display,
) -> Results:
    """Ask every task's questions in every way, in turns, for at most `until_s` seconds."""
    pairs = [(way, model) for way in ways for model in (profile.name, ADAPTER)]
    found: Results = defaultdict(list)
    until = time.perf_counter() + until_s
    with display.phase("one at a time", len(asked)) as advance:
        for turn, task in enumerate(asked):
            if time.perf_counter() > until:
                break
            for way, model in pairs[turn % len(pairs) :] + pairs[: turn % len(pairs)]:
                client = engines.client(way.engine, way.name)
                for moment in task:
                    before = engines.cpu_s(way.engine)
                    one = await ask(client, way, model, moment, profile)
                    spent = engines.cpu_s(way.engine) - before
                    found[way.name, model].append(replace(one, cpu_s=spent))
            advance(1, f"{until - time.perf_counter():.0f} s at most")
    return found


async def at_once(
    engines: Engines,
    ways: Sequence[Configuration],
    asked: Sequence[Sequence[Moment]],
    profile: ModelProfile,
    display: Display,
) -> dict[tuple[str, str], float]:
    """Return the median seconds for a whole edit when `AT_ONCE` are always under way."""
    questions = [task[0] for task in asked[-CROWD:]]
    found: dict[tuple[str, str], float] = {}

    async def crowd(way: Configuration, model: str) -> list[Answered]:
        client, room = engines.client(way.engine, f"{way.name} crowd"), asyncio.Semaphore(AT_ONCE)

        async def one(moment: Moment) -> Answered:
            async with room:
                return await ask(client, way, model, moment, profile)

        return await asyncio.gather(*(one(moment) for moment in questions))

    with display.phase(f"{AT_ONCE} at once", 2 * len(ways)) as advance:
        for way in ways:
            for model in (profile.name, ADAPTER):
                answers = await crowd(way, model)
                found[way.name, model] = statistics.median(one.seconds for one in answers)
                advance(1, way.name)
    return found


def figures(found: Results, crowd: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    """Return the figures by configuration and model."""
    told: dict[str, Any] = {}
    for (name, model), answers in found.items():
        plain = found[NOTHING, model]
        seconds = np.array([one.seconds for one in answers])
        before = np.array([one.seconds for one in plain])
        told[_key(name, model)] = {
            "speedup": _ratio(before, seconds),
            "cpu_ratio": _ratio(_cpu(plain), _cpu(answers)),
            "median_ms": float(1000 * np.median(seconds)),
            "p90_ms": float(1000 * np.percentile(seconds, 90)),
            "tokens_per_s": sum(one.tokens for one in answers) / float(seconds.sum()),
            "tokens": statistics.median(one.tokens for one in answers),
            f"median_ms_{AT_ONCE}_at_once": 1000 * crowd[name, model],
            "ended_early": _share(one.early for one in answers),
            "same_answer": _share(
                a.region == b.region for a, b in zip(answers, plain, strict=True)
            ),
            "exact": _share(one.exact for one in answers),
        }
    return told


def _cpu(answers: Sequence[Answered]) -> np.ndarray:
    return np.array([one.cpu_s for one in answers])


def _key(name: str, model: str) -> str:
    return f"{name}/{ADAPTER}" if model == ADAPTER else name


def _share(values: Iterator[bool]) -> float:
    return statistics.fmean(map(float, values))


def _ratio(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """How many times as long `before` took in all, with a 95 % interval over tasks (two questions
    each)."""
    before, after = before.reshape(-1, 2).sum(1), after.reshape(-1, 2).sum(1)
    drawn = np.random.default_rng(0).integers(0, len(before), (DRAWS, len(before)))
    ratios = before[drawn].sum(1) / after[drawn].sum(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"value": float(before.sum() / after.sum()), "low": float(low), "high": float(high)}


def measure(folder: Path, data: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Start all engines, ask, end them; return `edits` and `edit_speedup` for `serve.json`."""
    return asyncio.run(_measure(folder, data, given))


async def _measure(folder: Path, data: Path, given: argparse.Namespace) -> dict[str, Any]:
    display, profile = Display(), profile_for(given.profile)
    lines = given.lines or profile.region_lines
    asked = moments(data, profile, given.tasks, lines)
    ways = CONFIGURATIONS + (IN_REWRITES if profile.format.repeats else ())
    truths = on_true_answers(data) if profile.format.repeats else {}
    async with Engines(folder, profile, given.model, ENGINES, display) as engines:
        for way in ways:  # nothing that happens for the first time is measured
            for model in (profile.name, ADAPTER):
                await ask(engines.client(way.engine, "warm"), way, model, asked[-1][0], profile)
        found = await one_at_a_time(engines, ways, asked, profile, given.seconds, display)
        crowd = await at_once(engines, ways, asked, profile, display)
        counters = await engines.counters()
    told = figures(found, crowd)
    return {
        "edits": {
            profile.name: {
                "device": device_of(),
                "model": str(given.model or profile.name),
                "tasks": len(next(iter(found.values()))) // 2,
                "region_lines": lines,
                "configurations": told,
                "engines": counters,
                "true_answers": truths,
            }
        },
        "edit_speedup": {
            f"{profile.name}/{name}": one["speedup"]["value"] for name, one in told.items()
        },
    }


def show(found: Mapping[str, Any]) -> None:
    """Print one model's table."""
    table = Table(title=f"{found['model']}, {found['device']}: {found['tasks']} tasks, asked twice")
    for column in ("configuration", "speed-up", "by CPU time", "median", "p90", "tokens/s"):
        table.add_column(column)
    for column in (f"{AT_ONCE} at once", "early", "same", "exact"):
        table.add_column(column)
    for name, one in found["configurations"].items():
        ratios = (one["speedup"], one["cpu_ratio"])
        times = (one["median_ms"], one["p90_ms"])
        shares = (one["ended_early"], one["same_answer"], one["exact"])
        table.add_row(
            name,
            *(f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})" for one in ratios),
            *(f"{ms:.0f} ms" for ms in times),
            f"{one['tokens_per_s']:.0f}",
            f"{one[f'median_ms_{AT_ONCE}_at_once']:.0f} ms",
            *(f"{100 * share:.0f} %" for share in shares),
        )
    Console(width=140).print(table)
    shown = found["engines"] | {"true answers": found["true_answers"]}
    for name, shares in shown.items():
        told = [f"{what} {100 * share:.1f} %" for what, share in shares.items() if what != "tasks"]
        if told:
            print(f"{name}: {', '.join(told)}")
