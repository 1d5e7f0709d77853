"""Collections, composite and batch: shapes, limits and what they cost."""

from __future__ import annotations

import pytest

ROOT = "/services/data/v67.0"


def account(name, **more):
    return {"attributes": {"type": "Account"}, "Name": name, **more}


def count(api):
    return api.get("query", params={"q": "SELECT COUNT() FROM Account"}).json()["totalSize"]


def test_a_collection_answers_in_request_order_even_when_rows_fail(api):
    """200, one result for each row, `statusCode` where all else says `errorCode`."""
    rows = [account("A"), account(None), account("C")]
    answer = api.post("composite/sobjects", json={"records": rows})
    good, bad, other = answer.json()
    assert answer.status_code == 200
    assert good == {"id": good["id"], "success": True, "errors": []}
    assert other["success"] is True
    assert bad["success"] is False
    assert bad["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert bad["errors"][0]["fields"] == ["Name"]


def test_all_or_none_keeps_nothing_when_one_row_fails(api):
    """The innocent say that they were rolled back."""
    before = count(api)
    body = {"allOrNone": True, "records": [account("A"), account(None)]}
    innocent, guilty = api.post("composite/sobjects", json=body).json()
    assert innocent["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert guilty["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert count(api) == before


def test_a_collection_upserts_updates_reads_and_deletes(api):
    """The whole life of two rows, five calls."""
    rows = [account("A", Sync_Key__c="a"), account("B", Sync_Key__c="b")]
    url = "composite/sobjects/Account/Sync_Key__c"
    created = api.patch(url, json={"records": rows}).json()
    assert [result["created"] for result in created] == [True, True]
    assert [result["created"] for result in api.patch(url, json={"records": rows}).json()] == [
        False,
        False,
    ]
    ids = [result["id"] for result in created]
    changed = [account("A2", id=ids[0]), account("B2", id=ids[1])]
    assert all(
        r["success"] for r in api.patch("composite/sobjects", json={"records": changed}).json()
    )
    wanted = {"ids": [*ids, "001000000000001AAA"], "fields": ["Name"]}
    read = api.post("composite/sobjects/Account", json=wanted).json()
    assert [row and row["Name"] for row in read] == ["A2", "B2", None]
    gone = api.delete("composite/sobjects", params={"ids": ",".join(ids)}).json()
    assert [result["id"] for result in gone] == ids


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([account("A")] * 201, "EXCEEDED_ID_LIMIT"),
        ([account("A"), {"attributes": {"type": "Case"}}] * 6, "LIMIT_EXCEEDED"),
        ([{"Name": "A"}], "INVALID_INPUT"),
        ("rows", "JSON_PARSER_ERROR"),
    ],
)
def test_a_collection_beyond_its_limits_is_refused_whole(api, records, code):
    """200 rows, 10 chunks of one type, each row with its type."""
    before = count(api)
    answer = api.post("composite/sobjects", json={"records": records})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert count(api) == before


def test_the_same_row_twice_in_one_call_is_a_mistake(api):
    """The second is refused."""
    row = api.post("sobjects/Account", json={"Name": "A"}).json()["id"]
    rows = [account("B", id=row), account("C", id=row)]
    results = api.patch("composite/sobjects", json={"records": rows}).json()
    assert [result["success"] for result in results] == [True, False]


def part(method, path, reference, body=None, **more):
    found = {"method": method, "url": f"{ROOT}/{path}", "referenceId": reference, **more}
    return found if body is None else found | {"body": body}


def test_a_composite_links_its_parts_and_costs_one_call(org, api):
    """What one part answers, the next may name; the whole counts once."""
    parts = [
        part("POST", "sobjects/Account", "acme", {"Name": "Acme"}),
        part("POST", "sobjects/Contact", "ann", {"LastName": "Ann", "AccountId": "@{acme.id}"}),
        part("GET", "sobjects/Contact/@{ann.id}?fields=AccountId", "read"),
    ]
    answer = api.post("composite", json={"compositeRequest": parts})
    acme, ann, read = answer.json()["compositeResponse"]
    assert [one["httpStatusCode"] for one in (acme, ann, read)] == [201, 201, 200]
    assert read["body"]["AccountId"] == acme["body"]["id"]
    assert acme["httpHeaders"]["Location"].endswith(acme["body"]["id"])
    assert org.limits()["used"] == 1


def test_a_failed_part_halts_an_all_or_none_composite(api):
    """Its own error stays, everybody else was halted, nothing is kept."""
    before = count(api)
    parts = [
        part("POST", "sobjects/Account", "a", {"Name": "A"}),
        part("POST", "sobjects/Account", "b", {}),
        part("POST", "sobjects/Account", "c", {"Name": "C"}),
    ]
    body = {"allOrNone": True, "compositeRequest": parts}
    answers = api.post("composite", json=body).json()["compositeResponse"]
    assert [one["body"][0]["errorCode"] for one in answers] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
        "PROCESSING_HALTED",
    ]
    assert count(api) == before


def test_without_all_or_none_the_good_parts_stay(api):
    """A part that names a failed one fails with it."""
    before = count(api)
    parts = [
        part("POST", "sobjects/Account", "a", {"Name": "A"}),
        part("POST", "sobjects/Account", "b", {}),
        part("PATCH", "sobjects/Account/@{b.id}", "c", {"Name": "C"}),
    ]
    answers = api.post("composite", json={"compositeRequest": parts}).json()["compositeResponse"]
    assert [one["httpStatusCode"] for one in answers] == [201, 400, 400]
    assert answers[2]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert count(api) == before + 1


def test_a_part_may_carry_a_condition(api):
    """The header inside guards the part."""
    row = api.post("sobjects/Account", json={"Name": "A"}).json()["id"]
    late = {"If-Unmodified-Since": "Tue, 10 Aug 2015 00:00:00 GMT"}
    parts = [part("PATCH", f"sobjects/Account/{row}", "a", {"Name": "B"}, httpHeaders=late)]
    answers = api.post("composite", json={"compositeRequest": parts}).json()["compositeResponse"]
    assert answers[0]["httpStatusCode"] == 412


def test_a_composite_takes_25_parts_of_which_5_may_query(api):
    """Beyond that the whole is refused."""
    query = "query?q=SELECT+Id+FROM+Account+LIMIT+1"
    for path, most in (("limits", 25), (query, 5)):
        parts = [part("GET", path, f"r{n}") for n in range(most + 1)]
        assert api.post("composite", json={"compositeRequest": parts}).status_code == 400
        answer = api.post("composite", json={"compositeRequest": parts[:most]})
        assert answer.status_code == 200


def test_a_batch_counts_each_of_its_parts(org, api):
    """Independent answers, no saving in calls."""
    wishes = [{"method": "GET", "url": "v67.0/limits"}, {"method": "GET", "url": "v67.0/nowhere"}]
    answer = api.post("composite/batch", json={"batchRequests": wishes}).json()
    assert answer["hasErrors"] is True
    assert [result["statusCode"] for result in answer["results"]] == [200, 404]
    assert org.limits()["used"] == 2


def test_a_halted_batch_answers_412_for_the_rest(api):
    """After the first error, if asked."""
    wishes = [{"method": "GET", "url": f"v67.0/{path}"} for path in ("nowhere", "limits")]
    body = {"haltOnError": True, "batchRequests": wishes}
    results = api.post("composite/batch", json=body).json()["results"]
    assert [result["statusCode"] for result in results] == [404, 412]
