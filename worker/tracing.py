"""Traces by OpenTelemetry: deeds become spans, and a trace goes on in other processes.

Imported where SCSYNC_OTLP_ENDPOINT is set, and nowhere else. The SDK's own variables (OTEL_*) hold
for what is not set here: sampling, headers, resource attributes, limits.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pipelines.watch import Deed

_TRACES = "/v1/traces"
_EXPORT_TIMEOUT = 5  # s
_KEY = "traceparent"
_MOST_SHARED = 50
"""Of how many traces one request tells: what two hundred submissions share is told to some."""
_NAMES = {"status": "http.response.status_code", "method": "http.request.method"}
_CLIENTS = frozenset({"org.request"})
_FINE = frozenset({"ok", "held", "skipped"})

_propagator = TraceContextTextMapPropagator()


class Tracing:
    """Writes spans for one process."""

    def __init__(self, exporter: SpanExporter, *, version: str, account: str) -> None:
        resource = Resource.create(
            {SERVICE_NAME: "scsync", SERVICE_VERSION: version, "scsync.account": account}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("scsync", version)

    @contextmanager
    def span(self, deed: Deed) -> Iterator[None]:
        """Open a span in the first trace that a deed belongs to, and one in each of the others."""
        first, *others = deed.traces[:_MOST_SHARED] or (None,)
        kind = SpanKind.CLIENT if deed.name in _CLIENTS else SpanKind.INTERNAL
        with ExitStack() as stack:
            links = [link for one in others for link in _links(one)]
            span = stack.enter_context(
                self._tracer.start_as_current_span(
                    deed.name,
                    _parent(first),
                    kind=kind,
                    links=links,
                    record_exception=False,  # its text and locals may be a customer's words
                    set_status_on_exception=False,
                )
            )
            beside = [Link(span.get_span_context())]
            shared = [
                self._tracer.start_span(deed.name, _parent(one), links=beside) for one in others
            ]
            try:
                yield
            except BaseException as error:
                deed.facts.setdefault("outcome", type(error).__name__)
                raise
            finally:
                for one in (span, *shared):
                    _describe(one, deed)
                for one in shared:
                    one.end()

    def past(self, deed: Deed, seconds: float) -> None:
        """Write a span that ends now, in each trace that the deed belongs to."""
        ended = time.time_ns()
        for one in deed.traces[:_MOST_SHARED]:
            span = self._tracer.start_span(
                deed.name, _parent(one), start_time=ended - int(seconds * 1e9)
            )
            _describe(span, deed)
            span.end(ended)

    def context(self) -> str | None:
        """Give the current span as a `traceparent`."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get(_KEY)

    def flush(self) -> None:
        """Send what has not been sent."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send what has not been sent; what the receiver does not take now is lost."""
        self._provider.shutdown()


def to(endpoint: str) -> SpanExporter:
    """Send spans by OTLP over HTTP to an endpoint, as OTEL_EXPORTER_OTLP_ENDPOINT names one."""
    base = endpoint.rstrip("/")
    url = base if base.endswith(_TRACES) else base + _TRACES
    return OTLPSpanExporter(endpoint=url, timeout=_EXPORT_TIMEOUT)


def _parent(traceparent: str | None) -> Context | None:
    """Read a parent; what is none (any program may set it) begins a trace of its own."""
    return _propagator.extract({_KEY: traceparent}, Context()) if traceparent else None


def _links(traceparent: str) -> list[Link]:
    found = trace.get_current_span(_parent(traceparent)).get_span_context()
    return [Link(found)] if found.is_valid else []


def _describe(span: Span, deed: Deed) -> None:
    span.set_attributes(
        {_NAMES.get(name, f"scsync.{name}"): value for name, value in deed.facts.items()}
    )
    outcome = str(deed.facts.get("outcome", "ok"))
    if outcome not in _FINE:
        span.set_status(Status(StatusCode.ERROR, outcome))
