"""A client that others wrote finds what it expects of Salesforce."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import requests
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceResourceNotFound,
)

from emulator.server import Emulator


@pytest.fixture
def secure():
    with Emulator(cases=2500, tls=True) as emulator:
        yield emulator


def token(secure):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": secure.refresh_token,
        "client_id": secure.client_id,
        "client_secret": secure.client_secret,
    }
    url = f"{secure.url}/services/oauth2/token"
    return requests.post(url, data=form, verify=secure.ca_file, timeout=60).json()


@pytest.fixture
def sf(secure):
    granted = token(secure)
    with requests.Session() as session:
        session.trust_env, session.verify = False, secure.ca_file
        yield Salesforce(
            instance_url=granted["instance_url"],
            session_id=granted["access_token"],
            session=session,
            version="67.0",
        )


def test_it_pages_through_everything(sf):
    """query, query_more, query_all and the iterator agree on the number of cases."""
    soql = "SELECT Id, CaseNumber, Account.Name FROM Case"
    first = sf.query(soql)
    assert (len(first["records"]), first["done"]) == (2000, False)
    rest = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert rest["done"] is True
    total = len(first["records"]) + len(rest["records"])
    assert total == first["totalSize"] == sf.query_all(soql)["totalSize"]
    assert sum(1 for _ in sf.query_all_iter(soql)) == total


def test_it_sees_deleted_rows_only_when_asked(sf):
    """queryAll is include_deleted=True."""
    case = sf.query("SELECT Id FROM Case LIMIT 1")["records"][0]["Id"]
    sf.Case.delete(case)
    soql = format_soql("SELECT Id, IsDeleted FROM Case WHERE Id = {}", case)
    assert sf.query(soql)["totalSize"] == 0
    assert sf.query(soql, include_deleted=True)["records"][0]["IsDeleted"] is True


def test_it_describes_the_org_and_its_objects(sf):
    """Global, object, metadata; limits and the usage read off the header."""
    names = {entry["name"] for entry in sf.describe()["sobjects"]}
    assert {"Case", "Entitlement", "ServiceContract", "WorkOrder", "Knowledge__kav"} <= names
    assert {"CaseNumber", "Status"} <= {field["name"] for field in sf.Case.describe()["fields"]}
    assert sf.Case.metadata()["objectDescribe"]["keyPrefix"] == "500"
    assert sf.limits()["DailyApiRequests"]["Max"] == 100_000
    assert sf.api_usage["api-usage"].used == 4


def test_it_creates_reads_updates_and_deletes(sf):
    """The status codes are those the client checks for."""
    created = sf.Account.create({"Name": "Acme"})
    assert created["success"] is True
    assert sf.Account.update(created["id"], {"Name": "Acme 2"}) == 204
    assert sf.Account.get(created["id"])["Name"] == "Acme 2"
    assert sf.Account.delete(created["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Account.get(created["id"])


def test_it_upserts_by_external_id(sf):
    """201 first, 200 after; read back by the same key."""
    assert sf.Account.upsert("Sync_Key__c/k-1", {"Name": "One"}) == 201
    assert sf.Account.upsert("Sync_Key__c/k-1", {"Name": "Two"}) == 200
    assert sf.Account.get_by_custom_id("Sync_Key__c", "k-1")["Name"] == "Two"


def test_it_raises_its_own_errors_for_ours(sf, secure):
    """Malformed queries, and sessions that ended."""
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_QUERY"):
        sf.query("SELECT Id FORM Case")
    secure.expire_sessions()
    with pytest.raises(SalesforceExpiredSession):
        sf.query("SELECT Id FROM Case")


def test_it_reads_what_was_updated_and_deleted(sf, secure):
    """getUpdated and getDeleted, an hour around now."""
    kept, gone = [row["Id"] for row in sf.query("SELECT Id FROM Case LIMIT 2")["records"]]
    sf.Case.update(kept, {"Subject": "touched"})
    sf.Case.delete(gone)
    secure.skew(120)
    start, end = (datetime.now(UTC) + timedelta(minutes=m) for m in (-60, 2))
    assert kept in sf.Case.updated(start, end)["ids"]
    assert gone in {row["id"] for row in sf.Case.deleted(start, end)["deletedRecords"]}


def test_it_reaches_collections_and_composite_through_restful(sf):
    """The same session, the resources it has no methods for."""
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in "AB"]
    body = {"allOrNone": True, "records": records}
    results = sf.restful("composite/sobjects", method="POST", json=body)
    assert [result["success"] for result in results] == [True, True]
    url = f"/services/data/v67.0/sobjects/Account/{results[0]['id']}"
    parts = [{"method": "GET", "url": url, "referenceId": "a"}]
    answer = sf.restful("composite", method="POST", json={"compositeRequest": parts})
    assert answer["compositeResponse"][0]["body"]["Name"] == "A"


def test_it_reads_by_bulk_query(sf):
    """Job, polls, pages with locators; two pages hold all the rows that REST counts."""
    total = sf.query("SELECT COUNT() FROM Case")["totalSize"]
    pages = list(sf.bulk2.Case.query("SELECT Id, Subject FROM Case", max_records=2000))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert len(pages) == 2
    assert len({row["Id"] for row in rows}) == len(rows) == total


def results(sf, done, kind):
    """Read the results of all jobs that one call made."""
    jobs = [getattr(sf.bulk2.Case, f"get_{kind}_records")(one["job_id"]) for one in done]
    return [row for text in jobs for row in csv.DictReader(io.StringIO(text))]


def test_it_loads_by_bulk_ingest(sf):
    """Insert, update, upsert, delete and hard delete, each in jobs of its own."""
    bulk, subjects = sf.bulk2.Case, [{"Subject": f"row {n}"} for n in range(25)]
    made = bulk.insert(records=subjects, batch_size=10, concurrency=2, wait=0)
    assert [one["numberRecordsProcessed"] for one in made] == [10, 10, 5]
    ids = [row["sf__Id"] for row in results(sf, made, "successful")]
    assert len(set(ids)) == 25
    changed = [{"Id": id_, "Subject": "#N/A", "Priority": "High"} for id_ in ids]
    bulk.update(records=changed, wait=0)
    assert sf.Case.get(ids[0])["Subject"] is None
    keyed = [{"Sync_Key__c": "k-1", "Subject": "keyed"}]
    for created in ("true", "false"):
        done = bulk.upsert(records=keyed, external_id_field="Sync_Key__c", wait=0)
        assert results(sf, done, "successful")[0]["sf__Created"] == created
    bulk.delete(records=[{"Id": id_} for id_ in ids[:20]], wait=0)
    bulk.hard_delete(records=[{"Id": id_} for id_ in ids[20:]], wait=0)
    left = format_soql("SELECT Id FROM Case WHERE Id IN {}", ids)
    assert sf.query(left)["totalSize"] == 0
    assert sf.query(left, include_deleted=True)["totalSize"] == 20


def test_it_learns_which_rows_failed(sf, secure):
    """Refused rows, rows never tried, and a job that ended early."""
    cases = [{"Subject": "good", "Severity__c": "S1"}, {"Subject": "bad", "Severity__c": "S9"}]
    (done,) = sf.bulk2.Case.insert(records=cases, wait=0)
    assert (done["numberRecordsFailed"], done["numberRecordsTotal"]) == (1, 2)
    (failed,) = results(sf, [done], "failed")
    assert (failed["Subject"], failed["sf__Error"].split(":")[0]) == (
        "bad",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    )
    secure.ingest(fail=1)
    with pytest.raises(SalesforceOperationError, match="retries exhausted"):
        sf.bulk2.Case.insert(records=cases, wait=0)


def test_its_older_default_version_is_served_too(secure):
    """simple-salesforce asks for v59.0 unless told otherwise."""
    granted = token(secure)
    with requests.Session() as session:
        session.trust_env, session.verify = False, secure.ca_file
        sf = Salesforce(
            instance_url=granted["instance_url"],
            session_id=granted["access_token"],
            session=session,
        )
        assert sf.query("SELECT COUNT() FROM Case")["totalSize"] > 0
