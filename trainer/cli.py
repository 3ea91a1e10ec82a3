"""`hone-trainer`: learn from the feedback at hand, once or on a schedule.

Knows commands, flags and exit codes. torch is loaded only by commands that compute, so that
`--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from feedback_store import __version__
from feedback_store.settings import ConfigError, SettingsParser, add_flags, load, overrides_of
from trainer.config import TrainerSettings
from trainer.progress import Display

FAILED, MISUSED = 1, 2
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

_PRETRAIN = """\
examples:
  hone-trainer pretrain --pretrain.tokens 20000000 --pretrain.output build/model
  hone-trainer pretrain --pretrain.corpus '["corpus.jsonl.gz"]' --pretrain.resume true

Reads the standard library of this Python (the modules reserved for the demo aside) and the
corpora that are named. Uses CUDA where there is one.
"""
_SFT = """\
examples:
  hone-trainer sft --sft.base build/model --sft.tasks '["edits/train.jsonl.gz"]'
  hone-trainer sft --sft.lora true --sft.tasks '["hone-data/mined"]'

Without a base, tunes the model of [model] profile.
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
        return int(arguments.run(settings, Display()))
    except KeyboardInterrupt:
        return FAILED
    except _expected() as error:
        print(f"hone-trainer: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = SettingsParser(
        prog="hone-trainer",
        description="Trains policy versions on settled feedback and brings them to the gate.",
        epilog=_CODES + "\nSee `hone-trainer COMMAND --help` for the settings.",
    )
    parser.add_argument("--version", action="version", version=f"hone-trainer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], text: str, epilog: str) -> None:
        sub = commands.add_parser(name, help=text, description=text, epilog=epilog)
        sub.set_defaults(run=run)
        add_flags(sub, TrainerSettings)

    command("run", _run, "Do one cycle: batch, train, publish, gate, promote.", _RUN)
    command("watch", _watch, "Repeat the cycle on a schedule, one at a time.", _WATCH)
    command("zero", _zero, "Publish the untrained adapter and make it live.", _ZERO)
    command("pretrain", _pretrain, "Train a small model from scratch.", _PRETRAIN)
    command("sft", _sft, "Tune a model, or an adapter of it, on next-edit tasks.", _SFT)
    command("status", _status, "Show the live version, the batches and the last runs.", "")
    return parser


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
    from trainer.run import publish_zero

    publish_zero(settings, display)
    return 0


def _pretrain(settings: TrainerSettings, display: Display) -> int:
    from trainer.recipe.run import pretrain

    return pretrain(settings, display)


def _sft(settings: TrainerSettings, display: Display) -> int:
    from trainer.recipe.run import sft

    return sft(settings, display)


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
    from trainer.model import BadAdapter
    from trainer.recipe.checkpoint import BadCheckpoint
    from trainer.recipe.run import RecipeError
    from trainer.sampler import SamplerError

    own = (BadBatch, GatewayError, AlreadyRunning, BadAdapter, SamplerError, BadManifest)
    return (*own, BadSource, BadCheckpoint, RecipeError, OSError)


if __name__ == "__main__":
    sys.exit(main())
