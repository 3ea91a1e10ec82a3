"""Answers of vLLM's that come in pieces."""

import json
from typing import Any

import pytest

from server.engine.answer import CONVERGED, Answer, Completion
from server.engine.errors import EngineError


def line(text: str, ids: list[int], reason: str | None = None, **more: Any) -> str:
    logprobs = {"token_logprobs": [-0.5 * one for one in ids]}
    choice = {"text": text, "token_ids": ids, "logprobs": logprobs, "finish_reason": reason}
    return f"data: {json.dumps({'choices': [choice | more]})}"


def answer(*lines: str) -> Answer:
    made = Answer()
    for one in lines:
        made.add(one)
    return made


def test_pieces_make_one_answer() -> None:
    pieces = [line("a", [1, 2], prompt_token_ids=[7, 8]), "", line("b", [3])]
    so_far = answer(*pieces)
    assert (so_far.text, so_far.finish_reason) == ("ab", "")
    whole = answer(*pieces, line("", [4], "stop"), "data: [DONE]").completion()
    assert whole == Completion("ab", (7, 8), (1, 2, 3, 4), (-0.5, -1.0, -1.5, -2.0), "stop")


def test_an_answer_may_be_ended_by_who_reads_it() -> None:
    cut = answer(line("a", [1], prompt_token_ids=[7])).completion(CONVERGED)
    assert cut == Completion("a", (7,), (1,), (-0.5,), "converged")


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with pytest.raises(EngineError, match="broke off"):
        answer(line("a", [1])).completion()
    with pytest.raises(EngineError, match="broke off"):
        answer('data: {"error": {"message": "EngineCore died"}}')
