"""What every test shares: hypothesis' profile, the engine marker, and "leave no process behind".

Knows nothing of the programs under test. The one real vLLM of a run is in tests/engine.py.
"""

import contextlib
import importlib.util
import os
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings

# Two busy cores make any deadline a coin toss, and a failure must come back when run again.
settings.register_profile("hone", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("hone")

pytest_plugins = ("tests.engine",)

LEFT_OUT = pytest.StashKey[int]()
# The gateway hands vLLM only some of its environment; this prefix is among it.
RUN_VARIABLE = "PYTHON_HONE_TEST_RUN"
EXIT_GRACE_S = 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fail-skipped",
        action="store_true",
        help="fail the run when a test was skipped, or left out for want of vLLM",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files, and those that share the run's vLLM to one, so that it is
    started once. Long tests mostly start engines of their own."""
    from xdist.scheduler import LoadFileScheduling

    class ByEngine(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "engine" if _shares_engine(config.rootpath / file) else file

    return ByEngine(config, log)


@lru_cache
def _shares_engine(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    return "pytest.mark.engine" in text and "pytest.mark.long" not in text


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without vLLM (macOS has no build of it), leave out the tests that need it."""
    if importlib.util.find_spec("vllm") is not None:
        return
    engine = [item for item in items if item.get_closest_marker("engine")]
    config.stash[LEFT_OUT] = len(engine)
    config.hook.pytest_deselected(items=engine)
    items[:] = [item for item in items if not item.get_closest_marker("engine")]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if left_out := config.stash[LEFT_OUT]:
        terminalreporter.write_line(
            f"left out: {left_out} tests that need vLLM, which is not installed here", yellow=True
        )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take over what a process that ran tests left out: each of them collects all."""
    left_out = getattr(node, "workeroutput", {}).get("left_out", 0)
    node.config.stash[LEFT_OUT] = max(node.config.stash[LEFT_OUT], left_out)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Make `--fail-skipped` fail: a test that did not run has not passed."""
    told = getattr(session.config, "workeroutput", {})  # of one of several processes
    told["left_out"] = session.config.stash[LEFT_OUT]
    if not session.config.getoption("--fail-skipped") or exitstatus != pytest.ExitCode.OK:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.getreports("skipped")) if reporter else 0
    if skipped or session.config.stash[LEFT_OUT]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def no_process_left() -> Iterator[None]:
    """Fail the run when a process that it started, directly or not, outlives it."""
    run = str(uuid.uuid4())
    # Inherited by every process that this run starts, also by those that leave its process group.
    os.environ[RUN_VARIABLE] = run
    yield
    _, alive = psutil.wait_procs(_started_by(run), timeout=EXIT_GRACE_S)
    assert not alive, f"left behind: {[' '.join(p.cmdline()) or p.name() for p in alive]}"


def _started_by(run: str) -> list[psutil.Process]:
    started = []
    for process in psutil.process_iter():
        # Processes come and go while we look, and other users' environments are closed to us.
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(RUN_VARIABLE) == run:
                started.append(process)
    return started
