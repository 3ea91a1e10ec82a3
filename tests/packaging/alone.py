"""Environments that hold the wheel and exactly what one extra leads to, without a network.

Knows how installed packages are laid out on disk: it links those that an extra needs into a folder
of their own. Does not know what the programs do.
"""

import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.imports import project


def needed(extra: str) -> dict[str, Distribution]:
    """The installed distributions that an install with this extra would bring, by name."""
    table = project()
    extras = table["optional-dependencies"]
    base = table["dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(base, list)
    queue = [Requirement(text) for text in [*base, *extras[extra]]]
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    while queue:
        requirement = queue.pop()
        if str(requirement) in seen or not _applies(requirement):
            continue
        seen.add(str(requirement))
        if requirement.name == "hone-assistant":
            queue += [Requirement(text) for inner in requirement.extras for text in extras[inner]]
            continue
        installed = found.setdefault(
            canonicalize_name(requirement.name), distribution(requirement.name)
        )
        queue += [
            inner
            for inner in map(Requirement, installed.requires or [])
            if any(_applies(inner, name) for name in requirement.extras or [""])
        ]
    return found


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def link(distributions: dict[str, Distribution], folder: Path) -> None:
    """Link the top-level files and folders of installed packages into `folder`."""
    folder.mkdir()
    for installed in distributions.values():
        tops = {path.parts[0] for path in installed.files or [] if path.parts[0] not in _NOT_OURS}
        for top in tops:
            source = Path(str(installed.locate_file(top)))
            target = folder / top
            if source.exists() and not target.exists():
                target.symlink_to(source)


# Scripts and shared data lie beside site-packages, bytecode of single files in one common folder.
_NOT_OURS = frozenset({"..", "__pycache__", "bin"})


def environment(root: Path, wheel: Path, dependencies: list[Path]) -> Path:
    """Make a virtual environment with the wheel in it; return its bin folder.

    The dependencies are seen through a .pth file, whose folders' own .pth files are not read, so
    that nothing of the checkout is visible.
    """
    venv.create(root, symlinks=True, with_pip=False)
    python = root / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (Path(site) / "dependencies.pth").write_text("".join(f"{path}\n" for path in dependencies))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    command += ["--no-deps", "--no-index", "--force-reinstall", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return root / "bin"
