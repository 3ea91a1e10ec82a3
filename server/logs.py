"""The gateway's log: lines for people, or one JSON object a line for machines, with request ids.

Never a prompt, an answer or a path of a user's. Knows the standard library's logging. Does not know
who logs what.
"""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The id of the request that is being answered, where there is one."""
TRACE: ContextVar[str] = ContextVar("trace", default="")
"""The id of the trace that it belongs to, by which the log is found from a trace."""


class Lines(logging.Formatter):
    """For people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the request's id at its end."""
        line, request = super().format(record), REQUEST.get()
        return f"{line} [{request}]" if request else line


class Json(logging.Formatter):
    """For machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one object, without line ends in it."""
        found = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST.get():
            found["request_id"] = request
        if trace := TRACE.get():
            found["trace_id"] = trace
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False)


def set_up(form: str) -> None:
    """Log to standard error, in the form `text` or `json`."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if form == "json" else Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
