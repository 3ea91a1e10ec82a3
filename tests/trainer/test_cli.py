"""The command line as a user meets it: help, versions, refusals, exit codes."""

import subprocess
import sys

import pytest

from feedback_store import __version__
from feedback_store.config import StoreConfig
from server.config import ServerSettings
from trainer.config import TrainerSettings


def hone_trainer(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "trainer.cli", *arguments],
        capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **variables},
    )  # fmt: skip


def test_help_explains_exit_codes_and_settings_without_loading_torch():
    done = hone_trainer("run", "--help")
    assert done.returncode == 0
    for text in ("exit codes", "3  the gate refused", "--train.method", "examples:"):
        assert text in done.stdout
    code = (
        "import sys, contextlib\nfrom trainer import cli\n"
        "with contextlib.suppress(SystemExit): cli.main(['--help'])\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def test_version():
    assert hone_trainer("--version").stdout == f"hone-trainer {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (("run", "--train.metod", "sft"), {}, "train.method"),
        (("run", "--train.method", "sgd"), {}, "train.method"),
        (("watch", "--watch.cron", "daily"), {}, "cron"),
        (("run",), {"HONE_TRAINER_TRAIN__GROUPS": "many"}, "HONE_TRAINER_TRAIN__GROUPS"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(arguments, variables, said):
    done = hone_trainer(*arguments, **variables)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_data_folder_is_an_error_that_says_so(tmp_path):
    done = hone_trainer("run", "--data.folder", str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "[data] folder" in done.stderr


def test_all_programs_look_for_the_data_in_the_same_place() -> None:
    folder = ServerSettings().data.folder
    settings = TrainerSettings()
    assert settings.data.folder == StoreConfig().data.folder == folder
    assert (settings.mine.output.parent, settings.evaluate.output.parent) == (folder, folder)
