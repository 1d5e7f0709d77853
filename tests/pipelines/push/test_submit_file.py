"""A file is answered and stored as its commands would be one by one."""

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from emulator.server import Emulator
from models.command import InvalidCommand
from models.outbox import Ready
from pipelines.intake import CHUNK
from pipelines.receipts import Receipt, Refused
from salesforce.ids import to_18
from tests.pipelines.push.ground import Place, create, delete, update
from tests.pipelines.push.test_submit import (
    CASE,
    REFUSED,
    UNREADABLE,
    upsert,
    wait_until_blocked,
)

FIRST, SECOND = "0b0e8a3e-9a4c-4a55-8c1e-000000000021", "0b0e8a3e-9a4c-4a55-8c1e-000000000022"
OURS = {"id", "seq", "submitted_at"}
"""What differs between one submission and the next."""


def case_id(number: int) -> str:
    """Make up the id of a case, another one for each number."""
    return to_18(f"500RM{number:010d}")


def submit_lines(place: Place, *lines: str) -> list[Receipt]:
    with place.app.desk.submit_lines(lines) as receipts:
        return list(receipts)


def submit_forms(place: Place, *forms: dict[str, Any]) -> list[str]:
    return [receipt.id for receipt in submit_lines(place, *map(json.dumps, forms))]


@pytest.mark.parametrize("story", REFUSED)
def test_a_refused_line_is_named_and_nothing_is_stored(story: str, shared_place: Place) -> None:
    """Line and place differ where a line is empty; the reason is the same as for one command."""
    form, message = REFUSED[story]
    good = json.dumps(create(Subject="good"))
    with pytest.raises(Refused, match="line 3, command 2: ") as refused:
        submit_lines(shared_place, good, " \n", json.dumps(form), good)
    assert message in str(refused.value)
    assert shared_place.counts() == {}


@pytest.mark.parametrize("story", UNREADABLE)
def test_an_unreadable_line_is_named_and_nothing_is_stored(story: str, shared_place: Place) -> None:
    """It says of a line what it says of a form."""
    form, message = UNREADABLE[story]
    with pytest.raises(InvalidCommand, match=r"^line 2: ") as refused:
        submit_lines(shared_place, json.dumps(create(Subject="x")), json.dumps(form))
    assert message in str(refused.value)
    assert shared_place.counts() == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "line 2 is not JSON"),
        ('{"op":"create"} {}', "line 2 is not JSON: Extra data"),
        ('{"op":"create","priority":' + "9" * 5000 + "}", "line 2 cannot be read"),
        ("[" * 100_000, "line 2 cannot be read"),
    ],
)
def test_what_is_no_json_is_named(line: str, message: str, shared_place: Place) -> None:
    """Nothing that stands in a file ends in a traceback."""
    with pytest.raises(InvalidCommand, match=message):
        submit_lines(shared_place, json.dumps(create(Subject="x")), line)


def test_reading_stops_when_there_is_enough_to_say(shared_place: Place) -> None:
    """Twenty refusals are told; of an endless file no more than a chunk is read."""
    read = itertools.count()
    bad = json.dumps(update(CASE, Priorty="x"))
    with pytest.raises(Refused) as refused:
        submit_lines_of(shared_place, (bad for _ in read))
    assert len(refused.value.refusals) == 20
    assert next(read) <= CHUNK + 1


def submit_lines_of(place: Place, lines: Iterator[str]) -> None:
    with place.app.desk.submit_lines(lines):
        raise AssertionError


def test_the_last_line_can_refuse_all(small: Place) -> None:
    """Not a row is written before every line has been read."""
    good = [json.dumps(update(case_id(n), Subject="x")) for n in range(CHUNK + 1)]
    small.app.describes.get("Case")
    with small.app.store.begin(), pytest.raises(Refused, match="line 2002, command 2002: "):
        submit_lines(small, *good, json.dumps(delete("500")))
    assert small.counts() == {}


def test_a_reference_to_nothing_names_its_line(place: Place) -> None:
    """Whether a parent is missing, later, or has only just been refused."""
    one = {**create(Subject="x"), "id": FIRST}
    two = {**create(Subject="y", ParentId={"$command": FIRST}), "id": SECOND}
    with pytest.raises(Refused, match=rf"line 1, command 1: .*{FIRST} is unknown, later"):
        submit_forms(place, two, one)
    assert place.counts() == {}
    assert submit_forms(place, one, two) == [FIRST, SECOND]


def several(case: str, other: str) -> list[dict[str, Any]]:
    """Commands of every kind that an org of the emulator takes."""
    return [
        {**create(Subject="tab\t, feed\n, return\r, \\, \\N, 'é', \U0001f600"), "id": FIRST},
        update(case[:15], subject="one", Priority="High"),
        {**update(case, Subject="two"), "priority": 7, "auto_assign": "true"},
        {**update(other, Subject="later"), "not_before": "2099-01-01T00:00:00.123456+02:00"},
        {**update(other, Subject="last"), "allow_duplicates": True},
        {**create(Subject="keyed", Origin="Web"), "idempotency_key": "tab\tkey"},
        {"op": "create", "sobject": "CaseComment", "fields": {"ParentId": {"$command": FIRST}}},
        {**upsert("sync_key__c", "Key\t1", Priority="Low"), "depends_on": [FIRST]},
        {**upsert("Sync_Key__c", "KEY\t1", Priority="High")},
        {**update(case, Subject="three"), "expected_modstamp": "2026-01-01T00:00:00Z"},
        {**delete(other)},
        {"op": "create", "sobject": "WorkOrder", "fields": {"StartDate": "2026-01-31T09:00:00Z"}},
        {"op": "create", "sobject": "WorkOrder", "fields": {"Subject": None, "CaseId": case}},
    ]


def rows(place: Place, ids: list[str]) -> list[dict[str, Any]]:
    """Read what was stored, by the order of submission, with ids as the places of their commands."""
    names = {command_id: f"<{number}>" for number, command_id in enumerate(ids)}
    found = sorted((place.entry(one) for one in ids), key=lambda one: one.seq or 0)
    assert [one.id for one in found] == ids
    told = []
    for one in found:
        values = {name: x for name, x in one.model_dump().items() if name not in OURS}
        values["lane"] = values["lane"].replace(one.id, names[one.id])
        values["external_id"] = names.get(values["external_id"], values["external_id"])
        told.append(values)
    return told


def forget(place: Place) -> None:
    with place.app.store.begin() as tx:
        tx.execute(text("DELETE FROM scsync_dependencies"))
        tx.execute(text("DELETE FROM scsync_commands"))


def test_a_file_is_stored_as_its_commands_one_by_one(place: Place) -> None:
    """Every column, what waits for what, and what is due are the same either way."""
    forms = several(place.case(), place.case())
    alone = rows(place, [place.submit(form)[0] for form in forms])
    forget(place)
    together = rows(place, submit_forms(place, *forms))
    for form, row, single in zip(forms, together, alone, strict=True):
        if not form.keys() & {"id", "idempotency_key"}:  # it is no repeat, and may do without
            assert row.pop("digest") in {None, single.pop("digest")}
    assert together == alone
    forget(place)
    whole = rows(place, place.submit(*forms))
    assert [
        {name: row[name] for name in one} for row, one in zip(whole, alone, strict=True)
    ] == alone
    ready = [Ready(row["ready"]).name.lower() for row in alone]
    assert ready[:7] == ["due", "due", "blocked", "timed", "blocked", "due", "blocked"]
    assert ready[7:] == ["blocked", "blocked", "blocked", "blocked", "due", "due"]


def test_of_a_long_lane_the_first_is_due(place: Place) -> None:
    """Whatever lies between its commands, and whether others were there before them."""
    busy, free = place.case(), place.case()
    place.submit(update(busy, Subject="there"))
    between = [update(case_id(n), Subject="x") for n in range(CHUNK)]
    lanes = [update(busy, Subject="1"), update(free, Subject="1")]
    ids = submit_forms(place, *lanes, *between, *lanes)
    ready = [place.entry(one).ready for one in (*ids[:2], ids[2], *ids[-2:])]
    assert ready == [Ready.BLOCKED, Ready.DUE, Ready.DUE, Ready.BLOCKED, Ready.BLOCKED]
    with place.app.store.read() as tx:
        stored = tx.execute(text("SELECT id FROM scsync_commands ORDER BY seq")).scalars()
        assert list(map(str, stored))[1:] == ids


def test_references_across_chunks_are_released(place: Place) -> None:
    """A child far behind its parent waits for it, and travels after it."""
    parent = {**create(Subject="parent", Origin="Web"), "id": FIRST}
    between = [
        {**update(case_id(n), Subject="x"), "not_before": "2099-01-01T00:00:00Z"}
        for n in range(CHUNK)
    ]
    comment = {"ParentId": {"$command": FIRST}, "CommentBody": "x"}
    child = {"op": "create", "sobject": "CaseComment", "fields": comment}
    ids = submit_forms(place, parent, *between, child)
    assert place.entry(ids[-1]).waits_for == 1
    place.drain()
    assert [place.state(one) for one in (FIRST, ids[-1])] == ["applied", "applied"]


def test_a_key_is_one_command_throughout_a_file(place: Place) -> None:
    """Within a chunk, in the next one, and in the store; the receipts say which it is."""
    keyed = {**create(Subject="x", Origin="Web"), "idempotency_key": "k"}
    between = [create(Subject="x", Origin="Web") for _ in range(CHUNK)]
    lines = [json.dumps(form) for form in (keyed, keyed, *between, keyed)]
    receipts = submit_lines(place, *lines)
    assert [receipts[n].repeated for n in (0, 1, 2, -1)] == [False, True, False, True]
    assert {receipts[n].id for n in (0, 1, -1)} == {receipts[0].id}
    assert submit_lines(place, lines[0]) == [Receipt(receipts[0].id, repeated=True)]
    assert place.counts() == {"pending": 1 + len(between)}


def test_an_id_is_one_command_throughout_a_file(place: Place) -> None:
    """The first of two that bear one id is stored; what the second waits for does not count."""
    first = {**create(Subject="first", Origin="Web"), "id": FIRST}
    second = {**first, "depends_on": [SECOND]}
    parent = {**create(Subject="parent", Origin="Web"), "id": SECOND}
    receipts = submit_lines(place, *map(json.dumps, (parent, first, second)))
    assert [one.repeated for one in receipts] == [False, False, True]
    assert (place.entry(FIRST).fields["Subject"], place.entry(FIRST).waits_for) == ("first", 0)


def test_a_key_from_two_at_once_keeps_the_rest_of_the_file(place: Place) -> None:
    """What another submission brought in this very moment is its command; the others are stored."""
    keyed = {**update(place.case(), Priority="High"), "idempotency_key": "race", "priority": 3}
    forms = [{**create(Subject="a\tb"), "idempotency_key": "mine"}, keyed, create(Subject="c")]
    place.app.describes.get("Case")
    with ThreadPoolExecutor(1) as second:
        with place.app.store.begin() as tx:
            query = "INSERT INTO scsync_commands (op, sobject, fields, idempotency_key)"
            query += " VALUES ('create', 'Case', '{}', 'race') RETURNING id"
            first = str(tx.execute(text(query)).scalar_one())
            receipts = second.submit(submit_lines, place, *map(json.dumps, forms))
            wait_until_blocked(place)
        mine, raced, other = receipts.result(timeout=60)
    assert raced == Receipt(first, repeated=True)
    assert (mine.repeated, other.repeated) == (False, False)
    assert place.entry(mine.id).fields == {"Subject": "a\tb"}
    assert place.counts() == {"pending": 3}


def test_a_new_field_does_not_slow_the_rest(small: Place, org: Emulator) -> None:
    """A describe is asked for anew once; afterwards the field is one of those that are known."""
    small.submit(update(CASE, Priority="Low"))
    org.control("POST", "fields", {"sobject": "Case", "add": NIGHT})
    before = org.requests()["counts"].get("describe", 0)
    submit_forms(small, *(update(case_id(n), Shift__c="night") for n in range(20)))
    assert org.requests()["counts"].get("describe", 0) <= before + 1
    assert small.counts() == {"pending": 21}


NIGHT = {"name": "Shift__c", "type": "string", "length": 10}
