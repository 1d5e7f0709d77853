"""A write whose reply was lost is looked up in the org, never guessed and never made twice."""

from typing import Any

import pytest

from models.outbox import CommandState
from tests.pipelines.push.ground import Place, create, delete, update

LOST_AFTER: dict[str, Any] = {"drop": "after"}
LOST_BEFORE: dict[str, Any] = {"drop": "before"}


@pytest.mark.parametrize("lost", [LOST_AFTER, LOST_BEFORE], ids=["after", "before"])
def test_a_lost_create_makes_one_record(lost: dict[str, Any], place: Place) -> None:
    """Whether the create was carried out or not before its reply was lost: one record results."""
    place.org.fault(match={"method": "PATCH", "path": "/Case/Sync_Key__c/"}, do=lost)
    (command,) = place.submit(create(Subject="once"))
    done = place.drain()
    assert done.settled[CommandState.UNCLEAR] == 1
    (made,) = place.writes("Case")
    assert (place.state(command), place.entry(command).result_id) == ("applied", made["id"])


def test_a_lost_create_without_a_key_waits_for_a_person(small: Place) -> None:
    """An object without the key field cannot be searched: the create is dead, not repeated."""
    hide = {"sobject": "WorkOrder", "hide": "Sync_Key__c"}
    small.org.control("POST", "fields", hide)
    small.org.fault(match={"method": "POST", "path": "/sobjects/WorkOrder"}, do=LOST_AFTER)
    (command,) = small.submit({"op": "create", "sobject": "WorkOrder", "fields": {"Subject": "x"}})
    small.drain()
    small.drain()
    entry = small.entry(command)
    assert (entry.state, entry.error_code) == ("dead", "UNCLEAR_CREATE")
    assert [e["op"] for e in small.writes("WorkOrder")] == ["create"]


@pytest.mark.parametrize("lost", [LOST_AFTER, LOST_BEFORE], ids=["after", "before"])
@pytest.mark.parametrize("op", ["update", "delete", "upsert"])
def test_a_lost_write_is_applied_once(op: str, lost: dict[str, Any], small: Place) -> None:
    """What was carried out is seen to be so; what was not is sent again; an upsert may repeat."""
    key = f"lost-{op}-{lost['drop']}"
    case = small.case(Sync_Key__c=key)
    forms = {
        "update": update(case, Priority="High", IsEscalated=True, Description="two\r\nlines "),
        "delete": delete(case),
        "upsert": {
            "op": "upsert",
            "sobject": "Case",
            "external_id_field": "Sync_Key__c",
            "external_id": key,
            "fields": {"Priority": "Low"},
        },
    }
    small.org.fault(match={"path": "/sobjects/Case/"} | method(op), do=lost)
    (command,) = small.submit(forms[op])
    small.drain()
    assert small.state(command) == "applied"
    assert small.entry(command).result_id == case
    repeats = 2 if op == "upsert" and lost is LOST_AFTER else 1
    assert len(small.writes("Case")) == repeats


def method(op: str) -> dict[str, str]:
    return {"method": "DELETE" if op == "delete" else "PATCH"}


def test_a_lost_publication_is_looked_up(small: Place) -> None:
    """An article that went online before its reply was lost is published once."""
    fields = {"Title": "Fuses", "UrlName": f"fuses-{small.start}"}
    (made,) = small.submit({"op": "create", "sobject": "Knowledge__kav", "fields": fields})
    small.drain()
    draft = small.entry(made).result_id or ""
    small.org.fault(match={"path": "masterVersions"}, do=LOST_AFTER)
    (command,) = small.submit({"op": "publish", "sobject": "Knowledge__kav", "record_id": draft})
    small.drain()
    assert small.state(command) == "applied"
    assert [a.outcome for a in small.attempts(command)] == ["applied"]


def test_the_record_waits_while_a_command_is_unclear(place: Place) -> None:
    """While the org cannot be asked what became of a command, the next one on the record waits."""
    case = place.case()
    place.org.fault(match={"method": "PATCH"}, do=LOST_AFTER)
    place.org.fault(match={"method": "GET", "path": case}, do={"status": 503})
    first, second = place.submit(update(case, Priority="High"), update(case, Priority="Low"))
    done = place.drain()
    assert (place.state(first), place.state(second)) == ("unclear", "pending")
    assert done.held_up is not None
    place.clock.advance(minutes=1)
    place.drain()
    assert [e["fields"]["Priority"] for e in place.writes("Case")] == ["High", "Low"]


def test_replies_that_are_always_lost_end_with_a_person(small: Place) -> None:
    """A command whose every attempt is lost is not sent for ever, and its look never ends it."""
    case = small.case()
    small.org.fault(match={"method": "PATCH", "path": case}, every=1, do=LOST_BEFORE)
    (command,) = small.submit(update(case, Priority="High"))
    small.drain_patiently(lambda: small.state(command) == "dead", rounds=30)
    assert small.entry(command).error_code == "REPLIES_LOST"
    assert small.entry(command).attempts == 12


def test_a_look_that_is_always_refused_ends_with_a_person(small: Place) -> None:
    """Where the org will not say what became of a command, it ends dead, not unclear for ever."""
    case = small.case()
    small.org.fault(match={"method": "PATCH", "path": case}, do=LOST_AFTER)
    refusal = {"status": 403, "code": "INSUFFICIENT_ACCESS", "message": "No."}
    small.org.fault(match={"method": "GET", "path": case}, every=1, do=refusal)
    (command,) = small.submit(update(case, Priority="High"))
    small.drain_patiently(lambda: small.state(command) == "dead", rounds=30)
    assert small.entry(command).error_code == "INSUFFICIENT_ACCESS"
    assert len(small.writes("Case")) == 1


def test_a_lost_worker_leaves_nothing_behind(place: Place) -> None:
    """What a killed worker was sending is found out about after its lease, whether sent or not."""
    sent, unsent = place.case(), place.case()
    ids = place.submit(update(sent, Priority="High"), update(unsent, Priority="Low"))
    claimed = place.seize("the killed one")
    place.org.act("update", sobject="Case", id=sent, fields={"Priority": "High"})
    assert [entry.id for entry in claimed] == ids
    assert place.drain().total == 0
    place.clock.advance(seconds=16)
    place.drain()
    assert place.counts() == {"applied": 2}
    assert [e["id"] for e in place.writes("Case")] == [sent, unsent]
    assert "the worker was lost" in (place.attempts(ids[0])[0].error_message or "")
