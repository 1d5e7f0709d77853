"""Somebody else was there first: who, what, and what becomes of the command by its policy.

Time stands still, here and in the org, but where a test lets it pass: a write of ours is known by
when it was made, to two seconds, which a busy machine may take from one line to the next.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.server import Emulator
from models.command import Command
from pipelines.receipts import Refused
from tests.pipelines.push.ground import Place, delete, update

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def shared_org() -> Iterator[Emulator]:
    """An org whose clock stands until a test moves it."""
    with Emulator(cases=200, clock=lambda: NOW) as org:
        yield org


@pytest.fixture
def place(place: Place) -> Iterator[Place]:
    """An account whose clock stands as well."""
    with place.clock.stopped():
        yield place


def pulled(place: Place, **fields: Any) -> str:
    """Open a case a while ago, as the store has it."""
    later(place, 0)
    case = place.case(**fields)
    place.app.puller().pull(*place.app.chosen(["Case"]))
    later(place, 5)
    return case


def later(place: Place, seconds: float) -> None:
    """Let time pass here and in the org, whose clock only ever goes forward."""
    now = datetime.fromisoformat(place.org.control("GET", "health")["now"])
    now += timedelta(seconds=seconds)
    place.org.skew((now - NOW).total_seconds())
    place.clock.ahead += now - place.clock()


def changed(place: Place, case: str, **fields: Any) -> None:
    """Have somebody else change it now."""
    place.org.act("update", sobject="Case", id=case, fields=fields)
    place.start = place.org.journal()[-1]["seq"]


@pytest.mark.parametrize("number", [1, 3], ids=["alone", "in a batch"])
def test_a_changed_record_is_left_alone_and_the_cause_says_who(number: int, place: Place) -> None:
    """Guarded by the row that the store has, the update is rejected: by whom, what, since when."""
    case = pulled(place, Priority="Low")
    others = [place.case() for _ in range(number - 1)]
    (command, *_) = place.submit(
        {**update(case, Priority="High"), "on_conflict": "reject"},
        *(update(one, Priority="High") for one in others),
    )
    changed(place, case, Priority="Medium")
    place.drain()
    entry = place.entry(command)
    assert (entry.state, entry.error_code) == ("rejected", "CONFLICT")
    assert "Priority ('Low' is now 'Medium')" in (entry.error_message or "")
    assert " changed the record at " in (entry.error_message or "")
    assert [one["id"] for one in place.writes("Case")] == others


def test_an_unchanged_record_is_written(place: Place) -> None:
    """With nobody in between the guard is not noticed."""
    case = pulled(place)
    place.submit({**update(case, Priority="High"), "on_conflict": "reject"})
    place.drain()
    assert place.counts() == {"applied": 1}


def test_merge_writes_the_fields_that_nobody_touched(place: Place) -> None:
    """A field that somebody else has set since keeps his value; the others are written."""
    case = pulled(place, Priority="Low", Subject="old")
    (command,) = place.submit(
        {**update(case, Priority="High", Subject="new"), "on_conflict": "merge"}
    )
    changed(place, case, Priority="Medium")
    place.drain()
    (written,) = place.writes("Case")
    assert written["fields"] == {"Subject": "new"}
    assert place.state(command) == "applied"


def test_a_merge_with_nothing_left_is_a_conflict(place: Place) -> None:
    """Where somebody else has touched all of it, nothing is written."""
    case = pulled(place, Priority="Low")
    (command,) = place.submit({**update(case, Priority="High"), "on_conflict": "merge"})
    changed(place, case, Priority="Medium")
    place.drain()
    assert (place.entry(command).error_code, place.writes("Case")) == ("CONFLICT", [])


def test_overwrite_asks_nobody(place: Place) -> None:
    """The policy says so, and it is written over whatever came in between."""
    case = pulled(place)
    stamp = (place.clock() - timedelta(hours=1)).isoformat()
    form = {**update(case, Priority="High"), "on_conflict": "overwrite"}
    place.submit({**form, "expected_modstamp": stamp})
    changed(place, case, Priority="Medium")
    place.drain()
    assert [one["fields"] for one in place.writes("Case")] == [{"Priority": "High"}]


def test_our_own_commands_are_no_conflict(place: Place) -> None:
    """Two guarded commands in a row: the first one's write does not stand against the second."""
    case = pulled(place)
    form = {"on_conflict": "reject"}
    place.submit(
        {**update(case, Status="Working"), **form}, {**update(case, Status="Closed"), **form}
    )
    place.drain()
    assert place.counts() == {"applied": 2}


def test_what_our_commands_did_before_the_store_shows_it_is_no_conflict(place: Place) -> None:
    """A write of ours that could not be read back does not stand against what came after it."""
    case = pulled(place)
    place.org.fault(match={"path": "/queryAll"}, do={"status": 500, "code": "UNKNOWN_EXCEPTION"})
    place.submit(update(case, Status="Working"))
    place.drain()
    assert (place.row("Case", case) or {})["status"] == "New"
    later(place, 30)
    guarded = [{**update(case, Status="Closed"), "on_conflict": "reject"}, delete(case)]
    place.submit(*({**form, "on_conflict": "reject"} for form in guarded))
    place.drain()
    assert place.counts() == {"applied": 3}


def test_a_guarded_delete_looks_first(place: Place) -> None:
    """Salesforce ignores the header on a delete: a record that was changed is not deleted."""
    kept, gone = pulled(place, Subject="a"), pulled(place, Subject="b")
    ids = place.submit(*({**delete(one), "on_conflict": "reject"} for one in (kept, gone)))
    changed(place, kept, Subject="c")
    place.drain()
    assert [place.state(one) for one in ids] == ["rejected", "applied"]


def test_a_guard_needs_a_row_to_go_by(place: Place) -> None:
    """A record that was never pulled cannot be guarded by the store: refused with the remedy."""
    form = {**update(place.case(), Priority="High"), "on_conflict": "merge"}
    with pytest.raises(Refused, match="pull first"):
        place.app.desk.submit([Command.from_json(form)])


def test_our_own_writes_are_known_whatever_the_clocks(sqlite_store_url: str) -> None:
    """An org whose clock is minutes ahead stamps what we wrote just now with a time to come."""
    now = datetime.now(UTC)
    with Emulator(cases=200, clock=lambda: now) as org:
        org.skew(12 * 60)
        place = Place(org, sqlite_store_url)
        with closing(place.app), place.clock.stopped():
            case = place.case()
            place.app.puller().pull(*place.app.chosen(["Case"]))
            place.clock.advance(seconds=2)
            org.skew(12 * 60 + 2)  # its stamps have whole seconds
            place.submit(
                {**update(case, Priority="High"), "on_conflict": "reject"},
                {**update(case, Priority="Low"), "on_conflict": "reject"},
            )
            place.drain(folds=False)
            assert place.counts() == {"applied": 2}
