"""Requests that overlap, over HTTP: none waits for another, writers meet each other's locks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import httpx
import pytest

from tests.emulator.callers import refusal
from tests.emulator.loading import closed, filled, look, opened, rows, table

LOCKED = (400, "UNABLE_TO_LOCK_ROW")
DELAY = 1.0  # seconds
HELD = 2.0  # seconds by the rule; with `let_go`, until the test says so


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def accounts(api):
    names = ("Acme", "Bolt")
    return [api.post("sobjects/Account", json={"Name": name}).json()["id"] for name in names]


def case(account, **fields):
    return {"attributes": {"type": "Case"}, "AccountId": account, **fields}


def begun(org, pool, act, *args, **kwargs):
    """Send a request and come back as soon as it is carried out, if not answered."""
    before = len(org.journal())
    sent = pool.submit(act, *args, **kwargs)
    while len(org.journal()) == before:
        sleep(0.01)
    org.contend()  # whoever comes now is answered at once
    return sent


def create(api, account):
    return api.post("sobjects/Case", json={"AccountId": account})


@pytest.fixture
def under_way(org, api, pool, accounts, let_go):
    """A request that creates a case of the first account, and takes its time to be answered."""
    org.contend(hold=HELD)
    first = begun(org, pool, create, api, accounts[0])
    yield first
    assert not first.done()
    let_go()
    assert first.result().status_code == 201


def test_a_delay_comes_before_each_answer(org, api):
    """Latency is a rule."""
    org.fault(every=1, do={"delay": DELAY})
    for _ in range(2):
        began = monotonic()
        assert api.get("limits").status_code == 200
        assert monotonic() - began >= DELAY


def test_a_delay_of_every_request_keeps_no_other_waiting(org, api, pool, let_go):
    """It is not served in turn: eight are at the org before one of them is answered."""
    org.fault(every=1, do={"delay": HELD})
    sent = [pool.submit(api.get, "limits") for _ in range(8)]
    while org.faults()[0]["hits"] < len(sent):
        sleep(0.01)
    assert not [one for one in sent if one.done()]
    let_go()
    assert {one.result().status_code for one in sent} == {200}


def test_siblings_written_at_once_meet_a_lock(org, api, pool, accounts, let_go):
    """Cases of one account; those of another go through, and afterwards so does the sibling."""
    org.contend(hold=HELD)
    first = begun(org, pool, create, api, accounts[0])
    assert refusal(create(api, accounts[0])) == LOCKED
    assert create(api, accounts[1]).status_code == 201
    let_go()
    assert first.result().status_code == 201
    assert create(api, accounts[0]).status_code == 201


@pytest.mark.usefixtures("under_way")
def test_the_parent_itself_is_locked(api, accounts):
    """For whoever changes it; reading it is free."""
    url = f"sobjects/Account/{accounts[0]}"
    assert refusal(api.patch(url, json={"Name": "x"})) == LOCKED
    assert api.get(url).status_code == 200


@pytest.mark.usefixtures("under_way")
def test_only_the_rows_of_a_collection_that_meet_a_lock_fail(api, accounts):
    """The others are written."""
    one, two = accounts
    records = [case(two), case(one), case(None)]
    results = api.post("composite/sobjects", json={"records": records}).json()
    assert [result["success"] for result in results] == [True, False, True]
    assert results[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


@pytest.mark.usefixtures("under_way")
def test_only_the_rows_of_a_job_that_meet_a_lock_fail(api, accounts):
    """The others are written, and the job is complete."""
    one, two = accounts
    job = opened(api).json()["id"]
    filled(api, job, table("AccountId,Subject", f"{one},a", f"{two},b"))
    closed(api, job)
    look(api, job)
    failed = rows(api, job, "failedResults")
    assert [row["Subject"] for row in failed] == ["a"]
    assert failed[0]["sf__Error"].startswith("UNABLE_TO_LOCK_ROW:")


def test_a_row_that_changes_its_parent_locks_both(org, api, pool, accounts, let_go):
    """The account it leaves and the account it joins."""
    one, two = accounts
    moving = create(api, one).json()["id"]
    org.contend(hold=HELD)
    first = begun(org, pool, api.patch, f"sobjects/Case/{moving}", json={"AccountId": two})
    assert refusal(create(api, one)) == LOCKED
    assert refusal(create(api, two)) == LOCKED
    let_go()
    assert first.result().status_code == 204


def test_comments_lock_their_case(org, api, pool, let_go):
    """And a composite request locks what its parts write."""
    url = "sobjects/CaseComment"
    parent = api.post("sobjects/Case", json={"Subject": "s"}).json()["id"]
    org.contend(hold=HELD)
    part = {"method": "POST", "url": f"/services/data/v67.0/{url}", "referenceId": "c"}
    body = {"compositeRequest": [part | {"body": {"ParentId": parent, "CommentBody": "a"}}]}
    first = begun(org, pool, api.post, "composite", json=body)
    assert refusal(api.post(url, json={"ParentId": parent, "CommentBody": "b"})) == LOCKED
    let_go()
    assert first.result().json()["compositeResponse"][0]["httpStatusCode"] == 201


def test_a_delayed_write_holds_its_locks_meanwhile(org, api, pool, accounts, let_go):
    """The span counts from arrival to answer."""
    org.contend()
    org.fault(match={"path": "/sobjects/Case"}, do={"delay": HELD})
    first = begun(org, pool, create, api, accounts[0])
    assert refusal(create(api, accounts[0])) == LOCKED
    let_go()
    assert first.result().status_code == 201


def test_a_lost_answer_gives_its_locks_back(org, api, accounts):
    """As does one that fails."""
    org.contend()
    org.fault(match={"path": "/sobjects/Case"}, do={"drop": "after"})
    with pytest.raises(httpx.RemoteProtocolError):
        create(api, accounts[0])
    assert create(api, accounts[0]).status_code == 201


def test_nobody_contends_unless_told_to(org, api, pool, accounts):
    """Requests that overlap go through, and one after another they always do."""
    org.fault(match={"path": "/sobjects/Case"}, every=1, do={"delay": 0.2})
    answers = pool.map(lambda _: create(api, accounts[0]), range(4))
    assert {answer.status_code for answer in answers} == {201}
    org.clear_faults()
    org.contend(hold=0.05)
    assert {create(api, accounts[0]).status_code for _ in range(3)} == {201}
