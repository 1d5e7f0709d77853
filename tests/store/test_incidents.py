"""Incidents: opened once, closed once, told once each time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from models.event import Event, EventState
from models.finding import FindingKind
from models.incident import IncidentKind
from store import events, findings, incidents, orgs
from store.engine import Store

NOW = datetime(2026, 2, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(store: Store) -> list[tuple[str, str]]:
    """Type and kind of every event, oldest first."""
    table = Event.__table__  # type: ignore[attr-defined]
    with store.read() as tx:
        rows = tx.execute(select(table).order_by(table.c.at, table.c.type.desc())).mappings()
        return [(row["type"], row["data"].get("kind", "")) for row in rows]


def test_an_incident_is_opened_once_and_closed_once(store: Store) -> None:
    """However often it is seen; afterwards the next one is another."""
    kind = IncidentKind.BUDGET_HELD
    for again in range(3):
        with store.begin() as tx:
            opened = incidents.open_(tx, kind, "no calls left", now=NOW)
            assert opened == (again == 0)
    with store.begin() as tx:
        assert incidents.close(tx, kind, now=NOW + HOUR) == 1
        assert incidents.close(tx, kind, now=NOW + HOUR) == 0
        assert incidents.open_(tx, kind, "no calls left", now=NOW + 2 * HOUR)
    assert [type_ for type_, _ in told(store)] == [
        "incident.opened",
        "incident.closed",
        "incident.opened",
    ]
    with store.read() as tx:
        latest, first = incidents.recent(tx, 10)
        assert incidents.open_by_kind(tx) == {"budget_held": 1}
    assert (latest.is_open, first.closed_at) == (True, NOW + HOUR)
    assert "SCSYNC_INTERVAL" in latest.remedy


def test_a_grave_finding_is_an_incident_for_as_long_as_it_stands(store: Store) -> None:
    """In the same transaction: where that is undone, nobody was told."""
    with store.begin() as tx:
        findings.raise_(tx, "Case", FindingKind.DRIFT, "org and store differ", now=NOW)
        findings.raise_(tx, "Case", FindingKind.FIELD_FROZEN, "a field is gone", now=NOW)
    with pytest.raises(ZeroDivisionError):
        _spoil(store)
    with store.begin() as tx:
        findings.clear(tx, "Case", FindingKind.DRIFT, now=NOW + HOUR)
    assert told(store) == [("incident.opened", "drift"), ("incident.closed", "drift")]
    with store.read() as tx:
        (incident,) = incidents.recent(tx, 10)
    assert incident.title == "Case: Org and store differ"


def test_silence_of_all_objects_is_one_incident(store: Store) -> None:
    """An org that is down silences every object; it is over when the last one speaks."""
    objects = ["Case", "Account", "User"]
    for sobject in objects:
        with store.begin() as tx:
            findings.raise_(tx, sobject, FindingKind.SILENCE, "no good run", now=NOW)
    for sobject in objects:
        assert told(store) == [("incident.opened", "silence")]
        with store.begin() as tx:
            findings.clear(tx, sobject, FindingKind.SILENCE, now=NOW + HOUR)
    assert told(store)[1:] == [("incident.closed", "silence")]


def test_an_event_that_was_taken_comes_again_unless_it_ends(store: Store) -> None:
    """Whoever took it may be killed: it waits its time, and is taken by the next one."""
    with store.begin() as tx:
        incidents.open_(tx, IncidentKind.NO_WORKER, "nobody", now=NOW)
    wait = timedelta(minutes=5)

    def take(now: datetime) -> list[int]:
        with store.begin() as tx:
            taken = events.take(tx, now=now, limit=10, again=lambda _: wait)
        return [one.attempts for one in taken]

    assert (take(NOW), take(NOW), take(NOW + wait)) == ([1], [], [2])
    with store.begin() as tx:
        (taken,) = events.take(tx, now=NOW + 2 * wait, limit=10, again=lambda _: wait)
        events.end(tx, taken.id, EventState.DELIVERED, now=NOW)
    assert take(NOW + HOUR) == []
    with store.begin() as tx:
        assert (events.counts(tx), events.waiting_since(tx)) == ({"delivered": 1}, None)
        assert events.forget(tx, NOW + HOUR) == 1


def _spoil(store: Store) -> None:
    with store.begin() as tx:
        findings.raise_(tx, "Account", FindingKind.DRIFT, "org and store differ", now=NOW)
        _ = 1 / 0


def test_with_the_org_go_its_incidents(store: Store) -> None:
    """What was found in an org that the account has left is over, and told so."""
    with store.begin() as tx:
        findings.raise_(tx, "Case", FindingKind.DRIFT, "org and store differ", now=NOW)
        orgs.let_go(tx, "another org", now=NOW + HOUR)
    assert told(store)[1:] == [("incident.closed", "drift")]
