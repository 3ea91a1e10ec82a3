"""Tokenizer, examples, buckets, mixture, overlap: from text to rows."""

import random
from dataclasses import replace
from typing import Any

import pytest

from feedback_store.events import Reason
from trainer.recipe.buckets import batches, padding
from trainer.recipe.examples import Example, Examples, Teaching
from trainer.recipe.mixture import POOL_ROWS, Mixture, _shuffled
from trainer.recipe.overlap import Overlap
from trainer.synthetic.source import SourceFile
from trainer.tasks import EditTask


def test_markers_and_digits_are_single_tokens(small_tokenizer: Any) -> None:
    ids = small_tokenizer.encode("<|edit|><|L12|>2026", add_special_tokens=False)
    assert len(ids) == 6


def test_a_name_is_the_same_tokens_wherever_it_stands(small_tokenizer: Any) -> None:
    def encode(text: str) -> list[int]:
        return small_tokenizer.encode(text, add_special_tokens=False)

    name = encode("frobnicate_all")
    for before, after in (("x = ", "("), ("self.", ""), ("(", ", "), ("    ", "\n")):
        whole = encode(f"{before}frobnicate_all{after}")
        assert whole == [*encode(before), *name, *encode(after)]


def test_any_text_comes_back(small_tokenizer: Any) -> None:
    for text in ("\tif x:\n  \r\n", "größe = '𝄞'\x0c\x00", "a  b   \n\n\n"):
        ids = small_tokenizer.encode(text, add_special_tokens=False)
        assert small_tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_an_example_is_prompt_and_answer(
    examples: Examples, tasks: list[EditTask], small_tokenizer: Any
) -> None:
    task = next(task for task in tasks if task.wants_edit)
    row = examples.of_task(task)
    assert isinstance(row, Example)
    text = small_tokenizer.decode(row.ids)
    shape = examples.profile.format
    answer = shape.render_answer(task.context, task.wanted)
    assert text == shape.render(task.context, examples.profile.budget) + answer
    assert small_tokenizer.decode(row.ids[-row.answer :]) == answer


def test_what_cannot_be_said_is_left_out_with_its_reason(
    examples: Examples, tasks: list[EditTask], small_tokenizer: Any
) -> None:
    bad = replace(tasks[0], wanted="<|edit|>\n")
    assert examples.of_task(bad) is Reason.UNPARSABLE
    short = Examples(small_tokenizer, examples.profile, longest=40)
    assert short.of_task(tasks[0]) is Reason.PROMPT_TOO_LONG
    assert list(examples.of_tasks([bad])) == []


def test_what_a_model_cannot_write_teaches_silence(
    tasks: list[EditTask], examples: Examples, small_tokenizer: Any
) -> None:
    taught = Teaching(longest_answer=2, silence_weight=0.5)
    careful = Examples(small_tokenizer, examples.profile, longest=1500, taught=taught)
    made = next(task for task in tasks if task.wants_edit)
    (silence,) = small_tokenizer.encode("<|end|>", add_special_tokens=False)
    real = careful.of_task(replace(made, source="mined"))
    assert isinstance(real, Example)
    assert (real.ids[-real.answer :], real.weight) == ((silence,), 0.5)
    assert careful.of_task(made) == examples.of_task(made)


def test_every_row_is_in_one_batch_and_little_is_padding(rows: list[Example]) -> None:
    made = batches(rows * 8, 4096, random.Random(0))
    assert sorted(row.ids for part in made for row in part) == sorted(r.ids for r in rows * 8)
    for part in made:
        assert len(part) * max(len(row.ids) for row in part) <= 4096 or len(part) == 1
    assert sum(map(padding, made)) / len(made) < 0.05


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100])
def test_a_walk_meets_every_task_once(size: int) -> None:
    assert sorted(_shuffled(size, n, "seed") for n in range(size)) == list(range(size))


def test_where_nothing_fits_a_pool_is_empty(
    files: list[SourceFile], examples: Examples, small_tokenizer: Any
) -> None:
    narrow = Examples(small_tokenizer, examples.profile, longest=32)
    assert Mixture(narrow, edited=files, synthetic_share=1.0).pool(0) == []


def test_a_pool_depends_on_its_number_alone(
    examples: Examples, files: list[SourceFile], tasks: list[EditTask]
) -> None:
    def mixture() -> Mixture:
        return Mixture(examples, files, files, tasks, text_share=0.2, synthetic_share=0.3, seed=5)

    one = mixture()
    first, second = one.pool(0), one.pool(1)
    assert mixture().pool(1) == second
    assert first != second
    texts = sum(row.answer == len(row.ids) for row in first)
    assert texts == round(0.2 * POOL_ROWS)
    assert len(first) > 0.9 * POOL_ROWS


def test_overlap_finds_shared_code_and_sets_licences_aside(tasks: list[EditTask]) -> None:
    licence = "".join(f"# licence words number {n} of many\n" for n in range(20))
    code = "".join(f"value_{n} = compute({n}) + {n}\n" for n in range(12))
    context = tasks[0].context.model_copy(update={"region_first_line": 0})
    known = Overlap([replace(tasks[0], context=context, wanted=licence + code)])
    assert f"import this\n{code}" in known
    assert licence not in known
    assert code[: len(code) // 3] not in known
    assert "anything" not in Overlap([])
