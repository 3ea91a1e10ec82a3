"""Units and container name programs, settings and files that there are."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from feedback_store.settings import Settings, load
from server.config import ServerSettings
from tests.packaging.imports import ROOT
from trainer.cli import main as trainer_main
from trainer.config import TrainerSettings

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
CONTAINER = ROOT / "deploy/container/Containerfile"
TREES: dict[str, type[BaseModel]] = {"SERVER": ServerSettings, "TRAINER": TrainerSettings}
VARIABLE = re.compile(r"\b(HONE_(SERVER|TRAINER)_[A-Z_]+)=(\S+)")


def programs() -> set[str]:
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_program_of_ours(unit: Path) -> None:
    [start] = re.findall(r"^ExecStart=(\S+) (\w+)$", unit.read_text(), re.MULTILINE)
    assert Path(start[0]).name in programs()
    assert start[1] in ("run", "watch")


def test_the_trainer_can_watch(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        trainer_main(["watch", "--help"])
    assert ended.value.code == 0


@pytest.mark.parametrize("file", [*UNITS, CONTAINER], ids=lambda file: file.name)
def test_every_setting_exists(file: Path, tmp_path: Path) -> None:
    found = VARIABLE.findall(file.read_text())
    assert found
    for name, program, value in found:
        if name == f"HONE_{program}_CONFIG":
            continue
        tree = TREES[program]
        assert issubclass(tree, Settings)
        loaded = load(tree, program.lower(), None, None, {name: value, "HOME": str(tmp_path)})
        section, field = name.removeprefix(f"HONE_{program}_").lower().split("__")
        assert str(getattr(getattr(loaded, section), field)) == value


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_a_unit(unit: Path, tmp_path: Path) -> None:
    # The program is not installed there, and systemd would say so.
    there = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", unit.read_text(), flags=re.MULTILINE)
    copy = tmp_path / unit.name
    copy.write_text(there)
    verify = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    said = [line for line in verify.stderr.splitlines() if unit.name in line]
    assert not said
    assert "Unknown" not in verify.stderr


def test_what_the_container_copies_is_there() -> None:
    text = CONTAINER.read_text()
    copied = [
        name
        for line in re.findall(r"^COPY --\S+ (.*) \./\S*$", text, re.MULTILINE)
        for name in line.split()
    ]
    assert {"deploy", "server", "pyproject.toml"} <= set(copied)
    assert not [name for name in copied if not (ROOT / name).exists()]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert set(packages["targets"]["wheel"]["packages"]) <= set(copied)
    assert 'ENTRYPOINT ["hone-server"]' in text
