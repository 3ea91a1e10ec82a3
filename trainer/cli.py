"""`hone-trainer`: learn from the feedback at hand, from history, from scratch; and measure it.

Knows commands, flags and exit codes. torch is loaded only by commands that compute, so that
`--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from feedback_store import __version__
from feedback_store.settings import (
    FLAG,
    ConfigError,
    SettingsParser,
    add_flags,
    load,
    overrides_of,
)
from trainer import cli_help
from trainer.config import TrainerSettings
from trainer.progress import Display

FAILED, MISUSED = 1, 2
READS_PATHS = ("mine", "adopt", "evaluate", "verl-export", "verl-import")
CYCLE = ("gateway", "data", "model", "batch", "train", "restart", "gate", "watch", "experiment")
SECTIONS = {
    "mine": ("mine",),
    "pretrain": ("model", "pretrain"),
    "sft": ("model", "sft"),
    "adopt": ("gateway", "data", "model", "gate", "adopt"),
    "verl-export": ("data", "model", "batch", "train", "gate", "verl"),
    "verl-import": ("verl",),
    "models": (),
    "evaluate": ("gateway", "data", "model", "evaluate"),
}
"""The settings that a command uses and so shows; the others are those of a cycle."""
Command = Callable[[str, Callable[..., int], str, str], SettingsParser]
"""Adds a command: its name, what it runs, what it does in a line, and examples."""
RETRIES_AFTER = "the watch goes on"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `hone-trainer`; return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load(TrainerSettings, "trainer", arguments.config, overrides_of(arguments))
    except ConfigError as error:
        print(f"hone-trainer: {error}", file=sys.stderr)
        return MISUSED
    # Idle OpenMP threads that spin take the cores from vLLM on the same machine. Read when torch
    # is loaded, so it must be set before.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        paths = [arguments.paths] if "paths" in arguments else []
        return int(arguments.run(settings, Display(), *paths))
    except KeyboardInterrupt:
        return FAILED
    except _expected() as error:
        print(f"hone-trainer: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = SettingsParser(
        prog="hone-trainer",
        description="Learns from settled feedback, from git history, from scratch; measures it.",
        epilog=cli_help.CODES
        + "\nCodes 3 and 4 are those of `run` and `adopt`; elsewhere 0 is success.\n"
        "See `hone-trainer COMMAND --help` for the settings.",
    )
    parser.add_argument("--version", action="version", version=f"hone-trainer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], text: str, epilog: str) -> SettingsParser:
        usage = f"%(prog)s {'PATH [PATH ...] ' if name in READS_PATHS else ''}[--SETTING VALUE ...]"
        sub = commands.add_parser(name, help=text, description=text, epilog=epilog, usage=usage)
        sub.set_defaults(run=run)
        add_flags(sub, TrainerSettings, SECTIONS.get(name, CYCLE))
        return sub

    _add_cycle(command)
    _add_tasks(command)
    _add_verl(command)
    command("models", _models, "Show the models that Hone knows, and what they need.", "")
    command("status", _status, "Show the live version, the batches and the last runs.", "")
    return parser


def _add_cycle(command: Command) -> None:
    command("run", _run, "Do one cycle: batch, train, publish, gate, promote.", cli_help.RUN)
    command("watch", _watch, "Repeat the cycle on a schedule, one at a time.", cli_help.WATCH)
    command("zero", _zero, "Publish the untrained adapter and make it live.", cli_help.ZERO)


def _add_tasks(command: Command) -> None:
    mine = command("mine", _mine, "Turn the history of git repositories into tasks.", cli_help.MINE)
    mine.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a repository or folder")
    command("pretrain", _pretrain, "Train a small model from scratch.", cli_help.PRETRAIN)
    sft = command(
        "sft", _sft, "Tune a model, or an adapter of it, on next-edit tasks.", cli_help.SFT
    )
    _short(sft, "base", "sft.base", metavar="MODEL")
    _short(sft, "lora", "sft.lora", action="store_const", const="true")
    adopt = command("adopt", _adopt, "Serve a tuned adapter, if the gate lets it.", cli_help.ADOPT)
    adopt.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="tasks, see below")
    _short(adopt, "adapter", "adopt.adapter", metavar="FOLDER")
    evaluate = command(
        "evaluate", _evaluate, "Measure a model on next-edit tasks.", cli_help.EVALUATE
    )
    evaluate.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="tasks, see below")
    _short(evaluate, "sampler", "evaluate.sampler", metavar="SAMPLER")
    _short(evaluate, "adapter", "evaluate.adapter", metavar="FOLDER")


def _add_verl(command: Command) -> None:
    export = command("verl-export", _verl_export, "Write batches as a job for verl.", cli_help.VERL)
    export.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="published batches")
    back = command("verl-import", _verl_import, "Take an adapter back from verl.", cli_help.VERL)
    back.add_argument("paths", nargs=1, type=Path, metavar="PATH", help="verl's adapter folder")


def _short(parser: SettingsParser, flag: str, setting: str, **how: Any) -> None:
    """Add a short form of a setting's flag."""
    parser.add_argument(
        f"--{flag}",
        dest=f"{FLAG}{setting}",
        default=argparse.SUPPRESS,
        help=f"short for --{setting}",
        **how,
    )


def _run(settings: TrainerSettings, display: Display) -> int:
    from trainer.run import run_cycle

    return run_cycle(settings, display)


def _watch(settings: TrainerSettings, display: Display) -> int:
    from trainer.gateway import Gateway, GatewayError
    from trainer.run import run_cycle
    from trainer.watch import Schedule, Watch

    def cycle() -> None:
        try:
            result = run_cycle(settings, display)
            display.say(f"the cycle ended: {result.name.lower()}")
        except _expected() as error:
            display.say(f"the cycle failed, {RETRIES_AFTER}: {error}")

    def ready() -> int | None:
        try:
            with Gateway(settings.gateway) as gateway:
                return gateway.ready_items()
        except GatewayError:
            return None

    folder = settings.data.folder / "runs"
    Watch(folder, Schedule(settings.watch), cycle, ready).forever()
    return 0


def _zero(settings: TrainerSettings, display: Display) -> int:
    from trainer.setup import publish_zero

    publish_zero(settings, display)
    return 0


def _mine(settings: TrainerSettings, display: Display, paths: list[Path]) -> int:
    from trainer.mining.run import run

    return run(settings.mine, paths, display)


def _evaluate(settings: TrainerSettings, display: Display, paths: list[Path]) -> int:
    from trainer.evaluation.run import run

    return run(settings, paths, display)


def _pretrain(settings: TrainerSettings, display: Display) -> int:
    from trainer.recipe.run import pretrain

    return pretrain(settings, display)


def _sft(settings: TrainerSettings, display: Display) -> int:
    from trainer.recipe.run import sft

    return sft(settings, display)


def _adopt(settings: TrainerSettings, display: Display, paths: list[Path]) -> int:
    from trainer.adopt import adopt

    return adopt(settings, paths, display)


def _verl_export(settings: TrainerSettings, display: Display, paths: list[Path]) -> int:
    from trainer.integrations.verl_job import CONFIGURATION, export

    job = settings.verl.job
    done = export(settings, paths, job)
    display.say(
        f"{job}: {done.train} suggestions to train on, {done.held} held back; left out: "
        f"{done.by_weight} by their weight, {done.not_said} whose text gives other tokens"
    )
    name = CONFIGURATION.removesuffix(".yaml")
    display.say(
        f"python -m verl.trainer.main_ppo --config-path {job.resolve()} --config-name {name}"
    )
    return 0


def _verl_import(settings: TrainerSettings, display: Display, paths: list[Path]) -> int:
    from trainer.integrations.verl_job import bring_back

    output = settings.verl.adapter
    profile = bring_back(paths[0], settings.verl.job, output)
    display.say(f"{output} is an adapter of {profile.name}: hone-trainer adopt --adapter {output}")
    return 0


def _models(settings: TrainerSettings, display: Display) -> int:
    from trainer.models_table import models_table, print_wide

    print_wide(models_table())
    return 0


def _status(settings: TrainerSettings, display: Display) -> int:
    from trainer.overview import status_lines

    for line in status_lines(settings):
        print(line)
    return 0


def _expected() -> tuple[type[Exception], ...]:
    """The errors that tell a user what to do; anything else is a defect and shows its trace."""
    from feedback_store.publish import BadManifest
    from trainer.batches import BadBatch
    from trainer.edit_records import BadSource
    from trainer.gateway import GatewayError
    from trainer.integrations.verl_job import JobError
    from trainer.lock import AlreadyRunning
    from trainer.mining.git import GitError
    from trainer.model import BadAdapter
    from trainer.recipe.checkpoint import BadCheckpoint
    from trainer.recipe.run import RecipeError
    from trainer.sampler import SamplerError

    own = (BadBatch, GatewayError, AlreadyRunning, BadAdapter, SamplerError, BadManifest)
    return (*own, JobError, BadSource, BadCheckpoint, RecipeError, GitError, OSError)


if __name__ == "__main__":
    sys.exit(main())
