"""A managed engine's life: adopted after a crash of the gateway, restarted when it dies, ended
with everything it started, and nothing else."""

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.config import EngineSettings
from server.engine import client as client_module
from server.engine import process, supervisor
from server.engine import record as records
from server.engine.errors import EngineStartError
from server.engine.flags import Launch
from server.engine.record import EngineRecord
from server.engine.supervisor import EngineFiles, EngineState, ManagedEngine
from tests.server import standin
from tests.server.serving import wait_for

SCRIPT = Path(standin.__file__)
STOP_S = 5.0


@pytest.fixture
def files(tmp_path: Path) -> EngineFiles:
    return EngineFiles(tmp_path / "engine.json", tmp_path / "engine.log")


@pytest.fixture
def command() -> Launch:
    env = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    return Launch((sys.executable, str(SCRIPT), "--served-model-name=hone-tiny"), env)


@pytest.fixture
def started(files: EngineFiles, command: Launch) -> Iterator[EngineRecord]:
    """A running stand-in engine, as a gateway that was killed leaves it."""
    record = process.spawn(command, files.record, files.log)
    try:
        asyncio.run(process.wait_ready(record, files.log, 30.0))
        yield record
    finally:
        asyncio.run(process.end(record, STOP_S))


async def with_engine(
    files: EngineFiles,
    command: Launch,
    check: Callable[[ManagedEngine], Awaitable[None]],
    **changes: Any,
) -> None:
    """Run a supervisor until its engine is up and `check` is through."""
    came_up = asyncio.Event()
    settings = EngineSettings(restart_backoff_s=0.1, stop_timeout_s=STOP_S, **changes)
    engine = ManagedEngine(settings, command, files, came_up.set)
    running = asyncio.create_task(engine.run())
    try:
        await asyncio.wait_for(came_up.wait(), 30.0)
        await check(engine)
    finally:
        running.cancel()
        await asyncio.wait({running})
        await engine.stop()


def test_the_record_is_private_and_the_key_in_no_command_line(
    started: EngineRecord, files: EngineFiles
) -> None:
    assert stat.S_IMODE(files.record.stat().st_mode) == 0o600
    assert records.read(files.record) == started
    assert started.key not in Path(f"/proc/{started.pid}/cmdline").read_text()
    assert os.getpgid(started.pid) == started.pid != os.getpgid(0)
    refused = httpx.get(f"{started.url}/v1/models")
    assert refused.status_code == httpx.codes.UNAUTHORIZED


def test_a_gateway_that_starts_again_adopts_its_engine(
    started: EngineRecord, files: EngineFiles, command: Launch
) -> None:
    async def check(engine: ManagedEngine) -> None:
        assert engine.adopted
        assert set(await engine.client().models()) == {"hone-tiny"}

    asyncio.run(with_engine(files, command, check))
    assert not records.is_ours(started)
    assert not files.record.exists()


def test_an_engine_with_other_settings_is_ended_and_replaced(
    started: EngineRecord, files: EngineFiles, command: Launch
) -> None:
    other = replace(command, argv=(*command.argv, "--max-lora-rank=16"))

    async def check(engine: ManagedEngine) -> None:
        assert not engine.adopted
        assert not records.is_running(started)
        found = records.read(files.record)
        assert found is not None
        assert found.pid != started.pid

    asyncio.run(with_engine(files, other, check))


def test_an_engine_that_does_not_answer_is_ended_and_replaced(
    started: EngineRecord, files: EngineFiles, command: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HEALTH_TIMEOUT_S", 0.5)
    os.killpg(started.pid, signal.SIGSTOP)

    async def check(engine: ManagedEngine) -> None:
        assert not engine.adopted
        assert not records.is_ours(started)

    asyncio.run(with_engine(files, command, check))


def test_an_engine_that_dies_comes_back_by_itself(files: EngineFiles, command: Launch) -> None:
    async def check(engine: ManagedEngine) -> None:
        first = records.read(files.record)
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        async with asyncio.timeout(30.0):
            while engine.restarts == 0 or engine.state is not EngineState.UP:
                await asyncio.sleep(0.05)
        second = records.read(files.record)
        assert second is not None
        assert second.pid != first.pid
        assert await engine.client().healthy()

    asyncio.run(with_engine(files, command, check))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60.0):
        while not condition():
            await asyncio.sleep(0.02)


async def stopped(engine: ManagedEngine, files: EngineFiles) -> records.EngineRecord:
    """Have an engine hang, and wait until that is noticed."""
    first = records.read(files.record)
    assert first is not None
    os.killpg(first.pid, signal.SIGSTOP)
    await until(lambda: engine.state is EngineState.DOWN)
    return first


def test_an_engine_that_hangs_is_killed_and_comes_back(
    files: EngineFiles, command: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HEALTH_TIMEOUT_S", 0.5)

    async def check(engine: ManagedEngine) -> None:
        first = await stopped(engine, files)
        assert engine.problem == "the engine does not answer"
        await until(lambda: engine.restarts == 1 and engine.state is EngineState.UP)
        assert not records.is_ours(first)
        assert await engine.client().healthy()

    asyncio.run(with_engine(files, command, check, health_failures=3))


def test_an_engine_that_was_slow_is_left_alone(
    files: EngineFiles, command: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HEALTH_TIMEOUT_S", 0.5)

    async def check(engine: ManagedEngine) -> None:
        first = await stopped(engine, files)
        os.killpg(first.pid, signal.SIGCONT)
        await until(lambda: engine.state is EngineState.UP)
        assert (engine.restarts, engine.problem) == (0, "")
        assert records.is_running(first)

    asyncio.run(with_engine(files, command, check, health_failures=1000))


@pytest.mark.parametrize(("steady_s", "waits"), [(60.0, [0.1, 0.2, 0.4]), (0.0, [0.1, 0.1, 0.1])])
def test_waits_grow_until_an_engine_was_up_for_a_while(
    files: EngineFiles,
    command: Launch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    steady_s: float,
    waits: list[float],
) -> None:
    """This engine comes up well and dies at once, as of a first request."""
    monkeypatch.setattr(supervisor, "STEADY_S", steady_s)

    async def check(engine: ManagedEngine) -> None:
        for times in range(len(waits)):
            await until(lambda n=times: engine.restarts == n and engine.state is EngineState.UP)
            record = records.read(files.record)
            assert record is not None
            os.killpg(record.pid, signal.SIGKILL)
        await until(lambda: engine.restarts == len(waits))

    asyncio.run(with_engine(files, command, check))
    said = re.findall(r"starting it again in (\S+) s", caplog.text)
    assert [float(wait) for wait in said] == waits


def test_a_reused_process_id_is_not_ours(started: EngineRecord) -> None:
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    )
    try:
        mistaken = replace(started, pid=bystander.pid)
        assert not records.is_ours(mistaken)
        asyncio.run(process.end(mistaken, STOP_S))
        assert bystander.poll() is None
        assert not records.is_ours(replace(started, boot="before the last boot"))
    finally:
        bystander.kill()
        bystander.wait()


def test_workers_that_outlive_their_leader_are_ended_too(files: EngineFiles) -> None:
    code = textwrap.dedent(
        """
        import subprocess, sys
        worker = "from signal import *; signal(SIGTERM, SIG_IGN); import time; time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", worker])
        """
    )
    record = process.spawn(
        Launch((sys.executable, "-c", code), dict(os.environ)), files.record, files.log
    )
    wait_for(lambda: process.reap(record.pid) or not records.is_running(record))
    assert records.is_ours(record)
    asyncio.run(process.end(record, 0.5))
    assert not records.is_ours(record)


def test_an_engine_that_cannot_start_says_where_to_look(files: EngineFiles) -> None:
    broken = Launch((sys.executable, "-c", "raise SystemExit('no vllm here')"), dict(os.environ))
    record = process.spawn(broken, files.record, files.log)
    with pytest.raises(EngineStartError, match=r"engine\.log"):
        asyncio.run(process.wait_ready(record, files.log, 30.0))
    assert "no vllm here" in files.log.read_text()
    with pytest.raises(EngineStartError, match=r"set engine\.python"):
        process.spawn(Launch(("/nowhere/python",), {}), files.record, files.log)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "null"])
def test_a_damaged_record_is_no_record(files: EngineFiles, text: str) -> None:
    files.record.write_text(text)
    assert records.read(files.record) is None
