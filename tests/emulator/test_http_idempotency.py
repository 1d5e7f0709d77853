"""Idempotency keys over HTTP: applied once, answered again, and where they are refused."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import httpx
import pytest

from tests.emulator.callers import open_client_of, refusal

CASE = {"apiName": "Case", "fields": {"Subject": "once"}}
URL = "ui-api/records"


@pytest.fixture
def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def writes(org):
    entries = [one for one in org.journal() if one["transport"] == "ui" and one["api"]]
    return [(one["op"], one["sobject"]) for one in entries]


def test_a_repeated_create_is_applied_once_and_answered_again(org, api, key):
    """The same 201 with the same Id; each call counts."""
    first = api.post(URL, json=CASE, headers=key)
    again = api.post(URL, json=CASE, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert writes(org) == [("create", "Case")]
    assert org.limits()["used"] == 2
    other = api.post(URL, json=CASE, headers={"Idempotency-Key": str(uuid.uuid4())})
    assert other.json()["id"] != first.json()["id"]


def test_a_lost_answer_is_given_again(org, api, key):
    """Applied, reply lost; the same key brings the reply of then."""
    org.fault(match={"path": URL}, do={"drop": "after"})
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(URL, json=CASE, headers=key)
    again = api.post(URL, json=CASE, headers=key)
    assert (again.status_code, writes(org)) == (201, [("create", "Case")])
    assert again.json()["id"] in {one["id"] for one in org.journal()}


def test_an_answer_behind_a_500_is_given_again(org, api, key):
    """UNKNOWN_EXCEPTION says nothing of the outcome, the key does."""
    org.fault(match={"path": URL}, do={"status": 500, "applied": True})
    assert api.post(URL, json=CASE, headers=key).status_code == 500
    assert api.post(URL, json=CASE, headers=key).status_code == 201
    assert writes(org) == [("create", "Case")]


def test_a_request_that_never_arrived_leaves_its_key_unused(org, api, key):
    """Dropped before, or answered by somebody on the way: the next try is the first."""
    org.fault(match={"path": URL}, do={"drop": "before"})
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(URL, json=CASE, headers=key)
    org.fault(match={"path": URL}, do={"status": 503})
    assert api.post(URL, json=CASE, headers=key).status_code == 503
    assert api.post(URL, json=CASE, headers=key).status_code == 201
    assert writes(org) == [("create", "Case")]


def test_updates_and_deletes_have_keys_too(org, api, key):
    """A repeated delete is a 204 again, without its key a 404."""
    record = f"{URL}/{api.post(URL, json=CASE).json()['id']}"
    change = {"fields": {"Subject": "changed"}}
    first, again = (api.patch(record, json=change, headers=key) for _ in range(2))
    assert (first.status_code, again.content) == (200, first.content)
    gone = {"Idempotency-Key": str(uuid.uuid4())}
    assert [api.delete(record, headers=gone).status_code for _ in range(2)] == [204, 204]
    assert refusal(api.delete(record)) == (404, "ENTITY_IS_DELETED")
    assert writes(org) == [("create", "Case"), ("update", "Case"), ("delete", "Case")]


def test_a_key_belongs_to_one_request(api, key):
    """422 for another body, another record, another method."""
    record = f"{URL}/{api.post(URL, json=CASE, headers=key).json()['id']}"
    other = {"apiName": "Case", "fields": {"Subject": "twice"}}
    mismatch = (422, "IDEMPOTENCY_KEY_MISMATCH")
    assert refusal(api.post(URL, json=other, headers=key)) == mismatch
    assert refusal(api.patch(record, json=CASE, headers=key)) == mismatch
    assert refusal(api.delete(record, headers=key)) == mismatch


def test_a_key_belongs_to_one_user(org, api, key):
    """409 for everybody else, with a time to come back."""
    agent = org.run(
        lambda inner: inner.query_rows("SELECT Id FROM User WHERE IsActive = true LIMIT 2")
    )[1]["Id"]
    api.post(URL, json=CASE, headers=key)
    with open_client_of(org, agent) as other:
        answer = other.post(URL, json=CASE, headers=key)
    assert refusal(answer) == (409, "IDEMPOTENCY_KEY_IN_USE")
    assert answer.headers["retry-after"] == "1"


def test_a_first_attempt_under_way_is_a_conflict(org, api, key, let_go):
    """409 until it is answered, though it is only on its way; then its answer."""
    org.fault(match={"path": URL}, do={"delay": 0.6})  # in fact until we let go
    with ThreadPoolExecutor() as pool:
        first = pool.submit(api.post, URL, json=CASE, headers=key)
        while not org.faults()[0]["hits"]:
            sleep(0.01)
        meanwhile = api.post(URL, json=CASE, headers=key)
        assert refusal(meanwhile) == (409, "IDEMPOTENCY_KEY_IN_USE")
        assert meanwhile.headers["retry-after"] == "1"
        let_go()
        assert first.result().status_code == 201
    assert api.post(URL, json=CASE, headers=key).content == first.result().content
    assert writes(org) == [("create", "Case")]


def test_a_refusal_is_kept_as_well_unless_told_otherwise(org, api, key):
    """A lock that has gone meanwhile is still told to the key that met it."""
    org.fault(match={"path": URL}, do={"lock": True})
    assert refusal(api.post(URL, json=CASE, headers=key)) == (400, "UNABLE_TO_LOCK_ROW")
    assert refusal(api.post(URL, json=CASE, headers=key)) == (400, "UNABLE_TO_LOCK_ROW")
    org.control("POST", "ui", {"keeps_refusals": False})
    fresh = {"Idempotency-Key": str(uuid.uuid4())}
    org.fault(match={"path": URL}, do={"lock": True})
    assert refusal(api.post(URL, json=CASE, headers=fresh)) == (400, "UNABLE_TO_LOCK_ROW")
    assert api.post(URL, json=CASE, headers=fresh).status_code == 201


def test_a_key_is_forgotten_after_thirty_days(org, api, key):
    """Then it counts as new."""
    first = api.post(URL, json=CASE, headers=key).json()["id"]
    org.skew(29 * 86_400)
    assert api.post(URL, json=CASE, headers=key).json()["id"] == first
    org.skew(31 * 86_400)
    assert api.post(URL, json=CASE, headers=key).json()["id"] != first


@pytest.mark.parametrize(
    "text", ["", "abc", str(uuid.UUID(int=1, version=1)), uuid.UUID(int=7, version=4).hex]
)
def test_a_key_is_a_uuid_of_version_4(org, api, text):
    """400, and nothing is written."""
    answer = api.post(URL, json=CASE, headers={"Idempotency-Key": text})
    assert refusal(answer) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert writes(org) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sobjects/Case", {"Subject": "x"}),
        ("composite/sobjects", {"records": []}),
        ("composite", {"compositeRequest": []}),
        ("jobs/ingest", {"object": "Case", "operation": "insert"}),
    ],
)
def test_no_other_resource_takes_a_key(org, api, key, path, body):
    """400, so that nobody relies on what is not there."""
    before = org.journal()
    answer = api.post(path, json=body, headers=key)
    assert refusal(answer) == (400, "IDEMPOTENCY_NOT_SUPPORTED")
    assert org.journal() == before
