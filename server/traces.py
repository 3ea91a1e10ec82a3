"""OpenTelemetry traces of a suggestion, from the editor's request to vLLM's.

Off unless an endpoint is configured. Spans hold versions, outcomes and numbers, never code. Knows
spans and their headers. Does not know what happens in them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from server import __version__
from server.logs import TRACE

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

HEADERS: ContextVar[Mapping[str, str] | None] = ContextVar("traceparent", default=None)
"""What tells the engine which span its work belongs to."""


PARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context's `traceparent`."""


def trace_of(headers: Mapping[str, str]) -> str:
    """Return the id of the trace that headers name; empty if they name none. Pure."""
    found = PARENT.fullmatch(headers.get("traceparent", ""))
    return found[1] if found else ""


class Span(Protocol):
    """What can be said of a piece of work."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Add a fact."""
        ...


class _Nothing:
    def set_attribute(self, key: str, value: Any) -> None:
        """Forget it."""


def available() -> bool:
    """Whether OpenTelemetry's packages are installed."""
    return all(map(find_spec, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")))


class Traces:
    """One per gateway."""

    def __init__(self, endpoint: str = "") -> None:
        """Send spans to an OTLP endpoint over HTTP; nowhere if it is empty.

        Raises:
            ImportError: OpenTelemetry's packages are missing.
        """
        self._provider: Any = None
        self._tracer: Tracer | None = None
        if endpoint:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            about = Resource({"service.name": "hone-server", "service.version": __version__})
            self._provider = TracerProvider(resource=about)
            exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
            self._tracer = self._provider.get_tracer("hone")

    @contextmanager
    def span(self, name: str, parent: Mapping[str, str] | None = None) -> Iterator[Span]:
        """Time a block as a span, below that of `parent`'s headers or the one around it."""
        if self._tracer is None:
            yield _Nothing()
            return
        from opentelemetry.propagate import extract, inject

        context = extract(parent) if parent is not None else None
        with self._tracer.start_as_current_span(name, context=context) as span:
            carrier: dict[str, str] = {}
            inject(carrier)
            token, traced = HEADERS.set(carrier), TRACE.set(trace_of(carrier))
            try:
                yield span
            finally:
                HEADERS.reset(token)
                TRACE.reset(traced)

    def close(self) -> None:
        """Send what waits."""
        if self._provider is not None:
            self._provider.shutdown()
