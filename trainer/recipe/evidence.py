"""Fits how much speaks for a guess (`server.prompts.evidence`), on real next edits and made ones.

Made ones take part so that what the recipe teaches by them is weighed alike. Writes the weights as
a module: they are part of the prompt, so they are reviewed, versioned and shipped like code.

    python -m trainer.recipe.evidence --tasks train.jsonl.gz --corpus corpus.jsonl.gz

Knows guesses, tasks and a regression. Does not know models.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from server.prompts import evidence_weights
from server.prompts.evidence import facts, terms
from server.prompts.guesses import guesses
from server.prompts.span import SHOWN_EDITS
from trainer.progress import Display
from trainer.recipe.config import SftSection
from trainer.recipe.sources import Reading, answers_of, read_files, read_tasks
from trainer.reward import normalise
from trainer.synthetic.stream import SyntheticMix, stream
from trainer.tasks import EditTask

MADE_SHARE = 0.13
"""Synthetic tasks for each real one: with them a rename is told in 86 % instead of 79 % of its
places, and real edits as well as without."""
SHRINKAGE = 50.0
"""What the squares of the weights cost, of terms scaled to a standard deviation of one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, write the module, and say how guesses that no fit has seen are told; 2 without any."""
    given = _parser().parse_args(arguments)
    display = Display()
    tasks, held_tasks = _read(given)
    values, wanted = _table(tasks, display)
    held_values, held_wanted = _table(held_tasks, display)
    if not min(len(wanted), len(held_wanted)):
        print(f"evidence needs tasks at which something can be guessed; {len(tasks)} had none")
        return 2
    weights, bias = fit(values, wanted)
    given.output.write_text(module(weights, bias, len(tasks), len(wanted)), encoding="utf-8")
    taken = torch.sigmoid(held_values @ weights + bias) > given.least
    display.say(
        f"{len(wanted)} guesses at {len(tasks)} tasks, {wanted.mean():.1%} wanted; of "
        f"{len(held_wanted)} held out, {int(taken.sum())} have a chance above {given.least}: "
        f"{held_wanted[taken].mean():.1%} of them are wanted, {held_wanted[~taken].mean():.1%} "
        f"of the others. Written: {given.output}"
    )
    return 0


def _read(given: argparse.Namespace) -> tuple[list[EditTask], list[EditTask]]:
    """Return the tasks to fit on, made ones among them, and those held out."""
    reading = Reading()
    asked = SftSection(
        tasks=tuple(given.tasks), corpus=tuple(given.corpus), leave_out=tuple(given.leave_out)
    )
    unlike = answers_of(given.unlike)
    read_tasks(asked, unlike, reading)
    read_files(asked, unlike, reading)
    made = stream(reading.files, given.seed, SyntheticMix())
    amount = round(MADE_SHARE * len(reading.tasks))
    return [*reading.tasks, *islice(made, amount)], reading.held_tasks


def _table(tasks: Sequence[EditTask], display: Display) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the terms of all guesses at the tasks (N, terms), and whether each is wanted (N,)."""
    values: list[list[float]] = []
    wanted: list[float] = []
    with display.phase("tasks guessed at", len(tasks)) as advance:
        for task in tasks:
            context = task.context
            found = guesses(context.region, context.recent_edits[-SHOWN_EDITS:])
            answer = normalise(task.wanted) if task.wants_edit else None
            for guess in found:
                values.append(terms(facts(context, guess, len(found))))
                wanted.append(float(normalise(guess.region) == answer))
            advance(1, f"{len(wanted)} guesses")
    return torch.tensor(values, dtype=torch.float64), torch.tensor(wanted, dtype=torch.float64)


def fit(values: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return the weights (terms,) and the bias of a ridge logistic regression.

    Args:
        values: the terms, (N, terms), float64.
        wanted: 1 or 0, (N,), float64.
    """
    mean, spread = values.mean(0), values.std(0).clamp(min=1e-6)
    scaled = (values - mean) / spread
    weights = torch.zeros(values.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weights, bias], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        misfit = torch.nn.functional.binary_cross_entropy_with_logits(
            scaled @ weights + bias, wanted, reduction="sum"
        )
        total = (misfit + SHRINKAGE / 2 * weights.square().sum()) / len(wanted)
        total.backward()
        return total

    solver.step(loss)
    with torch.no_grad():
        plain = weights / spread
        return plain, float(bias - (plain * mean).sum())


def module(weights: torch.Tensor, bias: float, tasks: int, examples: int) -> str:
    """Return the source of the module that holds the weights."""
    numbers = [f"{weight:.4f}" for weight in weights.tolist()]
    rows = (", ".join(numbers[at : at + 10]) for at in range(0, len(numbers), 10))
    lines = "".join(f"    {row},\n" for row in rows)
    return (
        '"""What the facts about a guess weigh, and their products by two (`evidence.terms`).\n\n'
        f"Fitted on {examples:,} guesses at {tasks:,} tasks (`trainer.recipe.evidence`); "
        'nobody wrote it by hand.\n"""\n\n'
        f"BIAS = {bias:.4f}\nWEIGHTS = (\n{lines})  # fmt: skip\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer.recipe.evidence", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="JSONL of real tasks")
    parser.add_argument("--corpus", type=Path, nargs="*", default=[], help="JSONL of source files")
    parser.add_argument("--unlike", type=Path, help="JSONL of tasks that nothing may be like")
    parser.add_argument("--leave-out", nargs="*", default=[], help="repositories not to read")
    parser.add_argument("--least", type=float, default=0.2, help="chance to report about")
    parser.add_argument("--seed", type=int, default=0, help="of the synthetic tasks")
    written = Path(str(evidence_weights.__file__))
    parser.add_argument("--output", type=Path, default=written, help="the module to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
