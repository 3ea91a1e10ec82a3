"""What can go wrong between the gateway and its engine."""

from collections.abc import Iterator
from contextlib import contextmanager


class EngineError(Exception):
    """The engine refused a request; the message is the engine's own, shortened."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class EngineDown(EngineError):
    """The engine cannot be reached, or is not ready to answer."""


class EngineBusy(EngineError):
    """The engine has no room for another request."""


class EngineSlow(EngineError):
    """The engine did not answer within the time that the request had."""


class PromptTooLong(EngineError):
    """The prompt and its answer do not fit the model's context."""


class Refused(EngineError):
    """The engine says that the request itself is wrong, such as tokens that it does not have."""


class UnknownModel(EngineError):
    """The engine does not have the adapter that the request names."""


class EngineStartError(Exception):
    """The managed engine did not come up; the message says where its log is."""


@contextmanager
def understood() -> Iterator[None]:
    """Raise EngineError where what the engine says has another shape than vLLM's answers."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EngineError("what the engine answers is not of vLLM's shape") from error
