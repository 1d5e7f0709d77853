"""Each op is applied once, is read back at once, and waits for what it depends on."""

from typing import Any

from models.outbox import CommandState
from store import revival
from tests.pipelines.push.ground import Place, create, delete, update

REFUSAL = {"status": 400, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "No."}


def ops(place: Place) -> list[tuple[str, str]]:
    return [(entry["op"], entry["id"]) for entry in place.writes()]


def test_an_update_is_applied_once_and_stands_in_the_store(place: Place) -> None:
    """A drain applies an update, a second one finds nothing, and the row is there at once."""
    case = place.case()
    (command,) = place.submit(update(case, Priority="High"))
    assert place.drain().settled == {CommandState.APPLIED: 1}
    assert place.drain().total == 0
    assert [(e["id"], e["fields"]) for e in place.writes("Case")] == [(case, {"Priority": "High"})]
    assert place.entry(command).result_id == case
    assert (place.row("Case", case) or {})["priority"] == "High"


def test_a_create_names_its_record_and_bears_its_key(place: Place) -> None:
    """A create goes as an upsert on the key field: the command's id is the record's key."""
    (command,) = place.submit(create(Subject="No power", Origin="Phone"))
    place.drain()
    made = place.entry(command).result_id or ""
    assert ops(place)[0] == ("create", made)
    row = place.row("Case", made) or {}
    assert (row["subject"], row["sync_key__c"]) == ("No power", command)


def test_an_upsert_creates_first_and_changes_later(place: Place) -> None:
    """Two upserts by one key make one record, in the order of submission."""
    form = {"op": "upsert", "sobject": "Case", "external_id_field": "Sync_Key__c"}
    key = place.app.holder()[-20:]
    first = {**form, "external_id": key, "fields": {"Subject": "one"}}
    second = {**form, "external_id": key.upper(), "fields": {"Subject": "two"}}
    ids = place.submit(first, {**second, "external_id": key})
    place.drain()
    assert len({place.entry(command).result_id for command in ids}) == 1
    assert [e["op"] for e in place.writes("Case")] == ["create", "update"]
    assert (place.row("Case", place.entry(ids[0]).result_id or "") or {})["subject"] == "two"


def test_a_delete_leaves_a_tombstone_in_the_store(place: Place) -> None:
    """A deleted record stays in the store, marked; deleting it again is done already."""
    case = place.case()
    place.submit(update(case, Priority="Low"), delete(case))
    (again,) = place.submit(delete(case))
    place.drain()
    assert [op for op, _ in ops(place)].count("delete") == 1
    assert place.state(again) == "applied"
    assert (place.row("Case", case) or {})["is_deleted"]


def test_a_publication_puts_an_article_online(place: Place) -> None:
    """A draft is published once; the store shows it online."""
    fields = {
        "Title": "Reset the meter",
        "UrlName": f"reset-{place.start}-{place.app.store.is_sqlite}",
    }
    (made,) = place.submit({"op": "create", "sobject": "Knowledge__kav", "fields": fields})
    place.drain()
    draft = place.entry(made).result_id or ""
    (publish,) = place.submit({"op": "publish", "sobject": "Knowledge__kav", "record_id": draft})
    place.drain()
    assert place.state(publish) == "applied"
    assert (place.row("Knowledge__kav", draft) or {})["publish_status"] == "Online"


def comment_on(parent: str, **more: Any) -> dict[str, Any]:
    fields = {"ParentId": {"$command": parent}, "CommentBody": "We are on it."}
    return {"op": "create", "sobject": "CaseComment", "fields": fields, **more}


NEW_CASE = "0b0e8a3e-9a4c-4a55-8c1e-000000000001"


def test_a_reference_waits_for_its_record(place: Place) -> None:
    """A comment on a case that is yet to be made bears the id that the case then got."""
    parent, child = place.submit({**create(Subject="x"), "id": NEW_CASE}, comment_on(NEW_CASE))
    assert place.entry(child).waits_for == 1
    place.drain()
    (comment,) = place.writes("CaseComment")
    assert comment["fields"]["ParentId"] == place.entry(parent).result_id


def test_a_chain_fails_with_its_first(place: Place) -> None:
    """What waits for a command that failed fails too, and what waits for that."""
    place.org.fault(match={"body": "doomed"}, do=REFUSAL)
    (first,) = place.submit(create(Subject="doomed"))
    (second,) = place.submit(comment_on(first))
    (third,) = place.submit({**update(place.case(), Priority="Low"), "depends_on": [second]})
    place.drain()
    codes = [place.entry(command).error_code for command in (first, second, third)]
    assert codes == ["FIELD_CUSTOM_VALIDATION_EXCEPTION", *["DEPENDENCY_FAILED"] * 2]
    assert place.counts() == {"rejected": 3}
    assert place.writes() == []


def test_a_chain_revived_from_its_first_is_applied(place: Place) -> None:
    """Whoever revives the first revives what failed for its sake; both are applied."""
    place.org.fault(match={"body": "once"}, do=REFUSAL)
    (first,) = place.submit(create(Subject="once"))
    (second,) = place.submit(comment_on(first))
    place.drain()
    with place.app.store.begin() as tx:
        assert revival.revive(tx, [first]) == [first, second]
    place.drain()
    assert place.counts() == {"applied": 2}


def test_a_date_ahead_is_waited_for(small: Place) -> None:
    """A command with not_before stays until then, and blocks no other record."""
    late, soon = small.case(), small.case()
    ahead = small.clock().replace(microsecond=0).isoformat().replace("+00:00", "Z")
    small.clock.advance(minutes=-5)
    (waiting,) = small.submit({**update(late, Priority="High"), "not_before": ahead})
    small.submit(update(soon, Priority="Low"))
    small.drain()
    assert small.state(waiting) == "pending"
    small.clock.advance(minutes=10)
    small.drain()
    assert [e["id"] for e in small.writes("Case")] == [soon, late]
