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
from trainer.config import TrainerSettings
from trainer.progress import Display

FAILED, MISUSED = 1, 2
READS_PATHS = ("mine", "adopt", "evaluate")
CYCLE = ("gateway", "data", "model", "batch", "train", "restart", "gate", "watch", "experiment")
SECTIONS = {
    "mine": ("mine",),
    "pretrain": ("model", "pretrain"),
    "sft": ("model", "sft"),
    "adopt": ("gateway", "data", "model", "gate", "adopt"),
    "models": (),
    "evaluate": ("gateway", "data", "model", "evaluate"),
}
"""The settings that a command uses and so shows; the others are those of a cycle."""
RETRIES_AFTER = "the watch goes on"

_CODES = """\
exit codes:
  0  a new policy version was promoted
  1  an error; nothing was promoted
  2  the command line or the configuration is wrong
  3  the gate refused the new version; it stays unserved
  4  too little feedback, or too little evidence for a verdict
"""
_RUN = f"""\
examples:
  hone-trainer run
  hone-trainer run --train.method sft --batch.min_items 500
  HONE_TRAINER_GATEWAY__KEY=... hone-trainer run --gateway.url http://hone.example:8765

{_CODES}"""
_WATCH = """\
examples:
  hone-trainer watch --watch.interval_s 7200
  hone-trainer watch --watch.cron "0 3 * * *"
  hone-trainer watch --watch.new_feedback 500

A cycle that fails is reported, and the watch goes on. Stop it with SIGTERM or Ctrl-C.
"""
_ZERO = """\
examples:
  hone-trainer zero

Publishes an adapter that changes nothing (B = 0) and makes it live. It needs no gate: its answers
are the base model's. Measure `before` through it, so that both sides pay for an adapter.
"""

_MINE = """\
examples:
  hone-trainer mine .
  hone-trainer mine ~/src --mine.output hone-data/mined

Every repository at or below PATH is read, newest mined commit onwards; run it again for what is
new. Authors' names are never stored. Then tune an adapter on it and serve it:
  hone-trainer sft --lora --sft.tasks '["hone-data/mined"]'
  hone-trainer adopt hone-data/mined --adapter build/sft
"""
_ADOPT = f"""\
examples:
  hone-trainer adopt hone-data/mined --adapter build/sft

PATH is what the gate judges by, as in `evaluate`; of mined tasks those kept for validation, which
`sft` does not train on. Anything else that the adapter was tuned on is refused. It becomes a
policy version, and is live if it passes.

{_CODES}"""
_EVALUATE = """\
examples:
  hone-trainer evaluate hone-data/mined
  hone-trainer evaluate hone-data/batches/000001 --adapter hone-data/adapters/hone-000002
  hone-trainer evaluate --sampler torch tasks.jsonl.gz

PATH is a mined folder, an exported batch, or a JSONL file of edit records or in Zeta's format.
Answers come through the gateway, from vLLM as it serves editors; `--sampler torch` computes them
here instead, and the result says so.
"""
_PRETRAIN = """\
examples:
  hone-trainer pretrain --pretrain.tokens 20000000 --pretrain.output build/model
  hone-trainer pretrain --pretrain.corpus '["corpus.jsonl.gz"]' --pretrain.resume true

Reads the standard library of this Python (the modules reserved for the demo aside) and the
corpora that are named. Uses CUDA where there is one.
"""
_SFT = """\
examples:
  hone-trainer sft --base build/model --sft.tasks '["edits/train.jsonl.gz"]'
  hone-trainer sft --lora --sft.tasks '["hone-data/mined"]'

Without a base, tunes the model of [model] profile. An adapter is served by `hone-trainer adopt`.
"""


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
        epilog=_CODES + "\nCodes 3 and 4 are those of `run` and `adopt`; elsewhere 0 is success.\n"
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

    command("run", _run, "Do one cycle: batch, train, publish, gate, promote.", _RUN)
    command("watch", _watch, "Repeat the cycle on a schedule, one at a time.", _WATCH)
    command("zero", _zero, "Publish the untrained adapter and make it live.", _ZERO)
    mine = command("mine", _mine, "Turn the history of git repositories into tasks.", _MINE)
    mine.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a repository or folder")
    command("pretrain", _pretrain, "Train a small model from scratch.", _PRETRAIN)
    sft = command("sft", _sft, "Tune a model, or an adapter of it, on next-edit tasks.", _SFT)
    _short(sft, "base", "sft.base", metavar="MODEL")
    _short(sft, "lora", "sft.lora", action="store_const", const="true")
    adopt = command("adopt", _adopt, "Serve a tuned adapter, if the gate lets it.", _ADOPT)
    adopt.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="tasks, see below")
    _short(adopt, "adapter", "adopt.adapter", metavar="FOLDER")
    evaluate = command("evaluate", _evaluate, "Measure a model on next-edit tasks.", _EVALUATE)
    evaluate.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="tasks, see below")
    _short(evaluate, "sampler", "evaluate.sampler", metavar="SAMPLER")
    _short(evaluate, "adapter", "evaluate.adapter", metavar="FOLDER")
    command("models", _models, "Show the models that Hone knows, and what they need.", "")
    command("status", _status, "Show the live version, the batches and the last runs.", "")
    return parser


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
    from trainer.lock import AlreadyRunning
    from trainer.mining.git import GitError
    from trainer.model import BadAdapter
    from trainer.recipe.checkpoint import BadCheckpoint
    from trainer.recipe.run import RecipeError
    from trainer.sampler import SamplerError

    own = (BadBatch, GatewayError, AlreadyRunning, BadAdapter, SamplerError, BadManifest)
    return (*own, BadSource, BadCheckpoint, RecipeError, GitError, OSError)


if __name__ == "__main__":
    sys.exit(main())
