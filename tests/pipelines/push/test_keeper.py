"""A lease is renewed while work goes on, and no longer."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx

from models.outbox import CommandState
from pipelines.keeper import Held, kept
from pipelines.vault import AccountVault
from salesforce.client import Client
from store.errors import StoreUnavailable
from tests.pipelines.push.ground import Clock, Place, update

SOON = timedelta(milliseconds=5)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


def test_a_store_that_is_away_for_a_moment_ends_no_keeper() -> None:
    """A renewal that fails is followed by the next one; after the work there is none."""
    renewed: list[int] = []

    def renew() -> None:
        renewed.append(1)
        if len(renewed) == 1:
            raise StoreUnavailable("gone for a moment")

    with kept(renew, SOON):
        wait_for(lambda: len(renewed) > 2)
    assert "keeper" not in {thread.name for thread in threading.enumerate()}


def test_a_lease_is_over_by_the_clock_unless_extended() -> None:
    """What was not renewed in time is taken to be somebody else's."""
    clock = Clock()
    held = Held(clock)
    clock.advance(seconds=10)
    held.extend(clock() + timedelta(seconds=15))
    clock.advance(seconds=10)
    assert not held.is_over()
    clock.advance(seconds=6)
    assert held.is_over()


class Patient(httpx.HTTPTransport):
    """A line on which a write is not answered before somebody has seen enough."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            self.seen.wait(120)
        return super().handle_request(request)


def test_a_slow_answer_does_not_cost_the_lease(small: Place) -> None:
    """While the org takes its time over a request, the command's lease is extended."""
    (command,) = small.submit(update(small.case(), Priority="High"))
    app, line = small.app, Patient()
    vault = AccountVault(app.store, app.name, cipher=app.cipher, clock=small.clock)

    def lease() -> datetime | None:
        return small.entry(command).lease_until

    with (
        Client(vault=vault, app=app.credentials, transport=line) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        try:
            # Time stands still but for one second: a lease that is later was extended in it.
            with small.clock.stopped():
                drain = pool.submit(small.pusher(client=client).drain)
                wait_for(lambda: lease() is not None)
                first = lease()
                assert first is not None
                small.clock.advance(seconds=1)
                wait_for(lambda: lease() == first + timedelta(seconds=1))
        finally:
            line.seen.set()
        assert drain.result().settled == {CommandState.APPLIED: 1}
    assert small.entry(command).attempts == 1
