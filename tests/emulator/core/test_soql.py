"""SOQL: what a query means, and how a wrong one is refused."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from tests.emulator.core.soql import select

KEYSET = (
    "SELECT Id FROM Case WHERE SystemModstamp >= 2025-01-01T00:00:00Z"
    " AND SystemModstamp < 2026-06-01T00:00:00Z"
    " AND (SystemModstamp > 2025-01-01T00:00:00Z OR Id > '500RM0000000001AAA')"
    " ORDER BY SystemModstamp, Id LIMIT 2000"
)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Subject = 'ALPHA one'", "a"),
        ("Subject != 'alpha one'", "bc"),
        ("Subject LIKE 'alpha%'", "ab"),
        ("Subject LIKE '%100\\%'", "b"),
        ("(NOT Subject LIKE 'alpha%')", "c"),
        ("Subject = null", "c"),
        ("Subject IN ('alpha one', 'nothing')", "a"),
        ("Subject NOT IN ('alpha one')", "bc"),
        ("Refund_Amount__c > 10", "b"),
        ("Refund_Amount__c <= 10.00", "a"),
        ("IsClosed = true", "c"),
        ("Product_Area__c INCLUDES ('Billing;Network', 'Hardware')", "ab"),
        ("Product_Area__c EXCLUDES ('Billing')", "bc"),
        ("SlaStartDate = 2026-05-30T10:00:00+02:00", "a"),
        ("SlaStartDate = TODAY", "b"),
        ("SlaStartDate < LAST_N_DAYS:1", "a"),
        ("SlaStartDate = LAST_WEEK OR SlaStartDate = null", "ac"),
        ("Account.Name = 'Gamma'", "a"),
        ("Subject = 'it\\'s' OR (Subject = 'alpha one' AND IsClosed = false)", "a"),
    ],
)
def test_a_filter_finds_exactly_its_rows(desk, new_case, where, found):
    """Each comparison, with its rule for null and for case."""
    account = desk.create("Account", {"Name": "Gamma"}, user_id=desk.default_user_id)
    known = {
        "a": new_case(
            Subject="Alpha one",
            Refund_Amount__c=10,
            Product_Area__c="Network;Billing",
            SlaStartDate="2026-05-30T08:00:00Z",
            AccountId=account,
        ),
        "b": new_case(
            Subject="alpha 100%",
            Refund_Amount__c=11,
            Product_Area__c="Hardware",
            SlaStartDate="2026-06-01T08:00:00Z",
        ),
        "c": new_case(Status="Closed"),
    }
    kept = desk.query_rows(select("Id", "Case", f"({where})"))
    ours = {row["Id"] for row in kept}.intersection(known.values())
    assert ours == {known[letter] for letter in found}


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        ("SELECT Id FORM Case", "MALFORMED_QUERY", "unexpected token: 'FORM'"),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        (
            "SELECT Id FROM Case WHERE IsClosed = true AND Status = 'a' OR Status = 'b'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported."),
        ("SELECT Nope.Name FROM Case", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        (
            "SELECT Id FROM Case WHERE CreatedDate > '2026-01-01'",
            "INVALID_FIELD",
            "must be of type dateTime and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Case WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in a query call",
        ),
        ("SELECT Id FROM Case WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field"),
        ("SELECT Id FROM Case OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("SELECT FIELDS(ALL) FROM Case LIMIT 201", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("SELECT Id, Id FROM Case", "INVALID_FIELD", "duplicate field selected: Id"),
        (
            "SELECT Subject, COUNT(Id) FROM Case GROUP BY Status",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Subject",
        ),
    ],
)
def test_a_wrong_query_is_refused_in_salesforces_words(desk, refusal, soql, code, text):
    error = refusal(desk.query, soql)
    assert (error.status, error.code) == (400, code)
    assert text in error.message


def test_an_unknown_column_is_shown_where_it_stands(desk, refusal):
    """The caret and the column lead a reader to the name."""
    error = refusal(desk.query, "SELECT Id, Nope FROM Case")
    assert error.message.startswith(
        "\nSELECT Id, Nope FROM Case\n           ^\nERROR at Row:1:Column:12\n"
        "No such column 'Nope' on entity 'Case'."
    )


def test_a_parent_is_a_record_inside_and_null_when_missing(desk, new_case):
    """Relationships nest to any depth, each with its attributes."""
    new_case(Subject="orphan")
    row = desk.query_rows(
        "SELECT Account.Name, Owner.Name, Contact.Account.Name FROM Case WHERE Subject = 'orphan'"
    )[0]
    assert row["Account"] is None
    assert row["Contact"] is None
    assert row["Owner"]["Name"] == "Integration User"
    assert row["Owner"]["attributes"]["type"] == "User"


def test_groups_count_what_a_filter_finds(desk):
    """GROUP BY, HAVING, aliases and numbered expressions agree with COUNT()."""
    rows = desk.query_rows("SELECT Status, COUNT(Id) n, MIN(CreatedDate) FROM Case GROUP BY Status")
    total = msgspec.json.decode(desk.query("SELECT COUNT() FROM Case").plain)
    assert sum(row["n"] for row in rows) == total["totalSize"]
    assert total["records"] == []
    assert {row["attributes"]["type"] for row in rows} == {"AggregateResult"}
    assert all(row["expr0"] <= "2026-06-01" for row in rows)
    few = "SELECT Status FROM Case GROUP BY Status HAVING COUNT(Id) > 100"
    assert [row["Status"] for row in desk.query_rows(few)] == ["Closed"]


def test_nulls_come_first_unless_told_otherwise(desk, new_case):
    new_case(Subject=None)
    first = desk.query_rows("SELECT Subject FROM Case ORDER BY Subject LIMIT 1")
    last = desk.query_rows("SELECT Subject FROM Case ORDER BY Subject DESC NULLS LAST")
    assert first[0]["Subject"] is None
    assert last[-1]["Subject"] is None


def test_pages_hold_every_row_once_in_order(desk):
    """Following nextRecordsUrl to the end yields totalSize rows."""
    page = msgspec.json.decode(
        desk.query("SELECT Id FROM CaseComment ORDER BY Id", batch_size=1).plain
    )
    seen = [row["Id"] for row in page["records"]]
    while not page["done"]:
        locator = page["nextRecordsUrl"].rpartition("/")[2]
        page = msgspec.json.decode(desk.query_more(locator).plain)
        seen += [row["Id"] for row in page["records"]]
    assert len(seen) == page["totalSize"] == 300
    assert all(one < next_one for one, next_one in pairwise(seen))


def test_a_cursor_keeps_its_rows_and_reads_their_values_late(desk):
    """Rows that come later stay out; a value changed meanwhile shows on its page."""
    page = msgspec.json.decode(
        desk.query("SELECT Id, CommentBody FROM CaseComment ORDER BY Id", batch_size=200).plain
    )
    last = desk.query_rows("SELECT Id FROM CaseComment ORDER BY Id DESC LIMIT 1")[0]["Id"]
    desk.update("CaseComment", last, {"CommentBody": "late"}, user_id=desk.default_user_id)
    case = desk.query_rows("SELECT Id FROM Case LIMIT 1")[0]["Id"]
    desk.create("CaseComment", {"ParentId": case}, user_id=desk.default_user_id)
    locator = page["nextRecordsUrl"].rpartition("/")[2]
    rest = msgspec.json.decode(desk.query_more(locator).plain)
    assert rest["totalSize"] == 300
    assert rest["records"][-1]["CommentBody"] == "late"


def test_a_cursor_dies_after_two_days(desk, clock, refusal):
    """The documented life of a cursor, counted from its query."""
    page = msgspec.json.decode(desk.query("SELECT Id FROM CaseComment", batch_size=200).plain)
    locator = page["nextRecordsUrl"].rpartition("/")[2]
    clock.move(days=2)
    assert desk.query_more(locator).plain
    clock.move(seconds=1)
    assert refusal(desk.query_more, locator).code == "INVALID_QUERY_LOCATOR"


def test_a_write_shows_in_the_next_answer(desk, new_case):
    """Remembered pages never outlive the rows they were made from."""
    before = desk.query("SELECT COUNT() FROM Case").plain
    assert desk.query("SELECT COUNT() FROM Case").plain is before
    new_case(Subject="one more")
    assert desk.query("SELECT COUNT() FROM Case").plain != before


@pytest.mark.parametrize("include_deleted", [False, True])
def test_the_keyset_query_walks_an_index(desk, include_deleted):
    """No sort and no scan: the statement stops at its LIMIT."""
    plan = desk._queries._plan(KEYSET, include_deleted=include_deleted)
    steps = desk._tables.connection.execute("EXPLAIN QUERY PLAN " + plan.find, plan.params)
    texts = [step[3] for step in steps]
    assert len(texts) == 1
    assert texts[0].startswith("SEARCH t0 USING COVERING INDEX Case_by_stamp (SystemModstamp>?")


def test_a_status_by_date_changes_overnight_without_a_stamp(desk, clock):
    """Computed fields follow the calendar; the record does not notice."""
    account = desk.query_rows("SELECT Id FROM Account LIMIT 1")[0]["Id"]
    fields = {"Name": "e", "AccountId": account, "StartDate": "2026-05-01", "EndDate": "2026-06-01"}
    entitlement = desk.create("Entitlement", fields, user_id=desk.default_user_id)
    before = desk.retrieve("Entitlement", entitlement)
    clock.move(days=1)
    after = desk.retrieve("Entitlement", entitlement)
    assert (before["Status"], after["Status"]) == ("Active", "Expired")
    assert before["SystemModstamp"] == after["SystemModstamp"]


def test_an_address_is_an_object_made_of_its_parts(desk):
    fields = {"Name": "Far", "BillingCity": "Oslo"}
    account = desk.create("Account", fields, user_id=desk.default_user_id)
    row = desk.retrieve("Account", account, ["BillingAddress", "ShippingAddress"])
    assert row["BillingAddress"]["city"] == "Oslo"
    assert row["ShippingAddress"] is None


def test_the_gzip_form_is_the_same_answer(desk):
    from isal import igzip  # noqa: PLC0415 - the one test that reads it

    page = desk.query("SELECT Id FROM Case")
    assert igzip.decompress(page.gzip) == page.plain
