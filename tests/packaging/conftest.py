"""Fixtures: the wheel of this tree, and environments outside the checkout that hold it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.alone import environment, link, needed
from tests.packaging.imports import ROOT

InstalledWith = Callable[[str], Path]


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
def installed_with(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> InstalledWith:
    """Give the bin folder of an environment with the wheel and what one extra brings."""
    made: dict[str, Path] = {}

    def give(extra: str) -> Path:
        if extra not in made:
            root = tmp_path_factory.mktemp(f"only-{extra}")
            link(needed(extra), root / "dependencies")
            made[extra] = environment(root / "venv", wheel, [root / "dependencies"])
        return made[extra]

    return give
