"""Laid-in heads, on prompts of random tokens: what they know is structure, not code."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

from server.prompts.profiles import profile_for
from trainer.recipe import circuits
from trainer.recipe.landmarks import Landmarks, landmarks_of
from trainer.recipe.network import Shape, fresh_model

MARKS = Landmarks(
    first=0, region=1, suffix=2, answer=3, end=4, newline=5, plus=6, markers=(0, 1, 2, 3, 7),
    rewrites=True,
)  # fmt: skip
EVENT, MINUS, WORDS = 7, 8, 100


def words(amount: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(WORDS, 4096, (amount,), generator=generator).tolist()


def guesses(model: Any, prompt: list[int], answer: list[int]) -> Tensor:
    """Return the logits at each token of the answer."""
    with torch.no_grad():
        return model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]


def test_it_is_born_repeating_the_region() -> None:
    before, region, after = words(150, 1), words(200, 2), words(40, 3)
    region[100:104] = region[20:24]  # what follows is told by what came before these four
    prompt = [MARKS.first, *before, MARKS.region, *region, MARKS.suffix, *after, MARKS.answer]
    answer = [*region, MARKS.end]
    right = {}
    for marks in (MARKS, None):
        found = guesses(fresh_model(Shape(), 0, marks), prompt, answer).argmax(-1).tolist()
        right[marks] = sum(map(int.__eq__, found, answer)) / len(answer)
        if marks:
            assert (found[0], found[104], found[-1]) == (region[0], region[104], MARKS.end)
    assert right[MARKS] > 0.95
    assert right[None] < 0.05


def test_what_an_edit_put_in_a_tokens_place_becomes_likelier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, old, new, right = words(9, 4), 4000, 4001, words(9, 5)
    edit = [EVENT, MARKS.newline, MINUS, *left, old, *right]
    edit += [MARKS.newline, MARKS.plus, *left, new, *right, MARKS.newline]
    region = [*words(30, 6), old, *words(30, 7)]
    prompt = [MARKS.first, *edit, MARKS.region, *region, MARKS.suffix, *words(9, 8), MARKS.answer]
    told = guesses(fresh_model(Shape(), 0, MARKS), prompt, region)
    monkeypatch.setattr(circuits, "CORRECT", 0.0)
    copied = guesses(fresh_model(Shape(), 0, MARKS), prompt, region)
    assert old == int(copied[30].argmax()) == int(told[30].argmax())
    gained = (told - copied)[:, new]
    assert float(gained[30]) > 0.5
    assert int(gained.argmax()) == 30


def test_embeddings_learn_in_their_own_dimensions_only() -> None:
    model: Any = fresh_model(Shape(), 0, MARKS)
    model(torch.tensor([words(8, 9)])).logits.sum().backward()
    moved = model.model.embed_tokens.weight.grad.abs().sum(0) > 0
    assert bool(moved[:88].all())
    assert not bool(moved[88:].any())


def test_a_model_that_was_saved_is_known_by_its_embeddings(tmp_path: Path) -> None:
    for marks in (MARKS, None):
        fresh_model(Shape(), 0, marks).bfloat16().save_pretrained(tmp_path)
        read = Qwen2ForCausalLM.from_pretrained(tmp_path)
        assert circuits.are_laid_in(read) is (marks is not None)


@pytest.mark.parametrize("shape", [Shape(layers=2), Shape(width=64)])
def test_a_small_model_is_left_as_it_is(shape: Shape) -> None:
    one, other = (fresh_model(shape, 0, marks).state_dict() for marks in (MARKS, None))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_landmarks_are_found_in_a_vocabulary(small_tokenizer: Any) -> None:
    shape = profile_for("hone-tiny-span").format
    marks = landmarks_of(small_tokenizer, shape)
    assert small_tokenizer.convert_ids_to_tokens(marks.region) == "<|region|>"
    assert small_tokenizer.decode([marks.newline, marks.plus]) == "\n+"
    assert marks.region in marks.markers
    assert not marks.rewrites
