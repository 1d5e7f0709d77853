"""A lease is renewed while work goes on, and no longer."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from pipelines.keeper import Held, kept
from store.errors import StoreUnavailable
from tests.pipelines.push.ground import Clock, Place, update

SOON = timedelta(milliseconds=5)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
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


def test_a_slow_answer_does_not_cost_the_lease(small: Place) -> None:
    """While the org takes its time over a request, the command's lease is extended."""
    case = small.case()
    small.org.fault(match={"path": case}, do={"delay": 5})
    (command,) = small.submit(update(case, Priority="High"))
    drain = threading.Thread(target=small.pusher().drain)
    drain.start()
    wait_for(lambda: small.entry(command).lease_until is not None)
    first = small.entry(command).lease_until
    wait_for(lambda: small.entry(command).lease_until not in {None, first})
    drain.join()
    assert small.entry(command).attempts == 1
