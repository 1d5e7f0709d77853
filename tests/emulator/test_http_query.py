"""Queries over HTTP: pages, locators, sizes, compression."""

from __future__ import annotations

import pytest

from emulator.server import Emulator
from tests.emulator.callers import open_client


@pytest.fixture(scope="module")
def desk():
    with Emulator(cases=1000) as emulator, open_client(emulator) as client:
        yield client


def pages(client, first):
    """Follow `nextRecordsUrl` to the end."""
    while True:
        yield first
        if first["done"]:
            return
        first = client.get(str(client.base_url.join(first["nextRecordsUrl"]))).json()


def test_pages_of_the_size_asked_for_make_the_whole(desk):
    """Every row once; each page but the last is full."""
    hint = {"Sforce-Query-Options": "batchSize=200"}
    first = desk.get("query", params={"q": "SELECT Id FROM Case"}, headers=hint).json()
    found = list(pages(desk, first))
    ids = [record["Id"] for page in found for record in page["records"]]
    assert {len(page["records"]) for page in found[:-1]} == {200}
    assert len(ids) == len(set(ids)) == first["totalSize"]
    assert first["nextRecordsUrl"].startswith("/services/data/v67.0/query/0r8")


@pytest.mark.parametrize(("hint", "size"), [("batchSize=1", 200), ("batchSize=x", 1000)])
def test_a_size_out_of_bounds_is_only_a_hint(desk, hint, size):
    """Below 200 means 200, nonsense means the default."""
    headers = {"Sforce-Query-Options": hint}
    first = desk.get("query", params={"q": "SELECT Id FROM Case"}, headers=headers).json()
    assert len(first["records"]) == min(size, first["totalSize"])


def test_a_made_up_locator_is_refused(desk):
    """400 INVALID_QUERY_LOCATOR."""
    answer = desk.get("query/0r8000000000000-2000")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_a_page_is_the_same_with_and_without_gzip(desk):
    """The client's choice."""
    query = {"q": "SELECT Id, Subject FROM Case ORDER BY Id LIMIT 50"}
    packed = desk.get("query", params=query, headers={"Accept-Encoding": "gzip"})
    plain = desk.get("query", params=query, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_an_empty_query_is_malformed(desk):
    """Without `q`, and with a blank one."""
    assert desk.get("query").json()[0]["errorCode"] == "MALFORMED_QUERY"
    assert desk.get("query", params={"q": " "}).json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_the_columns_of_a_query_can_be_asked_for(desk):
    """As the sf CLI does before it prints a table."""
    query = {"q": "SELECT Id, Subject FROM Case LIMIT 5", "columns": "true"}
    found = desk.get("query", params=query).json()
    assert [column["columnName"] for column in found["columnMetadata"]] == ["Id", "Subject"]
    assert (found["entityName"], found["keyPrefix"]) == ("Case", "500")


def test_record_counts_are_those_of_the_query(desk):
    """For the sObjects asked for, and no others."""
    counts = desk.get("limits/recordCount", params={"sObjects": "Case,Nope"}).json()["sObjects"]
    total = desk.get("query", params={"q": "SELECT COUNT() FROM Case"}).json()["totalSize"]
    assert counts == [{"name": "Case", "count": total}]


def test_an_object_switched_off_is_not_there():
    """INVALID_TYPE to a query, 404 to a describe."""
    with Emulator(cases=200, without={"Entitlement"}) as org, open_client(org) as client:
        refused = client.get("query", params={"q": "SELECT Id FROM Entitlement"})
        assert refused.json()[0]["errorCode"] == "INVALID_TYPE"
        assert client.get("sobjects/Entitlement/describe").status_code == 404
