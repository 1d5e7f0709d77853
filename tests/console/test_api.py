"""Commands, actions, records and reports over the HTTP API, against an emulated org."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from console.api.forms import CommandForm
from console.app import console
from emulator.server import Emulator
from models.action import ACTIONS
from models.command import Command
from models.outbox import CommandState
from store import audit
from tests.cli.ages import between_birthdays
from tests.pipelines.push.ground import Place, create, update

NOBODY = "7f0f4a5e-58a7-4a0e-9d2f-0c9f5a2f1a01"


BOTH = pytest.mark.parametrize("place", ["sqlite", "postgres"], indirect=True)
"""For stories whose SQL is this room's own; the others' is told where it was written."""


@pytest.fixture
def place(request: pytest.FixtureRequest, org: Emulator) -> Iterator[Place]:
    """A linked account on SQLite, or on whichever database is asked for."""
    url = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_store_url")
    place = Place(org, url, objects="User,Account,Case")
    with closing(place.app):
        place.app.link_from_settings()
        yield place


@pytest.fixture
def http(place: Place) -> TestClient:
    return TestClient(console(place.app), base_url="http://localhost")


def spoil(place: Place, command_id: str, state: CommandState = CommandState.REJECTED) -> None:
    """Let a command have failed."""
    with place.app.store.begin() as tx:
        tx.exec_driver_sql(
            f"UPDATE scsync_commands SET state = '{state}', error_code = 'SOME_CODE',"  # noqa: S608 - ours
            f" finished_at = submitted_at WHERE id = '{command_id}'"
        )


def acts(place: Place) -> list[tuple[str, str, str]]:
    with place.app.store.read() as tx:
        found = audit.latest(tx, limit=100)
    return [(one.operator, one.act, one.subject) for one in reversed(found)]


def test_several_commands_are_accepted_all_or_none(http: TestClient, place: Place) -> None:
    """As an array or as lines; the second array repeats the first by the request's key."""
    forms = [create(Subject="One", Origin="Web"), create(Subject="Two", Origin="Web")]
    headers = {"Idempotency-Key": "batch-7"}
    first = http.post("/v1/commands", json=forms, headers=headers).json()
    again = http.post("/v1/commands", json=forms, headers=headers).json()
    assert (first["accepted"], first["repeated"], again["repeated"]) == (2, 0, 2)
    assert [one["id"] for one in first["receipts"]] == [one["id"] for one in again["receipts"]]
    kind = {"Content-Type": "application/x-ndjson"}
    lines = "\n".join(map(json.dumps, [create(Subject="Three", Origin="Web"), {"op": "create"}]))
    refused = http.post("/v1/commands", content=lines, headers=kind)
    assert refused.status_code == 400
    assert "'sobject' is missing" in refused.json()["detail"]
    wrong = [create(Subject="Four", Origin="Web"), create(Subjekt="Five", Origin="Web")]
    refused = http.post("/v1/commands", json=wrong)
    assert refused.status_code == 422
    assert [one["command"] for one in refused.json()["problems"]] == [2]
    assert place.counts() == {"pending": 2}


@BOTH
def test_every_submission_leaves_an_audit_row(http: TestClient, place: Place) -> None:
    """In the transaction that stores it: a refused one leaves none."""
    accepted = http.post("/v1/commands", json=create(Subject="One", Origin="Web")).json()
    http.post("/v1/commands", json=create(Subjekt="One", Origin="Web"))
    assert acts(place) == [("local", "command.submit", accepted["id"])]


@BOTH
def test_an_operator_retries_edits_and_discards(http: TestClient, place: Place) -> None:
    """Each act is written down with who did it; what cannot be done is a conflict."""
    (one,) = place.submit(create(Subject="One", Origin="Web"))
    at = f"/v1/commands/{one}"
    assert http.post(f"{at}/retry").status_code == 409
    spoil(place, one)
    assert http.post(f"{at}/retry").json()["moved"] == [one]
    spoil(place, one)
    edited = http.post(f"{at}/edit", json={"fields": {"Subject": "Two"}, "on_conflict": "merge"})
    assert edited.json()["moved"] == [one]
    assert place.entry(one).fields == {"Subject": "Two", "Origin": "Web"}
    assert place.entry(one).on_conflict == "merge"
    assert http.post(f"{at}/discard").json()["moved"] == [one]
    assert http.post(f"{at}/discard").status_code == 409
    assert http.post(f"/v1/commands/{NOBODY}/retry").status_code == 404
    wanted = [("local", f"command.{act}", one) for act in ("retry", "edit", "discard")]
    assert acts(place) == wanted


def test_an_edit_says_what_to_change(http: TestClient, place: Place) -> None:
    """Nothing at all, or what no command has, is refused."""
    (one,) = place.submit(create(Subject="One", Origin="Web"))
    at = f"/v1/commands/{one}/edit"
    assert http.post(at, json={}).status_code == 422
    assert http.post(at, json={"fields": {"A": [1]}}).status_code == 400
    assert http.post(at, json={"op": "delete"}).status_code == 400


@BOTH
def test_commands_come_in_pages_and_by_filters(http: TestClient, place: Place) -> None:
    """Open ones first, then finished ones, each exactly once whatever the size of a page."""
    ids = place.submit(*(create(Subject=f"No {n}", Origin="Web") for n in range(9)))
    for one in ids[::2]:
        spoil(place, one)
    for limit in (1, 2, 4, 9):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = http.get("/v1/commands", params={"limit": limit, **cursor}).json()
            seen += [one["id"] for one in page["commands"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert seen == [*ids[1::2][::-1], *ids[::2][::-1]]
    rejected = http.get("/v1/commands?state=rejected&object=case&code=SOME_CODE").json()
    assert {one["id"] for one in rejected["commands"]} == set(ids[::2])
    assert http.get("/v1/commands?state=rejected&code=OTHER").json()["commands"] == []
    both = http.get("/v1/commands?state=rejected&state=pending").json()
    assert len(both["commands"]) == 9


def place_text(place: str) -> str:
    """Write a cursor as nobody was given it."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


SENSELESS = (
    ("state=lost", 400, "state"),
    ("limit=0", 400, "limit"),
    ("limit=1&limit=2", 400, "twice"),
    ("before=yesterday", 400, "no instant"),
    ("before=1700000000", 400, "no instant"),
    ("after=0001-01-01T00:00:00%2B14:00", 400, "beyond the calendar"),
    ("cursor=bm9uZQ", 422, "cursor"),
    ("cursor=" + place_text('[["0001-01-01T00:00:00+14:00",1],null]'), 422, "cursor"),
    ("cursor=" + place_text('[["2026-01-31T09:00:00",1],null]'), 422, "cursor"),
    ("cursor=" + place_text(f"[null,{10**30}]"), 422, "out of range"),
    ("what=ever", 400, "what"),
)


def test_a_question_that_makes_no_sense_is_refused(http: TestClient) -> None:
    """By name: a filter that was misspelt must not choose everything."""
    for query, status, said in SENSELESS:
        refused = http.get(f"/v1/commands?{query}")
        assert refused.status_code == status, query
        assert said in refused.json()["detail"]


NO_TEXT = b'{"fields":{"Subject":"\xff"}}'
LAST_DAY = "9999-12-31T23:59:59-14:00"


@BOTH
def test_garbage_is_told_from_a_fault_of_ours(http: TestClient, place: Place) -> None:
    """Bytes that are no text, and instants that are none in UTC, are the caller's to mend."""
    for path, kind in (
        ("/v1/commands", "application/json"),
        ("/v1/commands", "application/x-ndjson"),
        ("/v1/actions/create_case", "application/json"),
    ):
        refused = http.post(path, content=NO_TEXT, headers={"content-type": kind})
        assert (refused.status_code, "utf-8" in refused.json()["detail"]) == (400, True)
    for name in ("not_before", "expected_modstamp"):
        refused = http.post("/v1/commands", json={**create(Subject="x"), name: LAST_DAY})
        assert refused.status_code == 400
        assert refused.json()["detail"] == (
            f"'{name}': {LAST_DAY} is beyond the calendar in UTC: years are 1 to 9999"
        )
    for condition, said in (
        (f"CreatedDate>={LAST_DAY}", "beyond the calendar"),
        (f"CreatedDate<={'9' * 5000}", "no instant"),
    ):
        query = {"from": "store", "where": condition}
        refused = http.get("/v1/actions/list_cases", params=query)
        assert refused.status_code == 422
        assert said in refused.json()["detail"]
    assert place.counts() == {}


def test_an_action_reads_from_the_org_or_from_the_store(http: TestClient, place: Place) -> None:
    """The same cases by both roads, once they are pulled; the store says how far it has read."""
    for model in place.app.models:
        place.app.puller().pull(model)
    query = {
        "where": "Status=Closed",
        "order": "CaseNumber DESC",
        "limit": 5,
        "fields": "CaseNumber",
    }
    org = http.get("/v1/actions/list_cases", params=query).json()
    store = http.get("/v1/actions/list_cases", params={**query, "from": "store"}).json()
    assert org["records"] == store["records"]
    assert len(org["records"]) == 5
    assert (org["as_of"], store["source"]) == (None, "store")
    assert store["as_of"]
    case = http.get("/v1/actions/list_cases", params={"limit": 1}).json()["records"][0]
    found = http.get("/v1/actions/get_case", params={"id": case["Id"]}).json()["records"]
    assert found[0]["CaseNumber"] == case["CaseNumber"]
    searched = http.get("/v1/actions/search_cases", params={"term": case["Subject"]}).json()
    assert case["Id"] in {one["Id"] for one in searched["records"]}


def test_a_known_key_or_id_is_one_command_s_alone(http: TestClient, place: Place) -> None:
    """Another command under it is refused with its place and the key, and all that came with it."""
    own = {"id": "0b0e8a3e-9a4c-4a55-8c1e-000000000007"}
    form = {"op": "create", "sobject": "Case", "fields": {"Subject": "a"}, "idempotency_key": "k"}
    assert http.post("/v1/commands", json={**form, **own}).json()["repeated"] is False
    other = {"op": "delete", "sobject": "Case", "record_id": "500000000000001AAA"}
    sent = [
        http.post("/v1/commands", json={**other, **own}),
        http.post("/v1/commands", json=other, headers={"Idempotency-Key": "k"}),
        http.post("/v1/commands", json=[other, {**form, "fields": {"Subject": "b"}}]),
        http.post("/v1/actions/create_case", json={"fields": {}, "idempotency_key": "k"}),
    ]
    found = [(one.status_code, *one.json()["problems"]) for one in sent]
    assert [(status, one["command"], one["code"]) for status, one in found] == [
        (422, 1, "ID_REUSED"),
        (422, 1, "IDEMPOTENCY_KEY_REUSED"),
        (422, 2, "IDEMPOTENCY_KEY_REUSED"),
        (422, 1, "IDEMPOTENCY_KEY_REUSED"),
    ]
    assert "'k' is the key of another command" in found[1][1]["message"]
    assert place.counts() == {"pending": 1}


def test_an_action_that_writes_becomes_a_command(http: TestClient, place: Place) -> None:
    """Applied in the org like any other; the same key is the same command."""
    headers = {"Idempotency-Key": "action-1"}
    form = {"fields": {"Subject": "By name", "Origin": "Web"}}
    sent = [http.post("/v1/actions/create_case", json=form, headers=headers) for _ in range(2)]
    assert [one.status_code for one in sent] == [202, 202]
    assert [one.json()["repeated"] for one in sent] == [False, True]
    place.drain()
    life = http.get(sent[0].json()["url"]).json()
    assert (life["state"], life["history"][0]["outcome"]) == ("applied", "applied")
    assert place.writes("Case")[0]["fields"]["Subject"] == "By name"


def test_an_action_that_is_not_enabled_is_refused_by_name(
    org: Emulator, sqlite_store_url: str
) -> None:
    """Before any call, by whichever door it comes; the audit says who asked for what."""
    place = Place(org, sqlite_store_url, actions="list_*")
    with closing(place.app):
        here = TestClient(console(place.app), base_url="http://localhost")
        refused = here.post("/v1/actions/delete_case", json={"record_id": "500000000000001AAA"})
        assert refused.status_code == 403
        assert refused.json()["code"] == "ACTION_DISABLED"
        read = here.get("/v1/actions/get_case", params={"id": "500000000000001AAA"})
        several = here.post("/v1/commands", json=[create(Subject="One"), create(Subject="Two")])
        assert (read.status_code, several.status_code) == (403, 422)
        assert acts(place) == [
            ("local", "action.refused", name) for name in ("delete_case", "get_case", "create_case")
        ]
        enabled = {
            one["name"] for one in here.get("/v1/actions").json()["actions"] if one["enabled"]
        }
        assert enabled == {one for one in ACTIONS if one.startswith("list_")}


@BOTH
def test_a_record_is_told_as_the_store_has_it(http: TestClient, place: Place) -> None:
    """By its API names, added fields among them; what the store lacks is not found."""
    for model in place.app.models:
        place.app.puller().pull(model)
    with place.app.store.read() as tx:
        case = tx.exec_driver_sql("SELECT id, case_number FROM cases").first()
    assert case
    found = http.get(f"/v1/records/Case/{case[0]}").json()
    assert found["fields"]["CaseNumber"] == case[1]
    assert "Sync_Key__c" in found["fields"]
    assert (found["is_deleted"], found["sobject"]) == (False, "Case")
    assert found["synced_at"]
    assert http.get(f"/v1/records/Case/{case[0][:15]}").json()["id"] == case[0]
    for wrong in ("Case/500000000000001AAA", "Lead/500000000000001AAA", "Case/short", "x-y/1"):
        assert http.get(f"/v1/records/{wrong}").status_code == 404


def test_the_state_of_everything_is_told(http: TestClient, place: Place) -> None:
    """The same figures by objects, by status and in the store."""
    place.app.puller().pull(place.app.models[0])
    place.submit(update("500000000000001AAA", Priority="High"))
    status, objects = http.get("/v1/status").json(), http.get("/v1/objects").json()
    assert status["objects"] == objects["objects"]
    assert (status["reasons"], status["commands"]) == ([], {"pending": 1})
    assert (status["is_well"], "objects were never read" in status["cautions"][0]) == (False, True)
    user = objects["objects"][0]
    assert (user["sobject"], user["last_outcome"]) == ("User", "ok")
    assert status["account"]["state"] == "linked"


@BOTH
def test_a_report_is_listed_read_and_filtered(http: TestClient, place: Place) -> None:
    """Each column with its meaning; pages follow each other; nonsense is refused."""
    for model in place.app.models:
        place.app.puller().pull(model)
    between_birthdays(place.app.store)
    listed = http.get("/v1/reports").json()["reports"]
    assert all(column["meaning"] for one in listed for column in one["columns"])
    url = next(one["url"] for one in listed if one["name"] == "open_cases")
    every = http.get(url).json()
    pages = [http.get(url, params={"limit": 1, "offset": n}).json() for n in range(2)]
    assert [page["rows"][0] for page in pages] == every["rows"][:2]
    assert (pages[0]["next"], every["next"]) == (1, None)
    status = every["rows"][0]["status"]
    chosen = http.get(url, params={"where": f"status={status}"}).json()["rows"]
    assert chosen == [one for one in every["rows"] if one["status"] == status]
    two = sorted({row["status"] for row in every["rows"]})[:2]
    neither = http.get(url, params={"where": [f"status!={one}" for one in two]}).json()["rows"]
    assert neither == [row for row in every["rows"] if row["status"] not in two] != []
    none = http.get(url, params={"where": "status=Nobody"}).json()
    assert (none["rows"], none["fresh_as_of"]) == ([], every["rows"][0]["fresh_as_of"])
    with place.app.store.begin() as tx:
        hides = "UPDATE scsync_fields SET status = 'frozen' WHERE api_name = 'IsClosed'"
        tx.exec_driver_sql(f"{hides} AND sobject = 'Case'")
    lacks = http.get(url).json()
    assert (lacks["fresh_as_of"], lacks["unreadable"]) == (None, ["Case.IsClosed"])
    assert none["unreadable"] == []
    huge = "9" * 30
    for query in ("where=status", "where=bogus=1", "order=bogus", f"where=age_days={huge}"):
        assert http.get(f"{url}?{query}").status_code == 422
    assert http.get("/v1/reports/bogus").status_code == 404


def test_the_described_form_of_a_command_is_the_one_that_is_read() -> None:
    """A key that one of them lacks would be refused, or never found."""
    assert set(CommandForm.__struct_fields__) == set(Command.__dataclass_fields__)
