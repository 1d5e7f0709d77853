"""What the fault script breaks is broken for real, on the line and in the org."""

from __future__ import annotations

import httpx
import pytest

from tests.emulator.callers import refresh


def subject(org, case_id):
    return org.run(lambda inner: inner.retrieve("Case", case_id, ["Subject"], version="67.0"))[
        "Subject"
    ]


@pytest.fixture
def case_id(org):
    return org.run(lambda inner: inner.query_rows("SELECT Id FROM Case LIMIT 1"))[0]["Id"]


def test_a_connection_dropped_before_applies_nothing(org, api, case_id):
    """No answer, no write."""
    org.fault(match={"method": "PATCH"}, do={"drop": "before"})
    before = org.journal()
    with pytest.raises(httpx.RemoteProtocolError):
        api.patch(f"sobjects/Case/{case_id}", json={"Subject": "lost"})
    assert org.journal() == before


def test_a_connection_dropped_after_leaves_the_write_applied(org, api, case_id):
    """No answer, but the write is there: the case every retry must survive."""
    org.fault(match={"method": "PATCH"}, do={"drop": "after"})
    with pytest.raises(httpx.RemoteProtocolError):
        api.patch(f"sobjects/Case/{case_id}", json={"Subject": "kept"})
    assert subject(org, case_id) == "kept"


def test_a_cut_body_ends_in_the_middle(org, api):
    """The length was promised, the bytes were not sent."""
    org.fault(match={"path": "/query"}, do={"cut": 100})
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        api.get("query", params={"q": "SELECT Id, Subject FROM Case"})


def test_only_the_nth_match_is_struck(org, api):
    """The first two go through, the third does not, the fourth does."""
    rule = org.fault(match={"path": "/limits"}, nth=3, do={"status": 500, "code": "UNKNOWN"})
    statuses = [api.get("limits").status_code for _ in range(4)]
    assert statuses == [200, 200, 500, 200]
    assert org.faults()[0] | {"id": rule["id"]} == rule | {"matched": 4, "hits": 1}


def test_every_and_times_bound_how_often_a_rule_strikes(org, api):
    """Each second match, two times in all."""
    org.fault(match={"path": "/limits"}, every=2, times=2, do={"status": 503})
    assert [api.get("limits").status_code for _ in range(6)] == [200, 503, 200, 503, 200, 200]


def test_a_probability_is_the_same_throw_of_dice_for_the_same_seed(org, api):
    """Chance that can be repeated."""

    def throw():
        org.clear_faults()
        org.fault(match={"path": "/limits"}, probability=0.5, seed=7, do={"status": 503})
        return [api.get("limits").status_code for _ in range(12)]

    first = throw()
    assert set(first) == {200, 503}
    assert throw() == first


def test_an_html_503_is_what_a_maintenance_page_looks_like(org, api):
    """Not JSON, whatever the client expects."""
    org.fault(do={"status": 503, "html": True, "headers": {"Retry-After": "7"}})
    answer = api.get("limits")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["retry-after"] == "7"
    assert "<html>" in answer.text


def test_a_status_may_come_after_the_write_was_applied(org, api, case_id):
    """UNKNOWN_EXCEPTION says nothing about the outcome."""
    org.fault(match={"method": "PATCH"}, do={"status": 500, "applied": True})
    answer = api.patch(f"sobjects/Case/{case_id}", json={"Subject": "applied"})
    assert answer.json()[0]["errorCode"] == "UNKNOWN_EXCEPTION"
    assert subject(org, case_id) == "applied"


def test_an_expired_session_is_expired_for_good(org, api):
    """The struck call and all later ones meet 401; a refresh cures it."""
    org.fault(match={"path": "/limits"}, do={"expire": "session"})
    assert api.get("limits").json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    assert api.get("limits").status_code == 401
    assert refresh(org).status_code == 200


def test_a_revoked_grant_takes_session_and_refresh_token(org, api):
    """No way back without a person."""
    org.fault(match={"path": "/limits"}, do={"revoke": "grant"})
    assert api.get("limits").status_code == 401
    assert refresh(org).json()["error"] == "invalid_grant"


def test_a_fault_on_the_token_endpoint_has_the_shape_of_oauth(org):
    """An object, not an array."""
    org.fault(
        match={"path": "oauth2/token"},
        do={"status": 400, "code": "invalid_grant", "message": "inactive user"},
    )
    assert refresh(org).json() == {
        "error": "invalid_grant",
        "error_description": "inactive user",
    }


def test_a_spent_limit_refuses_every_further_call(org, api):
    """403, and the header says why."""
    org.fault(match={"path": "/limits"}, do={"limit": "spent"})
    answer = api.get("limits")
    assert answer.status_code == 403
    assert answer.json() == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]
    assert answer.headers["sforce-limit-info"] == "api-usage=100000/100000"


def test_a_locked_row_refuses_a_single_write(org, api, case_id):
    """400 UNABLE_TO_LOCK_ROW; the next try succeeds."""
    org.fault(match={"method": "PATCH"}, do={"lock": True})
    answer = api.patch(f"sobjects/Case/{case_id}", json={"Subject": "x"})
    assert answer.json()[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"
    assert api.patch(f"sobjects/Case/{case_id}", json={"Subject": "x"}).status_code == 204


def test_a_locked_row_inside_a_collection_fails_alone(org, api):
    """The second of three is held by somebody else."""
    org.fault(match={"path": "/composite/sobjects"}, do={"lock": 2})
    records = [{"attributes": {"type": "Account"}, "Name": f"A{n}"} for n in range(3)]
    results = api.post("composite/sobjects", json={"records": records}).json()
    assert [result["success"] for result in results] == [True, False, True]
    assert results[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"


def test_a_rule_can_look_into_the_body(org, api, case_id):
    """Only the write that names the word is struck."""
    org.fault(match={"body": "unlucky"}, do={"status": 503})
    lucky = api.patch(f"sobjects/Case/{case_id}", json={"Subject": "lucky"})
    unlucky = api.patch(f"sobjects/Case/{case_id}", json={"Subject": "unlucky"})
    assert (lucky.status_code, unlucky.status_code) == (204, 503)


def test_a_delay_comes_before_the_answer(org, api):
    """A client with less patience gives up."""
    org.fault(match={"path": "/limits"}, do={"delay": 30})
    with pytest.raises(httpx.ReadTimeout):
        api.get("limits", timeout=0.2)


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"do": {"stauts": 503}}, "stauts"),
        ({"do": {"drop": "during"}}, "during"),
        ({"do": {"status": "503"}}, "status"),
        ({"do": {}}, "something to do"),
        ({"do": {"status": 503}, "nth": 0}, "nth"),
        ({"do": {"status": 503}, "match": {"path": "("}}, "regular expression"),
    ],
)
def test_a_rule_that_could_never_fire_is_refused_at_once(org, rule, named):
    """With the word that is wrong."""
    answer = httpx.post(f"{org.url}/emulator/faults", json=rule)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_INPUT")
    assert named in answer.json()[0]["message"]


def test_cleared_faults_strike_no_more(org, api):
    """DELETE puts the org at peace."""
    org.fault(do={"status": 503}, every=1)
    assert api.get("limits").status_code == 503
    assert httpx.delete(f"{org.url}/emulator/faults").json() == []
    assert api.get("limits").status_code == 200
