"""Rehearsals: what a submission would lead to, with nothing stored."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cli.context import Context
from cli.submit import show_rehearsal
from models.command import Command
from pipelines.intake import CHUNK
from pipelines.receipts import Refused
from tests.pipelines.push.ground import Place, create, delete, update
from tests.pipelines.push.test_submit import CASE, REFUSED, upsert
from tests.pipelines.push.test_submit_file import FIRST, case_id


def test_a_rehearsal_counts_calls_and_stores_nothing(place: Place, capsys: Any) -> None:
    """By kind, with what keeps creates single; what is known already is not counted."""
    case = place.case()
    place.submit({**create(Subject="x", Origin="Web"), "idempotency_key": "k"})
    forms = [
        *(update(case_id(n), Subject="x") for n in range(300)),
        {**create(Subject="x", Origin="Web"), "idempotency_key": "k"},
        {**create(Subject="y", Origin="Web"), "id": FIRST},
        {"op": "create", "sobject": "CaseComment", "fields": {"ParentId": {"$command": FIRST}}},
        upsert("Sync_Key__c", "1", Priority="Low"),
        delete(case),
    ]
    found = place.app.desk.rehearse_lines(map(json.dumps, forms))
    assert place.counts() == {"pending": 1}
    capsys.readouterr()
    show_rehearsal(Context(), found, json=True)
    shown = json.loads(capsys.readouterr().out)
    kinds = {(one["op"], one["sobject"]): one for one in shown.pop("by_kind")}
    assert shown == {"commands": 305, "repeated": 1, "calls": 5}
    assert (kinds["update", "Case"]["calls"], kinds["update", "Case"]["commands"]) == (2, 300)
    assert (kinds["upsert", "Case"]["calls"], kinds["upsert", "Case"]["commands"]) == (1, 2)
    assert kinds["upsert", "Case"]["kept_single_by"] == {"external_id": 1}
    assert kinds["delete", "Case"]["kept_single_by"] == {}
    assert place.drain().total == 1


def test_a_rehearsal_is_shown_in_words(place_with: Callable[..., Place], capsys: Any) -> None:
    """How many calls, of what, and that it may turn out otherwise."""
    forms = [
        *(update(case_id(n), Subject="x") for n in range(200)),
        create(Subject="x"),
        upsert("Sync_Key__c", "1", Subject="x"),
        {"op": "create", "sobject": "CaseComment", "fields": {"ParentId": CASE}},
    ]
    place = place_with(external_id_field="Nonesuch__c")
    found = place.app.desk.rehearse(map(Command.from_json, forms))
    capsys.readouterr()
    show_rehearsal(Context(), found, json=False)
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "1 call: update 200 Case",
        "1 call: create 1 Case, kept single by an idempotency key",
        "1 call: upsert 1 Case by Sync_Key__c",
        "1 call: create 1 CaseComment, kept single by a probe",
    ]
    assert "203 would be accepted; nothing was stored" in shown.err
    assert "may change the number of calls" in shown.err


@pytest.mark.parametrize("story", ["unknown field", "another object's id", "an unknown parent"])
def test_a_rehearsal_refuses_what_a_submission_refuses(story: str, shared_place: Place) -> None:
    """By the same words."""
    form, message = REFUSED[story]
    with pytest.raises(Refused, match="line 1, command 1: ") as refused:
        shared_place.app.desk.rehearse_lines([json.dumps(form)])
    assert message in str(refused.value)


def test_a_rehearsal_knows_earlier_lines(shared_place: Place) -> None:
    """References and repetitions are met across chunks, as when the lines are stored."""
    parent = {**create(Subject="x"), "id": FIRST, "idempotency_key": "k"}
    between = (create(Subject=f"{n}") for n in range(CHUNK))
    child = create(ParentId={"$command": FIRST})
    lines = map(json.dumps, (parent, *between, child, parent))
    found = shared_place.app.desk.rehearse_lines(lines)
    assert (found.commands, found.repeated) == (CHUNK + 3, 1)
    late = map(json.dumps, (child, parent))
    with pytest.raises(Refused, match="line 1, command 1: "):
        shared_place.app.desk.rehearse_lines(late)
