"""Webhooks: events are posted to whoever asked for them, signed, again until they are taken.

As "Standard Webhooks" has it: the same id each time, HMAC-SHA256 over id, time and body.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import msgspec
import structlog

from models.event import Event, EventState
from models.finding import FindingKind
from store import events, findings
from store.engine import Store

AT_ONCE = 10
TIMEOUT = 10.0  # s
WAITS = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
)
"""Between one delivery and the next; after the last of them an event is given up."""
SUBJECT = "webhook"
_GONE = 410
_JSON = "application/json"

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """One receiver, and what is due to it."""

    store: Store
    clock: Callable[[], datetime]
    account: str
    url: str
    key: bytes
    http: httpx.Client

    def deliver(self) -> int:
        """Post what is due; give how many events were."""
        with self.store.read() as tx:
            if not events.is_any_waiting(tx):
                return 0
        with self.store.begin() as tx:
            taken = events.take(tx, now=self.clock(), limit=AT_ONCE, again=wait)
        for event in taken:
            self._deliver(event)
        return len(taken)

    def close(self) -> None:
        self.http.close()

    def _deliver(self, event: Event) -> None:
        why, is_final = self._posted(event)
        is_final = is_final or event.attempts > len(WAITS)
        with self.store.begin() as tx:
            now = self.clock()
            if why is None:
                events.end(tx, event.id, EventState.DELIVERED, now=now)
                findings.clear(tx, SUBJECT, FindingKind.WEBHOOK_FAILED, now=now)
            elif is_final:
                events.end(tx, event.id, EventState.GIVEN_UP, now=now, error=why)
                message = f"an event was given up after {event.attempts} deliveries ({why}): "
                remedy = "see that the receiver of SCSYNC_WEBHOOK_URL answers with 2xx"
                kind = FindingKind.WEBHOOK_FAILED
                findings.raise_(tx, SUBJECT, kind, message + remedy, now=now)
            else:
                events.note_failure(tx, event.id, why)
        level = log.info if why is None else log.warning
        level("event.delivered" if why is None else "event.refused", id=event.id, why=why)

    def _posted(self, event: Event) -> tuple[str | None, bool]:
        """Say why an event was not taken, if it was not, and whether it will never be."""
        body = body_of(event, self.account)
        sent_at = str(int(self.clock().timestamp()))
        headers = {
            "content-type": _JSON,
            "webhook-id": event.id,
            "webhook-timestamp": sent_at,
            "webhook-signature": signature(self.key, event.id, sent_at, body),
        }
        try:
            answer = self.http.post(self.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return type(error).__name__, False  # its text may hold the address, which is a secret
        if answer.is_success:
            return None, False
        return f"status {answer.status_code}", answer.status_code == _GONE


def body_of(event: Event, account: str) -> bytes:
    """Write an event as the receiver gets it, the same each time."""
    said = {
        "type": event.type,
        "timestamp": event.at.isoformat(),
        "data": {"account": account, **event.data},
    }
    return msgspec.json.encode(said)


def signature(key: bytes, event_id: str, sent_at: str, body: bytes) -> str:
    """Sign one delivery."""
    content = b".".join((event_id.encode(), sent_at.encode(), body))
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def wait(attempts: int) -> timedelta:
    """How long to wait after this many deliveries."""
    return WAITS[min(attempts, len(WAITS)) - 1]


def leave(store: Store, *, now: datetime) -> None:
    """Where nobody asked to be told, have what waits stay unsent: it is no news later."""
    with store.read() as tx:
        if not events.is_any_waiting(tx):
            return
    with store.begin() as tx:
        events.leave(tx, now=now)
        findings.clear(tx, SUBJECT, FindingKind.WEBHOOK_FAILED, now=now)
