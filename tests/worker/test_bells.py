"""Bells announce work; they are few, they do not pile up, and a lost one is rung anew."""

from collections.abc import Iterator

import pytest

from pipelines.keeper import SPAN
from pipelines.parcels import MOST
from tests.pipelines.push.ground import Place, create, update
from worker.bells import SLOTS, Bells

Rung = list[tuple[int, str]]


@pytest.fixture(autouse=True)
def still(place: Place) -> Iterator[None]:
    """Let time pass only where a test says so: leases and pauses last seconds."""
    with place.clock.stopped():
        yield


def test_a_bell_rung_twice_is_one_drain(bells: Bells, rung: Rung) -> None:
    """However often it is rung, each bell sounds once until it is answered."""
    assert bells.ring(lambda *bell: rung.append(bell)) == SLOTS
    assert bells.ring(lambda *bell: rung.append(bell)) == 0
    assert sorted(slot for slot, _ in rung) == list(range(SLOTS))


def test_a_lost_bell_is_rung_again(place: Place, bells: Bells, rung: Rung) -> None:
    """Of a message that nobody received another bell tells; after its span it may sound again."""
    place.submit(create(Subject="x"))
    lost: Rung = []
    assert bells.sweep(lambda *bell: lost.append(bell)) == 1
    assert bells.sweep(lambda *bell: rung.append(bell)) == 1
    assert lost[0][0] != rung[0][0]
    place.clock.advance(seconds=SPAN.total_seconds() + 1)
    assert bells.ring(lambda *_: None) == SLOTS


def test_as_many_bells_ring_as_there_is_work_for(place: Place, bells: Bells, rung: Rung) -> None:
    """Two parcels' worth of commands are two messages, whatever the number of bells."""
    cases = [place.case() for _ in range(MOST + 1)]
    place.submit(*(update(case, Subject="x") for case in cases))
    assert bells.sweep(lambda *bell: rung.append(bell)) == 2


def test_an_answered_bell_can_be_rung_at_once(place: Place, bells: Bells, rung: Rung) -> None:
    """A drain gives its bell back when nothing is left to do."""
    place.submit(create(Subject="x"))
    bells.ring(lambda *bell: rung.append(bell))
    drained = bells.answer(*rung[0])
    assert drained is not None
    assert drained.total == 1
    assert bells.ring(lambda *_: None) == 1


def test_a_bell_that_sounds_elsewhere_by_now_is_not_answered(
    place: Place, bells: Bells, rung: Rung
) -> None:
    """An old message that turns up late starts no drain beside the one that took its place."""
    (command,) = place.submit(create(Subject="x"))
    bells.ring(lambda *bell: rung.append(bell))
    place.clock.advance(seconds=SPAN.total_seconds() + 1)
    bells.ring(lambda *_: None)
    assert bells.answer(*rung[0]) is None
    assert place.state(command) == "pending"


def test_nothing_to_do_rings_nothing(bells: Bells) -> None:
    """An empty outbox makes no message."""
    assert bells.sweep(lambda *_: pytest.fail("rung for nothing")) == 0


def test_an_account_in_trouble_is_left_in_peace(place: Place, bells: Bells, rung: Rung) -> None:
    """A drain that met an outage keeps its bell for a while, so that nobody asks every second."""
    case = place.case()
    place.org.fault(match={"path": case}, do={"status": 503, "code": "SERVER_UNAVAILABLE"})
    (command,) = place.submit(update(case, Priority="High"))
    bells.ring(lambda *bell: rung.append(bell))
    for bell in rung:
        bells.answer(*bell)
    place.clock.advance(seconds=4)
    again: Rung = []
    bells.ring(lambda *bell: again.append(bell))
    assert rung[0][0] not in [slot for slot, _ in again]
    place.clock.advance(seconds=60)
    place.drain()
    assert place.state(command) == "applied"
