"""Traces inside one process: what is shared by several, and what goes along with a message."""

from collections.abc import Iterator
from contextlib import closing

import dramatiq
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from emulator.server import Emulator
from tests.pipelines.push.ground import Place, update
from tests.worker.conftest import Crew, eventually
from worker.actors import COMMANDS
from worker.tracing import Tracing

ELSEWHERE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A place whose spans are kept."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.exporter = InMemorySpanExporter()
        place.app.tracing = Tracing(self.exporter, version="0", account="default")

    def spans(self) -> list[ReadableSpan]:
        """All spans so far; what is under way is not among them."""
        assert self.place.app.tracing
        self.place.app.tracing.flush()
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [one for one in self.spans() if one.name == name]


@pytest.fixture
def traced(org: Emulator, sqlite_store_url: str) -> Iterator[Traced]:
    place = Place(org, sqlite_store_url)
    with closing(place.app):
        yield Traced(place)


def trace_of(span: ReadableSpan) -> str:
    assert span.context
    return f"{span.context.trace_id:032x}"


def test_a_request_that_several_share_is_told_in_each_of_their_traces(traced: Traced) -> None:
    """Two submissions travel in one parcel: each has a whole trace, and they point to each other."""
    for _ in range(2):
        traced.place.submit(update(traced.place.case(), Priority="High"))
    traced.place.drain()
    submitted = {trace_of(one) for one in traced.named("command.submit")}
    assert len(submitted) == 2
    for name in ("command.claim", "command.send", "command.read_back"):
        assert {trace_of(one) for one in traced.named(name)} == submitted
    first, second = traced.named("command.send")
    assert first.links
    assert second.links
    assert len(traced.named("org.request")) >= 2


def test_a_trace_of_another_program_goes_on_here(traced: Traced) -> None:
    """One that inserts by SQL may name its trace; what is no trace hinders nobody."""
    case, other = traced.place.case(), traced.place.case()
    fields = '{"Priority": "High"}'
    for record, trace in ((case, ELSEWHERE), (other, "nonsense")):
        row = {"op": "update", "sobject": "Case", "record_id": record, "fields": fields}
        traced.place.insert(**row, trace=trace)
    traced.place.drain()
    assert traced.place.counts() == {"applied": 2}
    assert ELSEWHERE.split("-")[1] in {trace_of(one) for one in traced.named("command.send")}


def test_a_trace_goes_along_with_a_message(traced: Traced) -> None:
    """From whoever sent it, through the queue, into the command and its requests."""
    crew = Crew(traced.place)
    form = update(traced.place.case(), Priority="High")
    crew.broker.enqueue(
        dramatiq.Message(
            queue_name=COMMANDS,
            actor_name="submit_command",
            args=(form,),
            kwargs={},
            options={"traceparent": ELSEWHERE},
        )
    )
    with crew.working():
        eventually(lambda: traced.place.counts() == {"applied": 1})
        eventually(lambda: bool(traced.named("command.read_back")))
    crew.broker.close()
    ours = [one.name for one in traced.spans() if trace_of(one) == ELSEWHERE.split("-")[1]]
    assert {"message.submit_command", "command.send", "command.read_back"} <= set(ours)


def test_a_refresh_is_told_inside_the_request_that_needed_it(traced: Traced) -> None:
    """In the trace of whoever submitted; what is exchanged for what is told nowhere."""
    place = traced.place
    case = place.case()
    place.submit(update(case, Status="Working"))
    place.drain()
    place.org.expire_sessions()
    place.submit(update(case, Priority="High"))
    place.drain()
    (refresh,) = traced.named("token.refresh")
    (request,) = [one for one in traced.named("org.request") if one.context == refresh.parent]
    _, submitted = traced.named("command.submit")
    assert trace_of(request) == trace_of(submitted)
    assert dict(refresh.attributes or {}) == {}
    written = " ".join(one.to_json() for one in traced.spans())
    assert place.org.refresh_token not in written
    assert place.org.client_secret not in written


def test_a_refused_refresh_says_by_what_kind_of_error(traced: Traced) -> None:
    """The trace of a command that waits for a person shows where it came to a halt."""
    place = traced.place
    case = place.case()
    place.submit(update(case, Status="Working"))
    place.drain()
    place.org.expire_sessions()
    place.org.control("POST", "grants/revoke", {"client_id": place.org.client_id})
    place.submit(update(case, Priority="High"))
    place.drain()
    (refresh,) = traced.named("token.refresh")
    assert refresh.status.description == "GrantDead"


def test_a_failure_is_told_by_its_kind_alone(traced: Traced) -> None:
    """An error's text may be a customer's words."""
    with pytest.raises(ZeroDivisionError), traced.place.app.watch.doing("command.submit"):
        fail("a customer's words")
    (span,) = traced.named("command.submit")
    assert span.status.description == "ZeroDivisionError"
    assert span.events == ()
    assert "customer" not in span.to_json()


def fail(words: str) -> None:
    raise ZeroDivisionError(words)
