"""One answer of vLLM's, in one piece or gathered from the pieces of a stream.

Pure. Knows the shape of vLLM's choices and chunks. Does not know connections (server.engine.client)
nor what an answer says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.engine.errors import EngineError, understood

DATA = "data: "
DONE = "[DONE]"
CONVERGED = "converged"
"""The finish reason of an answer that was cut off because it had said all that there is to say."""


@dataclass(frozen=True)
class Completion:
    """One answer. `token_ids` and `logprobs` have the same length; the stop token is included."""

    text: str
    """What of the tokens was told; of an answer that was cut off, a few characters less."""
    prompt_token_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: str
    """`stop`, `length`, `abort` or CONVERGED."""


def whole(choice: Mapping[str, Any]) -> Completion:
    """Return an answer that came in one piece."""
    return Completion(
        text=choice["text"],
        prompt_token_ids=tuple(choice["prompt_token_ids"] or ()),
        token_ids=tuple(choice["token_ids"]),
        logprobs=tuple(choice["logprobs"]["token_logprobs"]),
        finish_reason=choice["finish_reason"],
    )


def chunk_of(line: str) -> dict[str, Any] | None:
    """Return a streamed line's chunk; None where it holds none.

    Raises:
        EngineError: the engine says that it broke off, or what it says is no chunk.
    """
    if not line.startswith(DATA) or (piece := line.removeprefix(DATA)) == DONE:
        return None
    with understood():
        found: dict[str, Any] = json.loads(piece)
        if "choices" not in found:
            raise EngineError("the engine broke off its answer")
        return found


class Answer:
    """An answer that is being streamed: what has come of it so far."""

    def __init__(self) -> None:
        self.text = ""
        self.finish_reason = ""
        """Empty until it is finished."""
        self._prompt: tuple[int, ...] = ()
        self._ids: list[int] = []
        self._logprobs: list[float] = []

    def add(self, line: str) -> None:
        """Take in one line.

        Raises:
            EngineError: the engine says that it broke off.
        """
        with understood():
            for choice in (chunk_of(line) or {"choices": ()})["choices"]:
                self.text += choice["text"]
                self.finish_reason = choice["finish_reason"] or ""
                self._prompt = tuple(choice.get("prompt_token_ids") or self._prompt)
                self._ids += choice["token_ids"]
                self._logprobs += choice["logprobs"]["token_logprobs"]

    def completion(self, finish_reason: str = "") -> Completion:
        """Return what has come, finished as the engine says, or as the caller does.

        Raises:
            EngineError: nobody says how it ended.
        """
        ended = finish_reason or self.finish_reason
        if not ended:
            raise EngineError("the engine broke off its answer")
        return Completion(self.text, self._prompt, tuple(self._ids), tuple(self._logprobs), ended)
