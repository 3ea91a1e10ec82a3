"""Network, optimiser, loop: a small model learns, is interrupted and goes on bit by bit."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from trainer.progress import Display
from trainer.recipe.buckets import batches
from trainer.recipe.checkpoint import BadCheckpoint
from trainer.recipe.config import PretrainSection
from trainer.recipe.examples import Example, Examples
from trainer.recipe.loop import Fit
from trainer.recipe.mixture import Mixture
from trainer.recipe.network import Shape, fresh_model
from trainer.recipe.optimiser import optimisers, orthogonal, schedule
from trainer.recipe.step import greedy_matches, losses
from trainer.tasks import EditTask

SHAPE = Shape(vocabulary=512, layers=2, width=64, mlp=96)


def fit(
    examples: Examples,
    tasks: list[EditTask],
    folder: Path,
    tokens: int,
    resume: bool = False,
    checkpointing: bool = False,
) -> Fit:
    settings = PretrainSection(
        output=folder,
        tokens=tokens,
        batch_tokens=4096,
        micro_tokens=2048,
        look_tokens=10_000,
        warmup_steps=2,
        resume=resume,
        checkpointing=checkpointing,
    )
    model: Any = fresh_model(SHAPE, 3)
    made = optimisers(model, settings.rate, settings.embedding_rate, 1e-3)
    mixture = Mixture(examples, tasks=tasks, seed=1)
    held = {"all": list(examples.of_tasks(tasks[:6]))}
    folder.mkdir(exist_ok=True)
    display = Display(Console(quiet=True))
    return Fit(model, made, mixture, held, settings, folder, display)


def test_orthogonal_makes_singular_values_alike() -> None:
    matrices = torch.randn(3, 40, 24, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrices))
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.3
    assert torch.allclose(orthogonal(matrices.mT), orthogonal(matrices).mT, atol=1e-5)


def test_the_rate_rises_stays_and_falls() -> None:
    factors = [schedule(step, step / 100, 10, 0.3) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:70] == [1.0] * 61
    assert factors[85] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.02)


def test_padding_changes_no_loss(rows: list[Example]) -> None:
    model = fresh_model(SHAPE, 0).eval()
    pair = [min(rows, key=lambda r: len(r.ids)), max(rows, key=lambda r: len(r.ids))]
    with torch.no_grad():
        both = losses(model, pair, torch.Generator(), prompt_share=2.0)
        each = [losses(model, [row], torch.Generator(), prompt_share=2.0) for row in pair]
    assert both.answer is not None
    alone = [float(one.answer) for one in each if one.answer is not None]
    assert float(both.answer) == pytest.approx(sum(alone) / 2, abs=1e-4)


def test_rows_that_count_little_do_so_also_where_they_are_alone(rows: list[Example]) -> None:
    model: Any = fresh_model(SHAPE, 0).eval()
    quiet = [replace(row, weight=0.1) for row in rows[:3]]
    with torch.no_grad():
        full = losses(model, rows[:3], torch.Generator()).answer
        little = losses(model, quiet, torch.Generator()).answer
    assert full is not None
    assert little is not None
    assert float(little) == pytest.approx(0.1 * float(full), rel=1e-4)


def test_greedy_matches_is_what_greedy_decoding_gives(
    examples: Examples, rows: list[Example]
) -> None:
    """Answers that the model itself gives are matched, and no others."""
    model: Any = fresh_model(SHAPE, 0).eval()
    row = min(rows, key=lambda row: len(row.ids))
    prompt = row.ids[: -row.answer]
    with torch.no_grad():
        ids = torch.tensor([prompt])
        for _ in range(6):
            ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], 1)
    own = Example(tuple(ids[0].tolist()), 6)
    wrong = Example((*own.ids[:-1], (own.ids[-1] + 1) % 512), 6)
    assert greedy_matches(model, [own, wrong, replace(own, answer=3)]) == [True, False, True]


def test_it_learns(examples: Examples, tasks: list[EditTask], tmp_path: Path) -> None:
    """Six tasks, over and over: what their answers say becomes likely."""
    run = fit(examples, tasks[:6], tmp_path, 160_000)
    run.run()
    seen = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss_answer"] for line in seen if "loss_answer" in line]
    assert sum(losses[-5:]) / 5 < losses[0] - 1.5
    assert any("exact" in line for line in seen)


def test_an_interrupted_run_goes_on_bit_by_bit(
    examples: Examples, tasks: list[EditTask], tmp_path: Path
) -> None:
    whole = fit(examples, tasks, tmp_path / "whole", 40_000)
    whole.run()
    fit(examples, tasks, tmp_path / "parts", 20_000).run()
    lost = '{"step": 1000000}\n'  # of a step whose checkpoint was not written any more
    with (tmp_path / "parts" / "metrics.jsonl").open("a") as metrics:
        metrics.write(lost)
    resumed = fit(examples, tasks, tmp_path / "parts", 40_000, resume=True)
    assert resumed.run() == replace(whole.place, seconds=resumed.place.seconds)
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert lost not in (tmp_path / "parts" / "metrics.jsonl").read_text()


def test_layers_computed_twice_give_the_same_model(
    examples: Examples, tasks: list[EditTask], tmp_path: Path
) -> None:
    once = fit(examples, tasks, tmp_path / "once", tokens=9_000)
    twice = fit(examples, tasks, tmp_path / "twice", tokens=9_000, checkpointing=True)
    for one in (once, twice):
        one.run()
    for one, other in zip(once.model.parameters(), twice.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_what_cannot_be_resumed_says_why(
    examples: Examples, tasks: list[EditTask], tmp_path: Path
) -> None:
    with pytest.raises(BadCheckpoint, match="no checkpoint"):
        fit(examples, tasks, tmp_path, 1, resume=True).run()
    fit(examples, tasks, tmp_path, 1).run()
    other = fit(examples, tasks, tmp_path, 1, resume=True)
    other.settings = other.settings.model_copy(update={"seed": 9})
    with pytest.raises(BadCheckpoint, match="other settings"):
        other.run()
    (tmp_path / "checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        fit(examples, tasks, tmp_path, 1, resume=True).run()


def test_batches_of_a_pool_come_in_an_order_of_their_own(rows: list[Example]) -> None:
    one, same = (batches(rows, 1024, random.Random(3)) for _ in range(2))
    assert one == same
    assert one != batches(rows, 1024, random.Random(4))
