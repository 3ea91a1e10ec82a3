"""What a suggestion is worth without a model: silence, and one deterministic guess.

Knows tasks. Does not know models or scores. Both are asked the same tasks as the model and see
the region and the recent edits, more of them than a prompt may show; never the wanted text.
"""

from collections.abc import Callable, Mapping

from server.prompts import guesses
from trainer.tasks import EditTask

Baseline = Callable[[EditTask], str | None]
"""The region as suggested; None is silence."""


def nothing(task: EditTask) -> str | None:
    """Always stay silent."""
    return None


def one_guess(task: EditTask) -> str | None:
    """Do in the whole region what a recent edit did: the newest replacement that fits there.

    What one place of an edit replaces is searched in the region, as whole tokens, and replaced
    everywhere. The last edit's last replacement is tried first, and the first that occurs is the
    guess (`server.prompts.guesses`).
    """
    return guesses.one_guess(task.context.region, task.context.recent_edits)


BASELINES: Mapping[str, Baseline] = {"nothing": nothing, "one_guess": one_guess}
