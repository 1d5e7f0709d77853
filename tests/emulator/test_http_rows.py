"""Single rows over HTTP: statuses, bodies and conditional headers."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from emulator.clock import http_date, parse_http_date

LONG_AGO = "Tue, 10 Aug 2015 00:00:00 GMT"


def code(answer):
    return answer.status_code, answer.json()[0]["errorCode"]


@pytest.fixture
def account(api):
    return api.post("sobjects/Account", json={"Name": "Acme"}).json()["id"]


def test_a_create_answers_201_with_the_id_and_its_address(api):
    """And the row is there to be read."""
    answer = api.post("sobjects/Account", json={"Name": "Acme"})
    body = answer.json()
    assert answer.status_code == 201
    assert body == {"id": body["id"], "success": True, "errors": []}
    assert answer.headers["location"] == f"/services/data/v67.0/sobjects/Account/{body['id']}"
    row = api.get(f"sobjects/Account/{body['id']}", params={"fields": "Name"}).json()
    assert row["Name"] == "Acme"
    assert row["attributes"] == {"type": "Account", "url": answer.headers["location"]}


def test_an_update_and_a_delete_answer_204_with_nothing(api, account):
    """Then the row is gone, and says so."""
    updated = api.patch(f"sobjects/Account/{account}", json={"Name": "Acme 2"})
    assert (updated.status_code, updated.content) == (204, b"")
    assert api.delete(f"sobjects/Account/{account}").status_code == 204
    assert api.get(f"sobjects/Account/{account}").status_code == 404
    assert api.delete(f"sobjects/Account/{account}").status_code == 404


def test_a_post_may_be_a_patch_in_disguise(api, account):
    """For clients whose HTTP library has no PATCH."""
    url = f"sobjects/Account/{account}"
    answer = api.post(url, params={"_HttpMethod": "PATCH"}, json={"Name": "Tunnelled"})
    assert answer.status_code == 204
    assert api.get(url).json()["Name"] == "Tunnelled"


def test_an_upsert_creates_and_then_updates_the_same_row(api):
    """201 created, 200 not created, one Id; the value in the URL may hold a slash."""
    url = "sobjects/Account/Sync_Key__c/key%2F1%20a"
    first = api.patch(url, json={"Name": "One"})
    second = api.patch(url, json={"Name": "Two"})
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert first.json()["id"] == second.json()["id"]
    assert api.get(url).json()["Sync_Key__c"] == "key/1 a"


def test_update_only_forbids_the_insert(api):
    """404, and nothing was created."""
    url = "sobjects/Account/Sync_Key__c/nobody"
    answer = api.patch(url, params={"updateOnly": "true"}, json={"Name": "One"})
    assert answer.status_code == 404
    assert api.get(url).status_code == 404


def test_unmodified_since_guards_an_update_but_not_a_delete(api, account):
    """412 for the late one, 400 for nonsense; DELETE does not look."""
    url = f"sobjects/Account/{account}"
    old = {"If-Unmodified-Since": LONG_AGO}
    now = {"If-Unmodified-Since": http_date(datetime.now(UTC) + timedelta(seconds=1))}
    assert api.patch(url, json={"Name": "no"}, headers=old).status_code == 412
    bad = {"If-Unmodified-Since": "yesterday"}
    assert api.patch(url, json={"Name": "no"}, headers=bad).status_code == 400
    assert api.patch(url, json={"Name": "yes"}, headers=now).status_code == 204
    assert api.get(url).json()["Name"] == "yes"
    assert api.delete(url, headers=old).status_code == 204


def test_only_accounts_have_an_etag(api, account):
    """If-None-Match spares a read; If-Match guards a write."""
    url = f"sobjects/Account/{account}"
    tag = api.get(url).headers["etag"]
    assert api.get(url, headers={"If-None-Match": tag}).status_code == 304
    stale = {"If-Match": '"0"'}
    assert api.patch(url, json={"Name": "no"}, headers=stale).status_code == 412
    case = api.post("sobjects/Case", json={"Subject": "s"}).json()["id"]
    assert "etag" not in api.get(f"sobjects/Case/{case}").headers


def test_describe_is_spared_when_nothing_changed(api, org):
    """304 until a field is added."""
    first = api.get("sobjects/Case/describe")
    since = {"If-Modified-Since": first.headers["last-modified"]}
    assert api.get("sobjects/Case/describe", headers=since).status_code == 304
    org.skew(60)
    org.control("POST", "fields", {"sobject": "Case", "hide": "Reason"})
    again = api.get("sobjects/Case/describe", headers=since)
    assert again.status_code == 200
    assert "Reason" not in {field["name"] for field in again.json()["fields"]}


def test_a_malformed_body_is_a_parser_error(api):
    """Whatever was meant by it."""
    answer = api.post("sobjects/Account", content=b'{"Name": ')
    assert code(answer) == (400, "JSON_PARSER_ERROR")
    assert code(api.post("sobjects/Account", json=["Name"])) == (400, "JSON_PARSER_ERROR")


def test_a_body_may_come_in_gzip(api):
    """Compressed by the client, chunked by its library."""
    packed = gzip.compress(msgspec.json.encode({"Name": "Packed"}))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = api.post("sobjects/Account", content=iter([packed[:9], packed[9:]]), headers=headers)
    assert answer.status_code == 201
    damaged = api.post("sobjects/Account", content=packed[:20], headers=headers)
    assert code(damaged) == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "nowhere", 404, "NOT_FOUND"),
        ("GET", "sobjects/Nope/describe", 404, "NOT_FOUND"),
        ("PUT", "limits", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/services/data/v99.0/limits", 404, "NOT_FOUND"),
        ("GET", "/services/data/v30.0/limits", 410, "UNSUPPORTED_API_VERSION"),
    ],
)
def test_wrong_addresses_are_refused_in_an_array(api, method, path, status, error):
    """Every data API error is a list of objects with `errorCode`."""
    url = path if path.startswith("/") else api.base_url.join(path)
    answer = api.request(method, httpx.URL(api.base_url).join(url))
    assert code(answer) == (status, error)


def test_a_body_that_is_not_json_is_an_unsupported_media_type(api):
    """415, before the body is looked at."""
    headers = {"Content-Type": "text/csv"}
    answer = api.post("sobjects/Account", content=b"Name\nAcme", headers=headers)
    assert code(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_without_a_session_there_is_no_answer(org):
    """A missing token, a made-up one, and a header that is none."""
    url = f"{org.url}/services/data/v67.0/limits"
    assert code(httpx.get(url)) == (401, "INVALID_SESSION_ID")
    made_up = {"Authorization": "Bearer 00D000000000000!AQ"}
    assert code(httpx.get(url, headers=made_up)) == (401, "INVALID_SESSION_ID")
    assert code(httpx.get(url, headers={"Authorization": "x"})) == (401, "INVALID_AUTH_HEADER")


def test_versions_are_listed_without_a_session_and_for_free(org):
    """The newest comes last, with its release."""
    versions = httpx.get(f"{org.url}/services/data").json()
    assert versions[-1] == {
        "label": "Summer '26",
        "url": "/services/data/v67.0",
        "version": "67.0",
    }
    assert {"label": "Winter '26", "url": "/services/data/v65.0", "version": "65.0"} in versions
    assert org.limits()["used"] == 0


def test_each_call_counts_and_says_so(api):
    """One for every call, refused or not, and none for OAuth."""
    first = api.get("limits")
    second = api.get("nowhere")
    third = api.get("sobjects/Nope/describe")
    assert first.headers["sforce-limit-info"] == "api-usage=1/100000"
    assert first.json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_999}
    assert second.headers["sforce-limit-info"] == "api-usage=1/100000"
    assert third.headers["sforce-limit-info"] == "api-usage=2/100000"


def test_a_uri_too_long_meets_414_and_long_headers_431(api):
    """16,384 bytes, in the web server's own HTML."""
    long = api.get("query", params={"q": "x" * 16_400})
    assert (long.status_code, long.headers["content-type"]) == (414, "text/html;charset=UTF-8")
    wide = api.get("limits", headers={"X-Wide": "x" * 16_400})
    assert wide.status_code == 431


def test_the_date_is_the_org_s_clock(org, api):
    """Also when that clock is wrong."""
    org.skew(-86_400)
    told = parse_http_date("date", api.get("limits").headers["date"])
    off = datetime.now(UTC) - told
    assert timedelta(hours=23) < off < timedelta(hours=25)
