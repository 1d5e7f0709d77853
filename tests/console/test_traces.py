"""The HTTP API goes on in its caller's trace, and tells of what nobody foresaw."""

from contextlib import closing

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from emulator.server import Emulator
from tests.console.conftest import served
from tests.pipelines.push.ground import Place, create
from worker.tracing import Tracing

ELSEWHERE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_submission_over_http_is_part_of_its_callers_trace(
    org: Emulator, sqlite_store_url: str
) -> None:
    """As a `traceparent` header names it; the command keeps it."""
    place, exporter = Place(org, sqlite_store_url), InMemorySpanExporter()
    place.app.tracing = Tracing(exporter, version="0", account="default")
    with closing(place.app):
        place.app.link_from_settings()
        with served(place) as http:
            headers = {"traceparent": ELSEWHERE}
            answer = http.post("/v1/commands", json=create(Subject="By HTTP"), headers=headers)
        assert answer.status_code == 202
        place.app.tracing.flush()
        spans = {span.name: span for span in exporter.get_finished_spans()}
        trace_id = f"{spans['command.submit'].context.trace_id:032x}"  # type: ignore[union-attr]
        assert trace_id in ELSEWHERE
        assert trace_id in (place.entry(answer.json()["id"]).trace or "")


def test_an_error_that_nobody_foresaw_is_counted_and_reported(
    http: httpx.Client, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, whoever asked."""
    told: list[BaseException] = []
    assert place.app.figures
    monkeypatch.setattr(place.app.watch, "_report", told.append)
    monkeypatch.setattr("console.probes.judge", lambda _: 1 / 0)
    assert http.get("/readyz").status_code == 500
    assert [type(one) for one in told] == [ZeroDivisionError]
    registry, labels = place.app.figures.registry, {"account": "default"}
    counted = registry.get_sample_value("scsync_unforeseen_errors_total", labels)
    assert counted == 1
