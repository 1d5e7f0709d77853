"""Field rules: what a write accepts, stores and refuses."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"Nope": 1}, "INVALID_FIELD", "No such column 'Nope' on sobject of type Case"),
        (
            {"CaseNumber": "1"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: CaseNumber. Please check the security settings",
        ),
        ({"Subject": "x" * 256}, "STRING_TOO_LONG", "(max length=255)"),
        ({"Subject": 5}, "JSON_PARSER_ERROR", "Cannot deserialize instance of string"),
        ({"IsEscalated": "yes"}, "JSON_PARSER_ERROR", "instance of boolean from VALUE_STRING"),
        ({"Severity__c": "S9"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "S9"),
        ({"AccountId": "x"}, "MALFORMED_ID", "id value of incorrect type: x"),
        ({"AccountId": "003RM0000000001YAA"}, "MALFORMED_ID", "incorrect type"),
        ({"AccountId": "001RM0000000001ZAA"}, "MALFORMED_ID", "incorrect type"),
        (
            {"AccountId": "001RM000000zzzz"},
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference",
        ),
        ({"Refund_Amount__c": 1e15}, "NUMBER_OUTSIDE_VALID_RANGE", "outside of valid range"),
        ({"SuppliedEmail": "nobody"}, "INVALID_EMAIL_ADDRESS", "invalid email address: nobody"),
        ({"SlaStartDate": "2026-01-01T00:00:00"}, "JSON_PARSER_ERROR", "datetime"),
        ({"OwnerId": None}, "REQUIRED_FIELD_MISSING", "[OwnerId]"),
    ],
)
def test_a_bad_value_refuses_the_whole_row(desk, refusal, fields, code, text):
    """Nothing of the row is stored, and the error names the field's trouble."""
    case = desk.create("Case", {"Subject": "before"}, user_id=desk.default_user_id)
    error = refusal(
        desk.update, "Case", case, {"Priority": "Low", **fields}, user_id=desk.default_user_id
    )
    assert (error.status, error.code) == (400, code)
    assert text in error.message
    assert desk.retrieve("Case", case)["Priority"] == "Medium"


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("Subject", "  blanks  ", "blanks"),
        ("Subject", "", None),
        ("Refund_Amount__c", 1.005, 1.01),
        ("Refund_Amount__c", 7, 7.0),
        ("Product_Area__c", "Network;Billing;Network", "Billing;Network"),
        ("Severity__c", "s2", "S2"),
        ("SlaStartDate", "2026-01-01T01:00:00.750+01:00", "2026-01-01T00:00:00.000+0000"),
        ("IsEscalated", None, False),
        ("AccountId", "001RM0000000001", "001RM0000000001YAA"),
    ],
)
def test_a_value_is_kept_as_salesforce_keeps_it(desk, new_case, field, sent, kept):
    assert desk.retrieve("Case", new_case(**{field: sent}), [field])[field] == kept


def test_what_a_create_leaves_out_is_filled_in(desk, new_case):
    """Owner, hours, status, number and flags come from the org."""
    row = desk.retrieve("Case", new_case(Subject="bare"))
    assert row["OwnerId"] == row["CreatedById"] == desk.default_user_id
    assert (row["Status"], row["IsClosed"], row["CaseNumber"]) == ("New", False, "00000201")
    assert row["BusinessHoursId"].startswith("01m")


def test_a_required_field_must_come_with_a_create(desk, refusal):
    error = refusal(desk.create, "Account", {"Site": "x"}, user_id=desk.default_user_id)
    assert (error.code, error.fields) == ("REQUIRED_FIELD_MISSING", ["Name"])
    assert error.message == "Required fields are missing: [Name]"


def test_a_unique_value_is_refused_in_any_case(new_case, refusal):
    """The message names the record that has it, so that a repeated create can be recognised."""
    first = new_case(Sync_Key__c="k-1")
    error = refusal(new_case, Sync_Key__c="K-1")
    assert error.code == "DUPLICATE_VALUE"
    assert error.message == (
        f"duplicate value found: Sync_Key__c duplicates value on record with id: {first[:15]}"
    )


def test_a_parent_can_be_named_by_its_external_id(desk, new_case):
    fields = {"Name": "Keyed", "Sync_Key__c": "A-1"}
    account = desk.create("Account", fields, user_id=desk.default_user_id)
    case = new_case(Account={"Sync_Key__c": "a-1"})
    assert desk.retrieve("Case", case)["AccountId"] == account


def test_describe_says_what_the_rules_do(desk):
    """A client that validates by describe agrees with the org."""
    fields = {field["name"]: field for field in desk.describe("case")["fields"]}
    key, subject = fields["Sync_Key__c"], fields["Subject"]
    assert (key["unique"], key["externalId"], key["length"]) == (True, True, 64)
    assert (subject["length"], subject["byteLength"], subject["soapType"]) == (
        255,
        765,
        "xsd:string",
    )
    assert fields["OwnerId"]["referenceTo"] == ["User", "Group"]
    assert not fields["CaseNumber"]["createable"]
    assert not fields["Description"]["filterable"]
    assert {value["value"] for value in fields["Severity__c"]["picklistValues"]} >= {"S1", "S4"}


def test_a_hidden_field_is_gone_for_readers_and_writers(desk, new_case, refusal):
    """Field-level security looks exactly like absence, and its values come back with it."""
    case = new_case(Reason="Billing")
    desk.hide_field("Case", "Reason")
    names = {field["name"] for field in desk.describe("Case")["fields"]}
    assert "Reason" not in names
    assert refusal(desk.query, "SELECT Reason FROM Case").code == "INVALID_FIELD"
    assert refusal(new_case, Reason="Other").code == "INVALID_FIELD"
    desk.show_field("Case", "Reason")
    assert desk.retrieve("Case", case)["Reason"] == "Billing"


def test_a_field_can_come_and_go(desk, clock, new_case, refusal):
    """Added fields take values at once; schema_modified tells when to describe again."""
    before = desk.schema_modified("Case")
    clock.move(minutes=1)
    desk.add_field("Case", {"name": "Colour__c", "type": "string", "length": 20})
    case = new_case(Colour__c="red")
    assert desk.retrieve("Case", case)["Colour__c"] == "red"
    assert desk.schema_modified("Case") > before
    desk.remove_field("Case", "Colour__c")
    assert refusal(desk.query, "SELECT Colour__c FROM Case").code == "INVALID_FIELD"


def test_every_standard_reference_leads_somewhere_or_says_it_does_not(desk):
    """Relationship names in describe are the ones SOQL understands."""
    known = {entry["name"] for entry in desk.describe_global()["sobjects"]}
    for name in known:
        for field in desk.describe(name)["fields"]:
            if known.intersection(field["referenceTo"]):
                desk.query(
                    " ".join(("SELECT", f"{field['relationshipName']}.Id", "FROM", name, "LIMIT 1"))
                )
