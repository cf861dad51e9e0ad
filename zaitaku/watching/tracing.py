"""Traces of requests (OpenTelemetry, sent by OTLP over HTTP).

A span has a name from a fixed list, a duration, and of the request its route's rule, method,
status and id. Nothing else is ever an attribute: no path, no query, no statement's values, no
words of an exception. Imported only where traces are wanted.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from zaitaku.core.watch_settings import WatchSettings

_PARENT: Final = "traceparent"
"""W3C Trace Context §3.2. ``tracestate`` is not read: it may hold anything."""
_SERVICE: Final = "zaitaku"
_SEND_SECONDS: Final = 2
"""A collector that is away delays the end of a process no longer; its spans are lost."""
_WHOLE: Final = 100
_FIRST_SERVER_ERROR: Final = 500

Begun = tuple[Span, object]


class Tracing:
    """The traces of one process; ``processor`` is where finished spans go."""

    def __init__(self, settings: WatchSettings, processor: BatchSpanProcessor) -> None:
        self._believes = settings.traces_from_proxy
        sampler = ParentBased(TraceIdRatioBased(settings.traces_percent / _WHOLE))
        # Not by the environment: OTEL_RESOURCE_ATTRIBUTES and detectors could add anything.
        resource = Resource({"service.name": _SERVICE})
        self._provider = TracerProvider(sampler=sampler, resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(_SERVICE)

    @classmethod
    def to(cls, settings: WatchSettings) -> "Tracing":
        """Return traces that go to the address of the settings."""
        exporter = OTLPSpanExporter(settings.traces_url, timeout=_SEND_SECONDS)
        return cls(settings, BatchSpanProcessor(exporter))

    def begin(self, method: str, traceparent: str | None) -> Begun:
        """Begin a request's span, as a part of the proxy's where that is to be believed."""
        span = self._tracer.start_span(
            method, self._parent(traceparent), SpanKind.SERVER, record_exception=False
        )
        return span, attach(set_span_in_context(span))

    def _parent(self, told: str | None) -> Context:
        carrier = {_PARENT: told} if told and self._believes else {}
        return TraceContextTextMapPropagator().extract(carrier, Context())

    def end(self, begun: Begun, facts: Mapping[str, str | int]) -> None:
        """End it, named for its method and route."""
        span, token = begun
        span.update_name(f"{facts['http.request.method']} {facts['http.route']}")
        span.set_attributes(dict(facts))
        if int(facts["http.response.status_code"]) >= _FIRST_SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
        detach(token)  # type: ignore[arg-type]
        span.end()

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Show a piece of work within the present request; of an exception its type alone."""
        if not get_current_span().get_span_context().is_valid:
            yield
            return
        with self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                raise

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
