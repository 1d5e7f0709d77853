"""What is certainly all right is told at a glance, and the glance never says more than the look."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.command import Command, Op, is_reference, new_ids, usual
from pipelines.validate import Checks, form_of, full_id, problems
from salesforce.describe import Describe, FieldDescribe
from salesforce.ids import to_18
from store import outbox
from tests.pipelines.push.ground import Place, create, delete, update
from tests.pipelines.push.test_submit import ACCOUNT, CASE, upsert
from tests.pipelines.push.test_submit_file import FIRST, SECOND, case_id

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("a\0b")
)
odd = st.one_of(scalars, st.lists(scalars, max_size=2), st.just({"$command": FIRST}))
KEYS = {
    "op": st.sampled_from([*Op, "merge", None]),
    "sobject": st.sampled_from(["Case", "", "case", "x" * 81, None]),
    "record_id": st.sampled_from([CASE, case_id(1), "x" * 19, "", None]),
    "external_id_field": st.sampled_from(["Sync_Key__c", "x" * 81]),
    "external_id": st.text(max_size=3) | st.just("k" * 256),
    "idempotency_key": st.text(max_size=3) | st.just("k" * 256) | st.integers(),
    "priority": st.integers() | st.floats() | st.booleans(),
    "id": st.sampled_from([FIRST, FIRST.upper(), "{" + FIRST + "}", FIRST.replace("-", ""), "7"]),
    "fields": st.dictionaries(st.text(max_size=3), odd, max_size=3) | odd,
}
MORE = {name: drawn for name, drawn in KEYS.items() if name not in {"op", "sobject"}}
forms = st.fixed_dictionaries(
    {"op": KEYS["op"], "sobject": KEYS["sobject"]},
    optional={**MORE, "depends_on": st.just([FIRST]), "retries": st.integers()},
)


@given(forms)
@settings(deadline=None, max_examples=600)
def test_a_quick_reading_is_the_thorough_one(form: dict[str, Any]) -> None:
    """What a glance reads, `from_json` reads as the same command; all else is left to it."""
    one = usual(json.dumps(form))
    if one is None or any(isinstance(x, dict) and not is_reference(x) for x in one.fields.values()):
        return
    command = Command.from_json(form, spare_id=SECOND)
    names = set(Command.__dataclass_fields__) - {"id"}
    assert {name: getattr(one, name) for name in names} == {
        name: getattr(command, name) for name in names
    }
    assert (str(one.id) if one.id else SECOND) == command.id


def test_the_usual_line_is_read_at_a_glance() -> None:
    """Updates, deletes, creates with a key and references take the short way."""
    parent = create(ParentId={"$command": FIRST})
    for form in (update(CASE, Subject="é"), delete(CASE), upsert("Sync_Key__c", "1"), parent):
        assert usual(json.dumps(form)) is not None


ids = st.text(alphabet="aZ09", min_size=15, max_size=15)


@given(ids | ids.map(to_18) | st.text(alphabet="aZ09é-", min_size=13, max_size=19))
@settings(deadline=None, max_examples=600)
def test_an_id_in_full_is_the_one_of_the_wire(record_id: str) -> None:
    """Check characters are made and verified as everywhere else."""
    try:
        expected = to_18(record_id)
    except ValueError:
        expected = None
    assert full_id(record_id) == expected


def test_new_ids_are_uuids_of_version_four() -> None:
    """Each is another, in the form that both databases compare."""
    ids = new_ids(500)
    assert len({*ids, *new_ids(500)}) == 1000
    assert all(outbox.is_command_id(one) and (one[14], one[19]) == ("4", "a") for one in ids)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "High", "x" * 256, "2026-01-31", "2026-01-31T09:00:00Z", CASE, "a@b.de"]),
    st.sampled_from([{"$command": FIRST}, {"$command": "x"}, {"en": "x"}]),
)


@pytest.mark.parametrize("sobject", ["Case", "WorkOrder", "Entitlement", "Contact"])
def test_checks_pass_nothing_that_has_problems(sobject: str, shared_place: Place) -> None:
    """Compiled or not, the rules are the same, for every field of the org."""
    describe = shared_place.app.describes.get(sobject)
    assert describe is not None
    names = st.sampled_from([field.name for field in describe.fields] + ["priority", "Nonesuch"])
    own = to_18(f"{describe.key_prefix}RM0000000001")
    targets = st.sampled_from([own, own[:15], ACCOUNT, CASE, "500", None])
    passed = 0

    @given(st.sampled_from(list(Op)), targets, st.dictionaries(names, values, max_size=4), KEYED)
    @example(Op.DELETE, own, {}, {})  # of what is drawn hardly one in a hundred passes
    @settings(deadline=None, max_examples=400)
    def agree(op: Op, target: str | None, fields: dict[str, Any], key: dict[str, Any]) -> None:
        nonlocal passed
        command = Command(op=op, sobject=sobject, record_id=target, fields=fields, **key)
        form = Checks(op, describe).passed(command)
        if form is not None:
            passed += 1
            assert problems(command, describe) == []
            assert form == form_of(command, describe)

    agree()
    assert passed


KEYED: Any = st.sampled_from(
    [
        {},
        {"external_id_field": "sync_key__c", "external_id": "1"},
        {"external_id_field": "Sync_Key__c", "external_id": ".."},
        {"external_id_field": "Subject", "external_id": "1"},
        {"external_id": "1"},
        {"auto_assign": "true"},
        {"auto_assign": "x"},
        {"on_conflict": "reject"},
    ]
)


@pytest.mark.parametrize("op", list(Op))
def test_checks_pass_what_is_usual(op: Op, shared_place: Place) -> None:
    """Whatever has no problems and nothing unusual goes the short way; moves of articles do not."""
    describe = shared_place.app.describes.get("Case")
    assert describe is not None
    record_id = None if op in {Op.CREATE, Op.UPSERT} else CASE
    fields = {} if op is Op.DELETE else {"subject": "x", "Priority": "High", "AccountId": ACCOUNT}
    key = KEYED.elements[1] if op is Op.UPSERT else {}
    command = Command(op=op, sobject="case", record_id=record_id, fields=fields, **key)
    form = Checks(op, describe).passed(command)
    assert form == (None if op in {Op.PUBLISH, Op.ARCHIVE} else form_of(command, describe))


def test_a_compound_that_is_required_may_be_given_by_its_parts() -> None:
    """Where people are accounts, one is created by its last name, and has no other name to give."""
    parts = [
        FieldDescribe(name=name, type="string", length=80, createable=True, nillable=nillable)
        for name, nillable in (("Name", False), ("LastName", True), ("Site", True))
    ]
    parts[1] = msgspec.structs.replace(parts[1], compound_field_name="Name")
    account = Describe(name="Account", fields=tuple(parts))
    for fields, missing in (({"LastName": "Doe"}, []), ({"Site": "Ulm"}, ["Name"])):
        found = problems(Command(op=Op.CREATE, sobject="Account", fields=fields), account)
        assert [one.field for one in found] == missing
