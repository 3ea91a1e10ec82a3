"""The wheel holds all that the programs need: installed outside the checkout, they start."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from feedback_store import __version__
from tests.packaging.imports import ROOT, project

PROGRAMS = ("hone-lsp", "hone-server", "hone-store", "hone-trainer")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment outside the checkout that holds the wheel.

    Its dependencies are those of the running environment, seen through a .pth file: that is quick
    and needs no network. The checkout is not among them: nested .pth files are not read.
    """
    root = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(root, symlinks=True, with_pip=False)
    python = root / "bin" / "python"
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    outside = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (Path(purelib) / "dependencies.pth").write_text("\n".join(outside) + "\n")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    command += ["--no-deps", "--no-index", "--force-reinstall", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return root / "bin"


def run(installed: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an installed program from a folder that holds nothing of ours."""
    return subprocess.run(
        [installed / program, *arguments],
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=60,
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
    assert tuple(sorted(scripts)) == PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_explains_itself(installed: Path, program: str) -> None:
    done = run(installed, program, "--help")
    assert done.returncode == 0, done.stderr
    assert program in done.stdout
    assert len(done.stdout.splitlines()) >= 8


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_tells_its_version(installed: Path, program: str) -> None:
    done = run(installed, program, "--version")
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout


def test_the_installed_program_is_the_wheels(installed: Path) -> None:
    code = "import feedback_store, server; print(feedback_store.__file__, server.__file__)"
    files = run(installed, "python", "-c", code).stdout.split()
    assert len(files) == 2
    assert all(Path(name).is_relative_to(installed.parent) for name in files)
