"""One record's commands are applied in their order, none twice, however many are at work."""

import json
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import pytest
from sqlalchemy.exc import IntegrityError

from models.outbox import CommandState
from pipelines import push
from store import claims, lanes, revival
from store.claims import Settlement
from tests.pipelines.push.ground import Place, delete, update


def subjects(place: Place) -> dict[str, list[str]]:
    """What each record was called, in the order in which the org was told."""
    told = defaultdict(list)
    for entry in place.writes("Case"):
        told[entry["id"]].append(entry["fields"]["Subject"])
    return told


def test_many_pushers_keep_each_record_in_order(place: Place) -> None:
    """Five drains at once, with locked rows and lost replies under way, leave each row in order."""
    cases = [place.case() for _ in range(6)]
    place.org.fault(match={"method": "PATCH"}, every=11, do={"lock": True})
    place.org.fault(match={"method": "PATCH"}, every=17, do={"drop": "after"})
    place.submit(*(update(case, Subject=f"{n:02}") for n in range(20) for case in cases))

    def drain_all(_: int) -> None:
        place.drain()

    for _ in range(20):
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(drain_all, range(5)))
        place.clock.advance(minutes=3)
        if place.counts() == {"applied": 120}:
            break
    order = [f"{n:02}" for n in range(20)]
    assert subjects(place) == dict.fromkeys(cases, order)


def test_rows_are_admitted_by_one_at_a_time(place: Place) -> None:
    """While somebody admits rows, on PostgreSQL nobody else tries the same: they would collide."""
    fields = json.dumps({"Subject": "x"})
    columns = {"op": "update", "sobject": "Case", "record_id": place.case(), "fields": fields}
    command = place.insert(**columns)
    if not place.app.store.is_sqlite:
        with place.app.store.begin() as tx:
            assert lanes.may_admit(tx)
            place.app.desk.admit()
        assert place.entry(command).lane is None
    place.app.desk.admit()
    assert place.entry(command).lane is not None


def test_the_database_itself_refuses_a_second_in_flight(place: Place) -> None:
    """One record, two commands, both being sent: no bug of ours can write that down."""
    case = place.case()
    place.submit(update(case, Subject="1"), update(case, Subject="2"))
    with pytest.raises(IntegrityError), place.app.store.begin() as tx:
        tx.exec_driver_sql("UPDATE scsync_commands SET state = 'sending'")


def test_a_revived_command_waits_for_the_one_in_flight(place: Place) -> None:
    """Whoever is being sent is finished first, even if the revived one is older."""
    case = place.case()
    refusal = {"status": 400, "code": "STRING_TOO_LONG", "message": "No."}
    place.org.fault(match={"path": case}, do=refusal)
    (old,) = place.submit(update(case, Subject="old"))
    place.drain()
    (new,) = place.submit(update(case, Subject="new"))
    with place.clock.stopped():  # the lease outlasts whatever the machine does meanwhile
        (flying,) = place.seize()
        with place.app.store.begin() as tx:
            assert revival.revive(tx, [old])
        assert place.drain().total == 0
    with place.app.store.begin() as tx:
        claims.hand_back(tx, [flying], owner="another worker", now=place.clock())
    place.drain()
    assert (flying.id, place.counts()) == (new, {"applied": 2})
    assert subjects(place) == {case: ["old", "new"]}


def test_urgent_records_come_first_but_not_within_a_record(place: Place) -> None:
    """Priority chooses among records; on one record the order of submission stands."""
    calm, urgent = place.case(), place.case()
    place.submit(
        update(calm, Subject="c1"),
        update(urgent, Subject="u1"),
        {**update(urgent, Subject="u2"), "priority": 5},
        {**update(calm, Subject="c2"), "priority": 9},
    )
    assert [entry.fields["Subject"] for entry in place.seize(limit=1)] == ["c1"]
    place.clock.advance(minutes=1)
    place.drain()
    told = subjects(place)
    assert (told[calm], told[urgent]) == (["c1", "c2"], ["u1", "u2"])


def test_who_lost_the_lease_settles_nothing(place: Place) -> None:
    """A worker that slept through its lease finds its command taken over, and leaves it so."""
    (command,) = place.submit(update(place.case(), Subject="x"))
    (entry,) = place.seize("the sleeper")
    place.clock.advance(seconds=16)
    place.drain()
    applied = Settlement(state=CommandState.REJECTED, error_code="LATE")
    with place.app.store.begin() as tx:
        ours = claims.settle(tx, [(entry, applied)], owner="the sleeper", now=place.clock())
    assert ours == set()
    assert place.state(command) == "applied"


def test_who_cannot_know_to_hold_the_lease_sends_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drain that slept longer than its lease leaves the rest to the one who took it over.

    So does its keeper, even if that is the first to wake.
    """
    renewals: list[Callable[[], object]] = []

    def kept(renew: Callable[[], object]) -> AbstractContextManager[None]:
        renewals.append(renew)
        return nullcontext()

    monkeypatch.setattr(push, "kept", kept)
    cases = [place.case(), place.case()]
    ids = place.submit(update(cases[0], Subject="x"), delete(cases[1]))  # two parcels
    other = place.pusher()

    def sleep(_: object) -> None:
        place.clock.advance(seconds=16)
        renewals[0]()
        other.drain()

    assert place.drain(on_settled=sleep).settled == {CommandState.APPLIED: 1}
    assert [place.state(command) for command in ids] == ["applied", "applied"]
    assert [entry["id"] for entry in place.writes("Case")] == cases


def test_a_stop_hands_back_what_is_not_sent(place: Place) -> None:
    """A drain that is told to stop finishes the parcel at hand and returns the others."""
    asked: list[CommandState] = []
    ids = place.submit(update(place.case(), Subject="x"), *(delete(place.case()) for _ in range(3)))
    place.drain(on_settled=asked.append, stopping=lambda: bool(asked))
    assert [place.state(command) for command in ids] == ["applied", *["pending"] * 3]
    assert [place.attempts(command) for command in ids[1:]] == [[], [], []]
    assert place.entry(ids[1]).lease_owner is None
