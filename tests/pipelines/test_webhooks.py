"""Webhooks: signed, at least once, under an id that stays; given up in the end, with a finding."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from models.event import EventState
from models.incident import IncidentKind
from pipelines import webhooks
from pipelines.webhooks import WAITS, Webhooks, signature
from store import events, findings, incidents
from store.engine import Store
from tests.pipelines.push.ground import Clock


class Hook:
    """A receiver that takes nothing until it is told to, and the daemon's side of it."""

    def __init__(self, store: Store) -> None:
        self.clock = Clock()
        self.store = store
        self.status: int | None = 500
        self.heard: list[httpx.Request] = []
        transport = httpx.MockTransport(self.answer)
        self.webhooks = Webhooks(
            store=store,
            clock=self.clock,
            account="acme",
            url="https://example.org/hooks/xyzzy",
            key=b"k" * 24,
            http=httpx.Client(transport=transport),
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        if self.status is None:
            raise httpx.ConnectError("no way to https://example.org/hooks/xyzzy")
        return httpx.Response(self.status)

    def open_incident(self) -> None:
        with self.store.begin() as tx:
            incidents.open_(tx, IncidentKind.NO_WORKER, "nobody", now=self.clock())

    def counts(self) -> dict[str, int]:
        with self.store.read() as tx:
            return events.counts(tx)

    def found(self) -> list[str]:
        with self.store.read() as tx:
            return [one.message for one in findings.every(tx)]


@pytest.fixture
def hook(store: Store) -> Iterator[Hook]:
    hook = Hook(store)
    with closing(hook.webhooks):
        yield hook


@pytest.mark.parametrize(
    ("key", "event_id", "sent_at", "body", "expected"),
    [
        (
            "plJ3nmyCDGBKInavdOK15jsl",
            "msg_loFOjxBNrRLzqYUf",
            "1731705121",
            b'{"event_type":"ping","data":{"success":true}}',
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ),
        (
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ],
)
def test_a_signature_is_that_of_standard_webhooks(
    key: str, event_id: str, sent_at: str, body: bytes, expected: str
) -> None:
    """Two examples that the specification and its libraries give."""
    assert signature(base64.b64decode(key), event_id, sent_at, body) == expected


def test_an_event_is_delivered_once_it_is_taken(hook: Hook) -> None:
    """Not before it is time again; the same id and body each time, the time and signature new."""
    hook.open_incident()
    assert hook.webhooks.deliver() == 1
    assert hook.webhooks.deliver() == 0
    hook.clock.advance(seconds=WAITS[0].total_seconds())
    hook.status = 204
    assert hook.webhooks.deliver() == 1
    hook.clock.advance(days=3)
    assert hook.webhooks.deliver() == 0
    first, second = hook.heard
    assert first.content == second.content
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert json.loads(first.content)["data"]["account"] == "acme"
    assert hook.counts() == {EventState.DELIVERED: 1}


def test_an_event_that_nobody_takes_is_given_up_with_a_finding(hook: Hook) -> None:
    """After eight deliveries in a day and a half; the next one that is taken clears it."""
    hook.open_incident()
    hook.status = None
    for wait in WAITS:
        assert hook.webhooks.deliver() == 1
        assert hook.found() == []
        hook.clock.advance(seconds=wait.total_seconds())
    assert hook.webhooks.deliver() == 1
    assert hook.counts() == {EventState.GIVEN_UP: 1}
    (message,) = hook.found()
    assert "8 deliveries (ConnectError)" in message
    assert "xyzzy" not in message
    hook.status = 200
    with hook.store.begin() as tx:
        incidents.close(tx, IncidentKind.NO_WORKER, now=hook.clock())
    hook.webhooks.deliver()
    assert hook.found() == []


def test_a_receiver_that_is_gone_is_not_asked_again(hook: Hook) -> None:
    """410 says so."""
    hook.open_incident()
    hook.status = 410
    hook.webhooks.deliver()
    assert hook.counts() == {EventState.GIVEN_UP: 1}


def test_a_receiver_that_nobody_names_any_more_has_not_failed(hook: Hook) -> None:
    """The finding goes with the next event, which nobody asked to be told of."""
    hook.open_incident()
    hook.status = 410
    hook.webhooks.deliver()
    assert len(hook.found()) == 1
    with hook.store.begin() as tx:
        incidents.close(tx, IncidentKind.NO_WORKER, now=hook.clock())
    webhooks.leave(hook.store, now=hook.clock())
    assert hook.found() == []


def test_what_came_while_nobody_asked_is_no_news_later(hook: Hook) -> None:
    """A webhook that is named today is not told of last week."""
    hook.open_incident()
    webhooks.leave(hook.store, now=hook.clock())
    assert hook.webhooks.deliver() == 0
    assert hook.counts() == {EventState.UNSENT: 1}
