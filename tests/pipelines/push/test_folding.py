"""Consecutive updates of one record travel as one, where nothing is lost by it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from models.outbox import CommandState
from store import revival
from tests.pipelines.push.ground import Place, update

Places = Callable[..., Place]
REFUSAL = {"status": 400, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "No."}


def told(place: Place) -> list[dict[str, Any]]:
    return [entry["fields"] for entry in place.writes("Case")]


def test_updates_of_different_fields_travel_as_one(place: Place) -> None:
    """Three commands, one write of all their fields; each says in whose request it went."""
    case = place.case()
    ids = place.submit(
        update(case, Priority="High"),
        update(case, Subject="x"),
        update(case, Subject="x", Description="y"),
    )
    assert place.drain().settled == {CommandState.APPLIED: 3}
    assert told(place) == [{"Priority": "High", "Subject": "x", "Description": "y"}]
    (tried,) = place.attempts(ids[2])
    assert tried.error_message == f"folded into the request of command {ids[0]}"
    assert place.entry(ids[2]).result_id == case


def test_a_value_in_between_is_not_lost(place: Place) -> None:
    """Two values for one field are two writes: history and triggers may want to see both."""
    case = place.case()
    place.submit(
        update(case, Status="Working"), update(case, Status="Closed"), update(case, Subject="x")
    )
    place.drain()
    assert told(place) == [{"Status": "Working"}, {"Status": "Closed", "Subject": "x"}]


def test_guarded_updates_travel_by_themselves(small: Place) -> None:
    """What is to hold only if nobody came in between is a question of its own."""
    case = small.case()
    # Ahead, so that our own first write does not stand against the second in the next second.
    stamp = (small.clock() + timedelta(hours=1)).isoformat()
    small.submit(
        update(case, Priority="High"),
        {**update(case, Subject="x"), "expected_modstamp": stamp},
        update(case, Description="y"),
    )
    small.drain()
    assert len(told(small)) == 3


def test_a_refusal_strikes_the_one_it_is_for(place: Place) -> None:
    """What was refused together is sent alone: the guilty one is rejected, the other applied."""
    case = place.case()
    place.org.fault(match={"body": "guilty"}, every=1, do=REFUSAL)
    good, bad = place.submit(update(case, Priority="High"), update(case, Subject="guilty"))
    place.drain()
    assert (place.state(good), place.state(bad)) == ("applied", "rejected")
    assert told(place) == [{"Priority": "High"}]


def test_a_lost_reply_is_looked_up_for_all_of_them(place: Place) -> None:
    """Carried out before the reply was lost, the write is not repeated for any of them."""
    case = place.case()
    place.org.fault(match={"method": "PATCH", "path": case}, do={"drop": "after"})
    place.submit(update(case, Priority="High"), update(case, Subject="x"))
    place.drain()
    assert place.counts() == {"applied": 2}
    assert told(place) == [{"Priority": "High", "Subject": "x"}]


def test_a_write_that_did_not_happen_is_sent_again_for_all(place: Place) -> None:
    """Lost before it was carried out, nothing is taken for done."""
    case = place.case()
    place.org.fault(match={"method": "PATCH", "path": case}, do={"drop": "before"})
    place.submit(update(case, Priority="High"), update(case, Subject="x"))
    place.drain()
    assert place.counts() == {"applied": 2}
    assert {name for fields in told(place) for name in fields} == {"Priority", "Subject"}


def test_what_travels_along_is_not_discarded_meanwhile(small: Place) -> None:
    """A command whose fields may be on the wire is nobody's to give up."""
    case = small.case()
    small.org.fault(match={"method": "PATCH", "path": case}, do={"drop": "after"})
    look = {"status": 503, "code": "SERVER_UNAVAILABLE"}
    small.org.fault(match={"path": "/composite/sobjects/Case"}, do=look)
    _, rider = small.submit(update(case, Priority="High"), update(case, Subject="x"))
    small.drain()
    with small.app.store.begin() as tx:
        assert revival.discard(tx, [rider], now=small.clock()) == []
    small.drain_patiently(lambda: small.counts() == {"applied": 2})


def test_folding_can_be_switched_off(place_with: Places) -> None:
    """Where every command is to be a write of its own, it is."""
    place = place_with(fold=False)
    case = place.case()
    place.submit(update(case, Priority="High"), update(case, Subject="x"))
    place.drain()
    assert told(place) == [{"Priority": "High"}, {"Subject": "x"}]
