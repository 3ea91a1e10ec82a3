"""The programs of the loop as the processes they are: the gateway (which starts vLLM), the users.

Knows how to start them, wait for them and end them. Does not know what they do.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx

from deploy.demo.user import Job, write_job

READY_S = 300.0
SESSION_S = 120.0
"""A user who is silent for this long in one session has hung."""


class StackError(Exception):
    """A program did not do its part; the text says which and where its log is."""


@dataclass(frozen=True)
class Place:
    """Where everything of one run lives."""

    folder: Path

    @property
    def data(self) -> Path:
        """The gateway's data folder."""
        return self.folder / "data"

    @property
    def users(self) -> Path:
        """Jobs, workspaces and records of the users."""
        return self.folder / "users"

    @property
    def empty_config(self) -> Path:
        """A configuration file without a line: the machine's own is not to leak in."""
        return self.folder / "empty.toml"


class Gateway:
    """`hone-server run` as a process, with its managed vLLM or one at `engine_url`."""

    def __init__(
        self,
        place: Place,
        engine_url: str | None,
        settings: Sequence[str] = (),
        port: int | None = None,
    ) -> None:
        self._place = place
        self._settings = list(settings)
        if engine_url:
            self._settings += ["--engine.managed", "false", "--engine.url", engine_url]
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Gateway":
        self._place.folder.mkdir(parents=True, exist_ok=True)
        self._place.empty_config.touch()
        command = [sys.executable, "-m", "server.cli", "run"]
        command += ["--data.folder", str(self._place.data), "--listen.port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._settings],
                stdout=log,
                stderr=log,
                env={**os.environ, "HONE_SERVER_CONFIG": str(self._place.empty_config)},
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def wait_ready(self, tick: Callable[[], None]) -> None:
        """Wait until the gateway and its engine answer, calling `tick` meanwhile.

        Raises:
            StackError: it ended or took longer than READY_S.
        """
        deadline, problem = time.monotonic() + READY_S, ""
        while time.monotonic() < deadline:
            self.check()
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False, timeout=2).status_code == 200:
                    return
                problem = "it says it is not ready"
            except httpx.TransportError as error:
                problem = str(error)  # perhaps not listening yet
            tick()
            time.sleep(0.25)
        raise StackError(f"not ready after {READY_S:.0f} s ({problem}): see {self._log}")

    def check(self) -> None:
        """Raise StackError if the gateway's process has ended."""
        if self._process is None or self._process.poll() is not None:
            raise StackError(f"the gateway has ended: see {self._log}")

    @property
    def _log(self) -> Path:
        return self._place.folder / "gateway.log"


def run_users(
    jobs: Sequence[Job], folder: Path, at_once: int, progress: Callable[[int], None]
) -> None:
    """Run every job in a process of its own, `at_once` at a time.

    Args:
        progress: told the number of sessions done so far.

    Raises:
        StackError: a user failed or hung.
    """
    waiting = list(jobs)
    running: dict[subprocess.Popen[bytes], Job] = {}
    last_done, last_change = -1, time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[_start(job, folder)] = job
            for process in [process for process in running if process.poll() is not None]:
                job = running.pop(process)
                if process.returncode:
                    raise StackError(f"user {job.name} failed: see {folder / job.name}.log")
            done = sum(_sessions_done(job) for job in jobs)
            if done != last_done:
                last_done, last_change = done, time.monotonic()
                progress(done)
            elif time.monotonic() - last_change > SESSION_S:
                raise StackError(f"no session ended for {SESSION_S:.0f} s: see {folder}")
            time.sleep(0.1)
    finally:
        for process in running:
            process.kill()
            process.wait()


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(job: Job, folder: Path) -> subprocess.Popen[bytes]:
    file = folder / f"{job.name}.json"
    write_job(file, job)
    with (folder / f"{job.name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.demo.user", str(file)], stdout=log, stderr=log
        )


def _sessions_done(job: Job) -> int:
    output = Path(job.output)
    return output.read_bytes().count(b"\n") if output.exists() else 0
