"""A key and an id are one command's: what does the same repeats it, anything else is refused."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from models.command import Command
from models.edit import Edit
from pipelines import moves
from pipelines.intake import CHUNK
from pipelines.receipts import Refused
from tests.pipelines.push.ground import Place, create, delete, update
from tests.pipelines.push.test_submit import CASE, upsert, wait_until_blocked
from tests.pipelines.push.test_submit_file import FIRST, SECOND, case_id, submit_forms

KEYED = {"idempotency_key": "ticket-7"}
NAMED = {"id": FIRST}
OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another op": (update(CASE, Subject="x"), delete(CASE)),
    "another record": (update(CASE, Subject="x"), update(case_id(7), Subject="x")),
    "another sObject": (
        create(Description="x"),
        {"op": "create", "sobject": "WorkOrder", "fields": {"Description": "x"}},
    ),
    "another value": (create(Subject="a"), create(Subject="b")),
    "a value less": (create(Subject="a", Origin="Web"), create(Subject="a")),
    "no value": (create(Subject="a", Origin=None), create(Subject="a")),
    "another external id": (
        upsert("Sync_Key__c", "1", Subject="x"),
        upsert("Sync_Key__c", "2", Subject="x"),
    ),
}
BOUND = pytest.mark.parametrize("bound", [KEYED, NAMED], ids=["key", "id"])


@BOUND
@pytest.mark.parametrize("story", OTHERS)
def test_another_command_is_refused(story: str, bound: dict[str, Any], shared_place: Place) -> None:
    """With its place, in one submission and in the next; nothing that came with it is stored."""
    first, other = ({**form, **bound} for form in OTHERS[story])
    named = "'ticket-7' is the key of another command" if bound is KEYED else f"{FIRST} is another"
    with pytest.raises(Refused, match=rf"command 2: .*{named}"):
        shared_place.submit(first, other)
    assert shared_place.counts() == {}
    shared_place.submit(first)
    with pytest.raises(Refused, match=rf"line 2, command 2: .*{named}"):
        submit_forms(shared_place, create(Subject="good"), other)
    assert shared_place.counts() == {"pending": 1}
    with shared_place.app.store.begin() as tx:
        tx.execute(text("DELETE FROM scsync_commands"))


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "names and ids in another form": (
        {**update(case_id(1), Subject="x", Priority="High"), "sobject": "case"},
        update(case_id(1)[:15], priority="High", SUBJECT="x"),
    ),
    "a number in another form": (
        {"op": "create", "sobject": "WorkOrder", "fields": {"Duration": 2}},
        {"op": "create", "sobject": "WorkOrder", "fields": {"Duration": 2.0}},
    ),
    "how it is done": (
        create(Subject="x"),
        {**create(Subject="x"), "priority": 7, "not_before": "2099-01-01T00:00:00Z"},
    ),
    "a key's field in other capitals": (
        upsert("Sync_Key__c", "1", Subject="x"),
        upsert("sync_key__C", "1", Subject="x"),
    ),
}


@BOUND
@pytest.mark.parametrize("story", SAME)
def test_the_same_is_a_repeat(story: str, bound: dict[str, Any], place: Place) -> None:
    """Whatever form it is given in, and by whichever road it comes."""
    first, again = ({**form, **bound} for form in SAME[story])
    (command,) = place.submit(first)
    assert place.submit(again) == submit_forms(place, again, first)[:1] == [command]
    assert sum(place.counts().values()) == 1


def test_a_program_that_is_run_again_repeats_itself(place: Place) -> None:
    """Its commands have new ids under the same keys, and refer to each other by those."""

    def run(parent: str) -> list[str]:
        comment = {"ParentId": {"$command": parent}, "CommentBody": "x"}
        return submit_forms(
            place,
            {**create(Subject="x", Origin="Web"), "id": parent, "idempotency_key": "run/1"},
            {**create(), "sobject": "CaseComment", "fields": comment, "idempotency_key": "run/2"},
        )

    assert run(FIRST) == run(SECOND)
    assert sum(place.counts().values()) == 2


def test_an_edited_command_is_known_by_what_was_asked(place: Place) -> None:
    """Who has not heard of the edit may ask again, and be checked anew changes nothing, either."""
    form = {**update(place.case(), Priority="Urgent!"), **KEYED}
    place.app.describes.get("Case")
    (command,) = place.submit({**form, "fields": {"Subject": "x"}})
    with place.app.store.begin() as tx:
        tx.execute(text("UPDATE scsync_commands SET state = 'rejected'"))
        edit = Edit(values={"Subject": "y"})
        moves.edit(tx, [command], edit, operator="local", now=place.clock())
    place.drain()
    assert (place.state(command), place.entry(command).fields) == ("applied", {"Subject": "y"})
    assert place.submit({**form, "fields": {"Subject": "x"}}) == [command]
    with pytest.raises(Refused):
        place.submit({**form, "fields": {"Subject": "y"}})


def test_what_plain_sql_brought_is_repeated_by_anything(place: Place) -> None:
    """Nobody has taken down what it asked for at first."""
    row = {"op": "update", "sobject": "Case", "record_id": CASE, "fields": '{"Subject": "x"}'}
    first = place.insert(**row, idempotency_key="ticket-7")
    assert place.submit({**delete(CASE), **KEYED}) == [first]


@BOUND
def test_of_two_at_once_one_is_refused(bound: dict[str, Any], place: Place) -> None:
    """Whoever comes second by a moment is told, and nothing of theirs is stored."""
    first, other = {**create(Subject="a"), **bound}, {**create(Subject="b"), **bound}
    place.app.describes.get("Case")
    with ThreadPoolExecutor(1) as second:
        submission = None

        def beside(*_: object) -> None:
            nonlocal submission
            submission = second.submit(submit_forms, place, create(Subject="c"), other)
            wait_until_blocked(place)

        place.app.desk.submit([Command.from_json(first)], beside=beside)
        assert submission is not None
        with pytest.raises(Refused, match=r"line 2, command 2: .*another command"):
            submission.result(timeout=60)
    assert place.counts() == {"pending": 1}


def test_a_rehearsal_refuses_it_too(small: Place) -> None:
    """However far apart the two are in one file."""
    between = [update(case_id(n), Subject="x") for n in range(CHUNK)]
    for bound in (KEYED, NAMED):
        forms = [{**create(Subject="a"), **bound}, *between, {**create(Subject="b"), **bound}]
        with pytest.raises(Refused, match=f"line {CHUNK + 2}, command {CHUNK + 2}: "):
            small.app.desk.rehearse_lines(map(json.dumps, forms))
