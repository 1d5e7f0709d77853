"""A write whose reply was lost is looked up in the org, never guessed and never made twice."""

from collections.abc import Iterator
from typing import Any

import pytest

from models.outbox import CommandState
from store import accounts
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


@pytest.fixture
def keyless(small: Place) -> Iterator[Place]:
    """A place whose org has comments without a key field, which the UI API does not serve."""
    small.org.control("POST", "fields", {"sobject": "CaseComment", "hide": "Sync_Key__c"})
    yield small
    small.org.control("POST", "fields", {"sobject": "CaseComment", "show": "Sync_Key__c"})


def comment(place: Place, body: str = "We are on it.") -> dict[str, Any]:
    fields = {"ParentId": place.case(), "CommentBody": body}
    return {"op": "create", "sobject": "CaseComment", "fields": fields}


@pytest.mark.parametrize("lost", [LOST_AFTER, LOST_BEFORE], ids=["after", "before"])
def test_a_lost_create_without_a_key_is_looked_for(lost: dict[str, Any], keyless: Place) -> None:
    """By creator, time and contents it is found, or, after a while, known not to be there."""
    keyless.org.fault(match={"method": "POST", "path": "/sobjects/CaseComment"}, do=lost)
    (command,) = keyless.submit(comment(keyless))
    keyless.drain()
    assert keyless.entry(command).key_kind == "probe"
    keyless.drain_patiently(lambda: keyless.state(command) == "applied")
    (made,) = keyless.writes("CaseComment")
    assert keyless.entry(command).result_id == made["id"]


def test_a_probe_that_finds_nothing_waits_before_it_repeats(keyless: Place) -> None:
    """The lost request may still be at work in the org: only two minutes later it is repeated."""
    keyless.org.fault(match={"method": "POST", "path": "/sobjects/CaseComment"}, do=LOST_BEFORE)
    (command,) = keyless.submit(comment(keyless))
    keyless.drain()
    entry = keyless.entry(command)
    assert (entry.state, entry.error_code) == ("unclear", "NOT_SEEN_YET")
    assert keyless.writes("CaseComment") == []


def test_a_probe_that_finds_two_asks_a_person(keyless: Place) -> None:
    """Two records that look like it cannot be told apart: neither is taken, none is made."""
    form = comment(keyless)
    keyless.org.fault(match={"method": "POST", "path": "/sobjects/CaseComment"}, do=LOST_AFTER)
    (command,) = keyless.submit(form)
    _twin(keyless, form)
    keyless.drain()
    entry = keyless.entry(command)
    assert (entry.state, entry.error_code) == ("dead", "UNCLEAR_CREATE")
    assert "2 records look like it" in (entry.error_message or "")


def _twin(place: Place, form: dict[str, Any]) -> None:
    """Have the same user make a record that looks just like it."""
    with place.app.store.read() as tx:
        account = accounts.get(tx, place.app.name)
    assert account
    place.org.act("create", sobject=form["sobject"], fields=form["fields"], user_id=account.user_id)


def test_two_lost_creates_that_look_alike_are_two_records(keyless: Place) -> None:
    """A record that is known to be another command's is not taken for this one's."""
    form = comment(keyless)
    keyless.org.fault(match={"method": "POST", "path": "/CaseComment"}, times=2, do=LOST_AFTER)
    (first,) = keyless.submit(form)
    keyless.drain()
    (second,) = keyless.submit(form)
    keyless.drain_patiently(
        lambda: [keyless.state(one) for one in (first, second)] == ["applied"] * 2
    )
    made = [entry["id"] for entry in keyless.writes("CaseComment")]
    assert [keyless.entry(one).result_id for one in (first, second)] == made
    assert len(set(made)) == 2


@pytest.fixture
def probed(small: Place) -> Iterator[Place]:
    """A place whose org makes no promise for work orders, assets and articles but the probe's."""
    unsupported = small.org.control("GET", "ui")["unsupported"]
    small.org.control("POST", "ui", {"unsupported": [*unsupported, *PROBED]})
    for sobject in PROBED:
        small.org.control("POST", "fields", {"sobject": sobject, "hide": "Sync_Key__c"})
    yield small
    for sobject in PROBED:
        small.org.control("POST", "fields", {"sobject": sobject, "show": "Sync_Key__c"})
    small.org.control("POST", "ui", {"unsupported": unsupported})


PROBED = ("WorkOrder", "Asset")
AS_THE_ORG_MAKES_IT: dict[str, tuple[str, dict[str, Any]]] = {
    "rounded": ("WorkOrder", {"Subject": "a fuse", "Tax": 1.239, "Duration": 2.5049}),
    "seconds": ("WorkOrder", {"Subject": "at night", "StartDate": "2026-03-29T02:30:00.678+01:00"}),
    "trimmed": ("WorkOrder", {"Subject": "  fuse "}),
    "a day": ("Asset", {"Name": "fuse", "InstallDate": "2026-03-29", "Price": 10}),
}


@pytest.mark.parametrize("made", AS_THE_ORG_MAKES_IT.values(), ids=AS_THE_ORG_MAKES_IT)
def test_a_lost_create_is_found_as_the_org_has_made_it(
    made: tuple[str, dict[str, Any]], probed: Place
) -> None:
    """Rounded, cut to seconds, trimmed: what an org does by itself does not hide the record."""
    sobject, fields = made
    if sobject == "Asset":
        (account,) = probed.org.run(
            lambda org: org.query_rows("SELECT Id FROM Account ORDER BY Id LIMIT 1")
        )
        fields = {**fields, "AccountId": account["Id"]}
    probed.org.fault(match={"method": "POST", "path": f"/sobjects/{sobject}"}, do=LOST_AFTER)
    (command,) = probed.submit({"op": "create", "sobject": sobject, "fields": fields})
    probed.drain_patiently(lambda: probed.state(command) in {"applied", "dead"})
    (written,) = probed.writes(sobject)
    entry = probed.entry(command)
    assert (entry.key_kind, entry.state, entry.result_id) == ("probe", "applied", written["id"])


@pytest.mark.parametrize(("key", "verb"), [("external_id", "PATCH"), ("probe", "POST")])
def test_a_lost_article_is_looked_for_by_status(key: str, verb: str, small: Place) -> None:
    """An org may refuse any query on articles that names neither status nor Id."""
    small.org.control(
        "POST", "query", {"sobject": "Knowledge__kav", "filters": ["PublishStatus", "Id"]}
    )
    if key == "probe":
        small.org.control("POST", "fields", {"sobject": "Knowledge__kav", "hide": "Sync_Key__c"})
    small.org.fault(match={"method": verb, "path": "/sobjects/Knowledge__kav"}, do=LOST_AFTER)
    fields = {"Title": "Lost", "UrlName": f"lost-{small.start}"}
    (command,) = small.submit({"op": "create", "sobject": "Knowledge__kav", "fields": fields})
    small.drain_patiently(lambda: small.state(command) in {"applied", "dead"})
    small.org.control("POST", "fields", {"sobject": "Knowledge__kav", "show": "Sync_Key__c"})
    small.org.control("POST", "query", {"sobject": "Knowledge__kav", "filters": []})
    assert (small.entry(command).key_kind, small.state(command)) == (key, "applied")
    assert len(small.writes("Knowledge__kav")) == 1


def test_lost_creates_are_found_however_many_look_alike(keyless: Place) -> None:
    """Sixty comments on one case differ in nothing that a query can compare."""
    case = keyless.case()
    forms = [
        {
            "op": "create",
            "sobject": "CaseComment",
            "fields": {"ParentId": case, "CommentBody": text},
        }
        for text in map(str, range(60))
    ]
    keyless.org.fault(match={"method": "POST", "path": "/composite/sobjects"}, do=LOST_AFTER)
    ids = keyless.submit(*forms)
    keyless.drain_patiently(lambda: keyless.counts() == {"applied": 60})
    made = [entry["id"] for entry in keyless.writes("CaseComment")]
    assert sorted(made) == sorted(keyless.entry(one).result_id or "" for one in ids)


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
    small.org.fault(match={"path": "publishKnowledgeArticles"}, do=LOST_AFTER)
    (command,) = small.submit({"op": "publish", "sobject": "Knowledge__kav", "record_id": draft})
    small.drain()
    assert small.state(command) == "applied"
    assert [a.outcome for a in small.attempts(command)] == ["applied"]


def test_the_record_waits_while_a_command_is_unclear(place: Place) -> None:
    """While the org cannot be asked what became of a command, the next one on the record waits."""
    case = place.case()
    place.org.fault(match={"method": "PATCH"}, do=LOST_AFTER)
    place.org.fault(match={"path": "/composite/sobjects/Case"}, do={"status": 503})
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
    small.org.fault(match={"path": "/composite/sobjects/Case"}, every=1, do=refusal)
    (command,) = small.submit(update(case, Priority="High"))
    small.drain_patiently(lambda: small.state(command) == "dead", rounds=30)
    assert small.entry(command).error_code == "INSUFFICIENT_ACCESS"
    assert len(small.writes("Case")) == 1


def test_a_lost_worker_leaves_nothing_behind(place: Place) -> None:
    """What a killed worker was sending is found out about after its lease, whether sent or not."""
    sent, unsent = place.case(), place.case()
    ids = place.submit(update(sent, Priority="High"), update(unsent, Priority="Low"))
    with place.clock.stopped():  # the lease outlasts whatever the machine does meanwhile
        claimed = place.seize("the killed one")
        place.org.act("update", sobject="Case", id=sent, fields={"Priority": "High"})
        assert [entry.id for entry in claimed] == ids
        assert place.drain().total == 0
    place.clock.advance(seconds=16)
    place.drain()
    assert place.counts() == {"applied": 2}
    assert [e["id"] for e in place.writes("Case")] == [sent, unsent]
    assert "the worker was lost" in (place.attempts(ids[0])[0].error_message or "")


@pytest.fixture
def keyed_by_ui(small: Place) -> Iterator[Place]:
    """A place whose work orders have no key field, and are served by the UI API."""
    small.org.control("POST", "fields", {"sobject": "WorkOrder", "hide": "Sync_Key__c"})
    yield small
    small.org.control("POST", "fields", {"sobject": "WorkOrder", "show": "Sync_Key__c"})


def work_order(**fields: Any) -> dict[str, Any]:
    return {"op": "create", "sobject": "WorkOrder", "fields": {"Subject": "x", **fields}}


@pytest.mark.parametrize("lost", [LOST_AFTER, LOST_BEFORE], ids=["after", "before"])
def test_a_lost_create_is_repeated_under_its_key(lost: dict[str, Any], keyed_by_ui: Place) -> None:
    """The UI API replays its answer to the same key: the repeat makes nothing, and has the id."""
    keyed_by_ui.org.fault(match={"path": "/ui-api/records"}, do=lost)
    (command,) = keyed_by_ui.submit(work_order())
    keyed_by_ui.drain()
    (made,) = keyed_by_ui.writes("WorkOrder")
    entry = keyed_by_ui.entry(command)
    assert (entry.state, entry.key_kind, entry.result_id) == (
        "applied",
        "idempotency_key",
        made["id"],
    )
    assert made["transport"] == "ui"


def test_a_refused_key_is_not_used_again(keyed_by_ui: Place) -> None:
    """The UI API would replay the refusal: what met a lock is sent under another key."""
    keyed_by_ui.org.fault(match={"path": "/ui-api/records"}, do={"lock": True})
    (command,) = keyed_by_ui.submit(work_order())
    keyed_by_ui.drain_patiently(lambda: keyed_by_ui.state(command) == "applied")
    assert len(keyed_by_ui.writes("WorkOrder")) == 1


def test_an_object_that_the_ui_api_drops_is_probed(keyed_by_ui: Place) -> None:
    """Refused by the UI API after all, a create goes by the plain road, and is looked for."""
    (command,) = keyed_by_ui.submit(work_order())
    unsupported = keyed_by_ui.org.control("GET", "ui")["unsupported"]
    keyed_by_ui.org.control("POST", "ui", {"unsupported": [*unsupported, "WorkOrder"]})
    keyed_by_ui.drain()
    keyed_by_ui.org.control("POST", "ui", {"unsupported": unsupported})
    assert (keyed_by_ui.state(command), keyed_by_ui.entry(command).key_kind) == ("applied", "probe")
    assert [entry["transport"] for entry in keyed_by_ui.writes("WorkOrder")] == ["single"]
