"""Which third-party packages each program imports, and which its extra declares.

Pure but for reading source files and pyproject.toml. Does not import the programs.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
OURS = frozenset({"feedback_store", "lsp", "server", "trainer"})
EXTRA_OF = {"feedback_store": "store", "lsp": "lsp", "server": "server", "trainer": "trainer"}
OPTIONAL_OF = {"server": ("traces",)}
"""Extras that a program imports from only when a setting asks for it."""

SHARED = {"feedback_store/detector.py": ("lsp", "server")}
"""Files whose imports are for the extras of those who import them, not for their own folder's."""

# Import name -> distribution, where the two differ; the environment's own list knows these only
# for what is installed in it.
_DISTRIBUTIONS = packages_distributions()


def project() -> dict[str, object]:
    """The [project] table of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared(extra: str) -> set[str]:
    """Distributions that a bare install with this extra asks for by name."""
    table = project()
    extras = table["optional-dependencies"]
    assert isinstance(extras, dict)
    base = table["dependencies"]
    assert isinstance(base, list)
    found: set[str] = set()
    queue = [Requirement(text) for text in [*base, *extras[extra]]]
    while queue:
        requirement = queue.pop()
        if requirement.name == "hone-assistant":
            for inner in requirement.extras:
                queue += [Requirement(text) for text in extras[inner]]
        else:
            found.add(canonicalize_name(requirement.name))
    return found


def imported(package: str) -> dict[str, set[str]]:
    """Distribution -> files of `package` that import it, at whatever depth."""
    found: dict[str, set[str]] = {}
    for path in _files_of(package):
        for name in _top_level_names(path):
            if name not in sys.stdlib_module_names and name not in OURS:
                (distribution, *_) = _DISTRIBUTIONS.get(name, [name])
                found.setdefault(canonicalize_name(distribution), set()).add(_relative(path))
    return found


def _files_of(package: str) -> list[Path]:
    own = [path for path in (ROOT / package).rglob("*.py") if _relative(path) not in SHARED]
    return sorted([*own, *(ROOT / name for name, users in SHARED.items() if package in users)])


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _top_level_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]
