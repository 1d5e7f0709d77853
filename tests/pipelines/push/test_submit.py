"""What is refused at submission, what is the same command, and what other programs may insert."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from models.command import Command, InvalidCommand
from pipelines.receipts import Refused
from store import audit, claims
from tests.pipelines.push.ground import Place, create, delete, update

CASE = "500RM00000000AAYAA"[:15]
ACCOUNT = "001RM00000000AA"


def upsert(field: str, key: str, **fields: Any) -> dict[str, Any]:
    target = {"external_id_field": field, "external_id": key}
    return {"op": "upsert", "sobject": "Case", **target, "fields": fields}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown object": ({**create(Subject="x"), "sobject": "Cse"}, "no sObject 'Cse'"),
    "no name of an object": ({**create(Subject="x"), "sobject": "../Case"}, "not a name"),
    "unknown field": (update(CASE, Priorty="High"), "did you mean Priority"),
    "unknown field of a create": (create(Subjct="High"), "did you mean Subject"),
    "text for a date": (
        {"op": "create", "sobject": "WorkOrder", "fields": {"StartDate": "tomorrow"}},
        "must be a datetime like",
    ),
    "an instant without a zone": (
        {"op": "create", "sobject": "WorkOrder", "fields": {"StartDate": "2026-01-31T09:00:00"}},
        "needs a zone",
    ),
    "a number for text": (update(CASE, Subject=7), "must be text, not int"),
    "text for a flag": (update(CASE, IsEscalated="yes"), "must be true or false"),
    "too long": (update(CASE, Subject="x" * 256), "at most 255 fit"),
    "read-only": (update(CASE, CaseNumber="1"), "cannot be written by update"),
    "a parent that is no id": (update(CASE, AccountId="Acme"), "must be a Salesforce id"),
    "a bad id": (update("500", Subject="x"), "'500' is not a Salesforce id"),
    "bad check characters": (update(CASE + "XXX", Subject="x"), "is not a Salesforce id"),
    "another object's id": (update(ACCOUNT, Subject="x"), "ids start with 500"),
    "no id": ({"op": "delete", "sobject": "Case"}, "delete needs the record's id"),
    "an id on a create": ({**create(Subject="x"), "record_id": CASE}, "a create has none"),
    "no fields": (update(CASE), "needs at least one field"),
    "fields on a delete": ({**delete(CASE), "fields": {"Subject": "x"}}, "takes none"),
    "publishing a case": (
        {"op": "publish", "sobject": "Case", "record_id": CASE},
        "only knowledge",
    ),
    "a missing field": (
        {"op": "create", "sobject": "Entitlement", "fields": {"Name": "Gold"}},
        "AccountId: is required to create",
    ),
    "emptying a required field": (
        {"op": "update", "sobject": "Account", "record_id": ACCOUNT, "fields": {"Name": None}},
        "Name: cannot be emptied",
    ),
    "no external id": (upsert("Subject", "1", Priority="Low"), "did you mean Sync_Key__c"),
    "half an external id": (
        {"op": "upsert", "sobject": "Case", "external_id": "1", "fields": {"Subject": "x"}},
        "both: external_id_field and external_id",
    ),
    "a key that is too long": (upsert("Sync_Key__c", "k" * 65, Subject="x"), "at most 64 fit"),
    "a key that is no address": (upsert("Sync_Key__c", "..", Subject="x"), "cannot stand in"),
    "the key twice": (upsert("Sync_Key__c", "1", Sync_Key__c="2"), "leave it out here"),
    "an unknown parent": (
        {**update(CASE, Subject="x"), "depends_on": ["0b0e8a3e-9a4c-4a55-8c1e-00000000dead"]},
        "is unknown, later than this one, or has failed",
    ),
}


@pytest.mark.parametrize("story", REFUSED)
def test_what_would_fail_is_refused_and_nothing_is_stored(story: str, shared_place: Place) -> None:
    """One bad command among good ones is named with its remedy; none of them is stored."""
    form, message = REFUSED[story]
    with pytest.raises(Refused, match="command 2: ") as refused:
        shared_place.submit(create(Subject="good"), form, create(Subject="good too"))
    assert message in str(refused.value)
    assert shared_place.counts() == {}


UNREADABLE: dict[str, tuple[object, str]] = {
    "not an object": ([], "a command is a JSON object"),
    "unknown op": ({"op": "merge", "sobject": "Case"}, "unknown op 'merge'"),
    "no object": ({"op": "update"}, "'sobject' is missing"),
    "unknown key": ({**create(), "retries": 3}, "unknown key 'retries'"),
    "fields in a list": ({**create(), "fields": ["Subject"]}, "'fields' must be an object"),
    "a value in a value": (create(Subject={"en": "x"}), "'fields.Subject' must be text, a number"),
    "a reference and more": (
        create(ParentId={"$command": CASE, "or": 1}),
        "'fields.ParentId' must be text, a number",
    ),
    "a reference to no command": (create(ParentId={"$command": "x"}), "must be a command id"),
    "a date that is none": ({**create(), "not_before": "soon"}, "must be an instant like"),
    "an instant without a zone": ({**create(), "not_before": "2026-01-31T09:00:00"}, "a zone"),
    "an instant beyond all": (
        {**create(), "not_before": "0001-01-01T00:00:00+14:00"},
        "'not_before': 0001-01-01T00:00:00+14:00 is beyond the calendar in UTC",
    ),
    "a priority that is none": ({**create(), "priority": "high"}, "must be a whole number"),
    "a priority beyond all": ({**create(), "priority": 2**40}, "must be a 32-bit number"),
    "half a priority": ({**create(), "priority": 7.5}, "must be a whole number"),
    "an endless key": ({**create(), "idempotency_key": "k" * 256}, "at most 255 fit"),
    "an endless external id": ({**create(), "external_id": "k" * 256}, "at most 255 fit"),
    "a NUL": (create(Subject="a\0b"), "holds a character that is no text"),
    "half a character": (create(Subject="\ud800"), "holds a character that is no text"),
    "not a number": (create(Amount=float("nan")), "must be a number that JSON knows"),
}


@pytest.mark.parametrize("story", UNREADABLE)
def test_what_is_no_command_is_named(story: str) -> None:
    """A JSON form that no store could hold is refused by the name of its part."""
    form, message = UNREADABLE[story]
    with pytest.raises(InvalidCommand) as refused:
        Command.from_json(form)
    assert message in str(refused.value)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """JSON has one kind of number, and some programs write each of them so."""
    assert (
        Command.from_json({**create(Subject="x"), "priority": 2147483647.0}).priority == 2**31 - 1
    )


def test_a_disabled_action_is_refused_before_any_call(place_with: Callable[..., Place]) -> None:
    """What SCSYNC_ACTIONS does not name is refused by name, and so noted; the org is not asked."""
    place = place_with(actions="create_*,update_case")
    _ = place.app.client
    before = sum(place.org.requests()["counts"].values())
    with (
        capture_logs() as said,
        pytest.raises(Refused, match="delete_case is not enabled: see SCSYNC_ACTIONS"),
    ):
        place.submit(delete(CASE), delete(CASE))
    assert sum(place.org.requests()["counts"].values()) == before
    assert [(one["event"], one["actions"]) for one in said] == [("action.refused", "delete_case")]
    with place.app.store.read() as tx:
        (noted,) = audit.latest(tx, limit=9)
    assert (noted.operator, noted.act, noted.subject) == ("local", "action.refused", "delete_case")
    assert len(place.submit(update(CASE, Priority="Low"), create(Subject="x"))) == 2


def test_a_new_field_is_known_at_once(small: Place) -> None:
    """A field that is newer than our describe is found by asking once more."""
    case = small.case()
    small.submit(update(case, Priority="Low"))
    field = {"name": "Shift__c", "type": "string", "length": 10}
    small.org.control("POST", "fields", {"sobject": "Case", "add": field})
    small.submit(update(case, Shift__c="night"))
    small.drain()
    assert small.counts() == {"applied": 2}


def test_one_key_is_one_command(place: Place) -> None:
    """The same idempotency key twice in a file, in a second file and by SQL is one command."""
    case = place.case()
    form = {**update(case, Priority="High"), "idempotency_key": "ticket-7"}
    first, second = place.submit(form, form)
    assert place.submit(form) == [first] == [second]
    row = {"op": "update", "sobject": "Case", "record_id": case, "fields": "{}"}
    with pytest.raises(IntegrityError):
        place.insert(**row, idempotency_key="ticket-7")
    place.drain()
    assert len(place.writes("Case")) == 1


def test_one_id_is_one_command(small: Place) -> None:
    """A file submitted twice with ids of its own changes nothing the second time."""
    form = {**create(Subject="x"), "id": "0b0e8a3e-9a4c-4a55-8c1e-000000000007"}
    (first,) = small.app.desk.submit([Command.from_json(form)])
    small.drain()
    (second,) = small.app.desk.submit([Command.from_json(form)])
    assert (first.repeated, second.repeated) == (False, True)
    assert small.drain().total == 0


def test_one_key_from_two_at_once_is_one_command(place: Place) -> None:
    """A submission that races with another one's key gets the receipt of the one that is stored."""
    form = {**update(place.case(), Priority="High"), "idempotency_key": "race"}
    place.app.describes.get("Case")
    with ThreadPoolExecutor(1) as second:
        with place.app.store.begin() as tx:
            query = "INSERT INTO scsync_commands (op, sobject, fields, idempotency_key)"
            query += " VALUES ('create', 'Case', '{}', 'race') RETURNING id"
            first = str(tx.execute(text(query)).scalar_one())
            receipt = second.submit(place.submit, form)
            wait_until_blocked(place)
        assert receipt.result(timeout=60) == [first]


def wait_until_blocked(place: Place) -> None:
    """Wait until the other transaction waits for ours; on SQLite it has not even begun."""
    # In this database: another worker's tests share the server.
    query = (
        "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    deadline = time.monotonic() + 60
    while not place.app.store.is_sqlite:
        with place.app.store.read() as tx:
            if tx.execute(text(query)).first():
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_command_depends_on_earlier_ones_alone(place: Place) -> None:
    """Commands that would wait for each other, or for themselves, are refused, however they came."""
    one, two = "0b0e8a3e-9a4c-4a55-8c1e-000000000011", "0b0e8a3e-9a4c-4a55-8c1e-000000000012"
    first = {**create(Subject="x"), "id": one, "depends_on": [two]}
    with pytest.raises(Refused, match=r"command 1: .* later than this one"):
        place.submit(first, {**create(Subject="y"), "id": two})
    with pytest.raises(Refused, match=r"command 1: .* later than this one"):
        place.submit({**first, "depends_on": [one]})
    row = {"op": "create", "sobject": "Case", "fields": '{"Subject": "x"}'}
    place.insert(**row, id=one, depends_on=f'["{two}"]')
    place.insert(**row, id=two, depends_on=f'["{one}"]')
    place.drain()
    assert [place.entry(command).error_code for command in (one, two)] == ["DEPENDENCY_FAILED"] * 2


def test_names_and_ids_have_one_form(small: Place) -> None:
    """`case`, 15 characters and `priority` are the record, the lane and the field they mean."""
    case = small.case()
    form = {
        "op": "update",
        "sobject": "case",
        "record_id": case[:15],
        "fields": {"priority": "Low"},
    }
    first, second = small.submit(form, update(case, Priority="High"))
    assert small.entry(first).lane == small.entry(second).lane == f"Case/{case}"
    assert small.entry(first).fields == {"Priority": "Low"}


BAD_ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "garbage op": ({"op": "explode", "sobject": "Case", "fields": "{}"}, "unknown op"),
    "an array of fields": (
        {"op": "create", "sobject": "Case", "fields": "[1]"},
        "must be an object",
    ),
    "unknown object": ({"op": "create", "sobject": "../Case", "fields": "{}"}, "not a name"),
    "no id": ({"op": "update", "sobject": "Case", "fields": '{"Subject":"x"}'}, "the record's id"),
    "an unknown parent": (
        {"op": "create", "sobject": "Case", "fields": '{"Subject":"x"}', "depends_on": '["7"]'},
        "must be a command id",
    ),
}


def test_bad_rows_are_rejected_with_their_cause_and_block_nothing(place: Place) -> None:
    """Whatever plain SQL left in the outbox is refused by name; the good row behind it is sent."""
    case = place.case()
    bad = {story: place.insert(**columns) for story, (columns, _) in BAD_ROWS.items()}
    fields = '{"Priority": "High"}'
    good = place.insert(op="update", sobject="Case", record_id=case, fields=fields)
    place.drain()
    for story, command in bad.items():
        entry = place.entry(command)
        assert (entry.state, BAD_ROWS[story][1] in (entry.error_message or "")) == (
            "rejected",
            True,
        )
    assert place.state(good) == "applied"
    assert place.drain().total == 0


SQLITE_ROWS: dict[str, dict[str, Any]] = {
    "fields that are no JSON": {"fields": "{oops"},
    "a date that is none": {"not_before": "soon", "fields": "{}"},
    "a date without a zone": {"expected_modstamp": "2026-01-31 09:00:00", "fields": "{}"},
    "a date that is none in UTC": {"not_before": "0001-01-01T00:00:00+14:00", "fields": "{}"},
    "parents that are no JSON": {"depends_on": "x[", "fields": "{}"},
    "an id that is none": {"id": "first", "fields": "{}"},
}


@pytest.mark.parametrize("story", SQLITE_ROWS)
def test_what_sqlite_lets_through_is_rejected_too(story: str, small: Place) -> None:
    """SQLite holds anything in any column; such a row is refused, and others are not kept waiting."""
    small.insert(op="update", sobject="Case", record_id=CASE, **SQLITE_ROWS[story])
    good = small.insert(op="create", sobject="Case", fields='{"Subject": "x"}')
    small.drain()
    assert small.state(good) == "applied"
    assert small.counts() == {"applied": 1, "rejected": 1}


def test_rows_keep_their_order_among_submitted_commands(place: Place) -> None:
    """A row that nobody has looked at holds back what was submitted after it, so none overtakes."""
    case = place.case()
    place.app.describes.get("Case")
    place.insert(op="update", sobject="Case", record_id=case, fields='{"Subject": "1"}')
    place.submit(update(case, Subject="2"))
    place.insert(op="update", sobject="Case", record_id=case[:15], fields='{"Subject": "3"}')
    with place.app.store.begin() as tx:
        now = place.clock()
        claim = claims.Claim(owner="early", now=now, until=now, limit=8)
        assert claims.claim(tx, claim) == []
    place.drain()
    assert [entry["fields"]["Subject"] for entry in place.writes("Case")] == ["1", "2", "3"]
