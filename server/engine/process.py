"""One managed engine process: started, recognised after a crash of the gateway, ended.

Knows process groups, the record and the engine's health route. Does not know when to restart
(that is `server.engine.supervisor`) nor what the command means (`server.engine.flags`).
"""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path

from server.engine import record as records
from server.engine.client import EngineClient, Sampling
from server.engine.errors import EngineError, EngineStartError
from server.engine.flags import Launch
from server.engine.record import EngineRecord

POLL_S = 0.1
LOG_LIMIT_BYTES = 16 << 20
WARM_UP_PROMPT = "x = 1\ny = 2\n" * 8
"""Repeats itself, so that drafts are made and judged too."""
WARM_UP_TOKENS = 16


def free_port() -> int:
    """Return a TCP port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def spawn(launch: Launch, record_path: Path, log_path: Path) -> EngineRecord:
    """Start the engine in a process group of its own and write its record.

    The key travels in the environment, where `ps` does not show it.

    Raises:
        EngineStartError: the interpreter cannot be run.
    """
    port, key = free_port(), secrets.token_urlsafe(32)
    argv = [*launch.argv, "--host=127.0.0.1", f"--port={port}"]
    if log_path.exists() and log_path.stat().st_size > LOG_LIMIT_BYTES:
        log_path.replace(log_path.with_suffix(".log.1"))
    try:
        with log_path.open("ab") as log:
            child = subprocess.Popen(
                argv,
                env={**launch.env, "VLLM_API_KEY": key},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise EngineStartError(f"cannot run {argv[0]}: {error}; set engine.python") from error
    # The engine may outlive this gateway, and is followed by its record; without an exit status
    # of its own, Popen would warn that its process is still running.
    child.returncode = 0
    started = records.start_time_of(child.pid)
    record = EngineRecord(
        child.pid, started or 0, records.boot_id(), port, key, launch.fingerprint()
    )
    records.write(record_path, record)
    return record


async def wait_ready(record: EngineRecord, log_path: Path, timeout_s: float) -> None:
    """Return once the engine answers.

    Raises:
        EngineStartError: it ended, or did not answer in `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while not await answers(record):
        reap(record.pid)
        if not records.is_running(record):
            raise EngineStartError(f"the engine ended while starting; see {log_path}")
        if time.monotonic() > deadline:
            raise EngineStartError(f"no answer in {timeout_s:.0f} s; see {log_path}")
        await asyncio.sleep(POLL_S)


async def warm_up(record: EngineRecord, model: str, timeout_s: float) -> None:
    """Let the engine answer once, greedily and sampled, so that no user waits for its compiling.

    vLLM's first request takes seconds: kernels are chosen and the draft search is compiled.

    Raises:
        EngineStartError: it refuses, or takes longer than `timeout_s`.
    """
    client = EngineClient(record.url, record.key)
    try:
        for temperature in (0.0, 1.0):
            sampling = Sampling(WARM_UP_TOKENS, temperature)
            await client.complete(model, WARM_UP_PROMPT, sampling, timeout_s)
    except EngineError as error:
        raise EngineStartError(f"the engine's first answer failed: {error}") from error
    finally:
        await client.close()


async def answers(record: EngineRecord) -> bool:
    """Whether an engine that knows this key answers and calls itself healthy."""
    client = EngineClient(record.url, record.key)
    try:
        await client.models()
        return await client.healthy()
    except EngineError:
        return False
    finally:
        await client.close()


async def adoptable(record: EngineRecord, launch: Launch) -> bool:
    """Whether a recorded engine runs, was started with these settings, and answers."""
    if not records.is_running(record) or record.fingerprint != launch.fingerprint():
        return False
    return await answers(record)


async def end(record: EngineRecord, timeout_s: float) -> None:
    """End exactly the recorded engine's process group, also when only its workers are left."""
    reap(record.pid)
    if not records.is_ours(record):
        return
    _signal_group(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while records.is_ours(record) and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        reap(record.pid)
    while records.is_ours(record):
        _signal_group(record.pid, signal.SIGKILL)
        await asyncio.sleep(POLL_S)
        reap(record.pid)


def reap(pid: int) -> None:
    """Collect the exit status of a child that ended; adopted engines are not our children."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
