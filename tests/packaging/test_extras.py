"""Each extra installs what its program imports, and no import loads more than it may."""

import subprocess
import sys

import pytest

from tests.packaging.imports import EXTRA_OF, OPTIONAL_OF, ROOT, declared, imported, project

LOADED_BY = {"uvicorn": {"httptools", "uvloop"}}
"""What a library loads by itself where it is installed."""
HEAVY = ("torch", "duckdb", "fastapi", "transformers", "vllm", "numpy")


@pytest.mark.parametrize("package", sorted(EXTRA_OF))
def test_a_program_imports_only_what_its_extra_declares(package: str) -> None:
    # What stands in integrations/ is loaded by the program that it is named after.
    hosts = {path.stem for path in (ROOT / package / "integrations").glob("[a-z]*.py")}
    asked_for = [declared(extra) for extra in OPTIONAL_OF.get(package, ())]
    allowed = declared(EXTRA_OF[package]).union(hosts, *asked_for)
    undeclared = {name: files for name, files in imported(package).items() if name not in allowed}
    assert not undeclared


@pytest.mark.parametrize("package", sorted(EXTRA_OF))
def test_an_extra_declares_only_what_its_program_imports(package: str) -> None:
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    users = [package] if package != "server" else ["server", "feedback_store"]
    used = {name for user in users for name in imported(user)}
    used = used.union(*(LOADED_BY.get(name, ()) for name in used))
    own = [text for text in extras[EXTRA_OF[package]] if not text.startswith("hone-assistant")]
    unused = [text for text in own if not any(_names(text, name) for name in used)]
    assert not unused


def _names(requirement: str, distribution: str) -> bool:
    return requirement.split(">")[0].split("[")[0].strip().lower() == distribution


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("lsp.cli", HEAVY),
        ("feedback_store.events", (*HEAVY, "pydantic_settings", "httpx")),
        ("server.cli", ("torch", "transformers", "vllm")),
        ("trainer.cli", ("torch", "transformers", "vllm", "matplotlib")),
    ],
)
def test_importing_a_program_loads_nothing_heavy(module: str, never: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sorted(set({never!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
