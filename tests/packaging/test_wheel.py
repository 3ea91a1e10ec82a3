"""The wheel holds all that the programs need: each runs outside the checkout, with its extra alone.

The environments hold what the extra leads to and nothing else (see tests/packaging/alone.py).
"""

import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from feedback_store import __version__
from tests.packaging.conftest import InstalledWith
from tests.packaging.imports import EXTRA_OF, ROOT, project

EXTRA_OF_PROGRAM = {f"hone-{extra}": extra for extra in EXTRA_OF.values()}
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0

IMPORT_ALL = """
import importlib, pkgutil, {package} as package
names = [m.name for m in pkgutil.walk_packages(package.__path__, "{package}.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names), package.__file__)
"""


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an installed program from a folder that holds nothing of ours."""
    return subprocess.run(
        [folder / program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_holds_what_the_programs_read_at_run_time(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    data = {
        str(path.relative_to(ROOT))
        for package in ("feedback_store", "lsp", "server", "trainer")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert data <= inside
    assert "server/models/hone-tiny/model.safetensors" in inside
    assert any(name.startswith("feedback_store/migrations/") for name in inside)
    assert not [name for name in inside if name.startswith(("tests/", "deploy/"))]


def test_no_package_index_takes_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    assert "Classifier: Private :: Do Not Upload" in metadata.splitlines()


def test_every_program_is_declared() -> None:
    scripts = project()["scripts"]
    assert isinstance(scripts, dict)
    assert set(scripts) == set(EXTRA_OF_PROGRAM)


@pytest.mark.parametrize(("program", "extra"), EXTRA_OF_PROGRAM.items())
def test_a_program_explains_itself(installed_with: InstalledWith, program: str, extra: str) -> None:
    done = run(installed_with(extra), program, "--help")
    assert done.returncode == 0, done.stderr
    assert program in done.stdout
    assert len(done.stdout.splitlines()) >= 8


@pytest.mark.parametrize(("program", "extra"), EXTRA_OF_PROGRAM.items())
def test_a_program_tells_its_version(
    installed_with: InstalledWith, program: str, extra: str
) -> None:
    done = run(installed_with(extra), program, "--version")
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout


@pytest.mark.parametrize(("package", "extra"), EXTRA_OF.items())
def test_every_module_imports_with_the_extra_alone(
    installed_with: InstalledWith, package: str, extra: str
) -> None:
    folder = installed_with(extra)
    done = run(folder, "python", "-c", IMPORT_ALL.format(package=package))
    assert done.returncode == 0, done.stderr
    count, file = done.stdout.split()
    assert int(count) >= 5
    assert Path(file).is_relative_to(folder.parent)


@contextmanager
def serving(folder: Path, data: Path, socket: Path) -> Iterator[httpx.Client]:
    """A gateway of the wheel on a Unix socket, with an engine that is not there."""
    options = ("--data.folder", data, "--listen.socket", socket)
    engine = ("--engine.managed", "false", "--engine.url", "http://127.0.0.1:9")
    with (data.parent / "log").open("wb") as log:
        gateway = subprocess.Popen(
            [folder / "hone-server", "run", *options, *engine], cwd=folder, stdout=log, stderr=log
        )
    transport = httpx.HTTPTransport(uds=str(socket))
    try:
        with httpx.Client(transport=transport, base_url="http://localhost") as client:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not socket.exists():
                assert gateway.poll() is None, (data.parent / "log").read_text()
                assert time.monotonic() < deadline, "the gateway does not listen"
                time.sleep(0.05)
            yield client
    finally:
        gateway.terminate()
        gateway.wait(STOP_TIMEOUT_S)


def test_the_gateway_starts_from_the_wheel_and_serves_its_page(
    installed_with: InstalledWith, tmp_path: Path
) -> None:
    # A Unix socket's path has to be short, which tmp_path is not everywhere.
    with tempfile.TemporaryDirectory() as short:
        socket = Path(short) / "s"
        with serving(installed_with("server"), tmp_path / "data", socket) as client:
            assert client.get("/livez").status_code == 200
            assert client.get("/v1/hello").json()
            page = client.get("/")
            assert page.headers["content-type"].startswith("text/html")
            # Nothing serves without its engine, and it says so.
            assert client.get("/readyz").status_code == 503
    assert (tmp_path / "data" / "store.duckdb").exists()
