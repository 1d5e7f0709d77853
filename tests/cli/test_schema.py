"""`scsync schema` tells what fills each column; any object can be named in the settings."""

from tests.cli.conftest import Desk


def test_an_object_named_in_the_settings_is_synced(desk: Desk) -> None:
    """No code knows products: naming them is enough for pull, status and schema."""
    desk.settings["OBJECTS"] = "Case,Product2"
    assert desk.run("status", "--json").code in {0, 3}  # its table is there before the first pull
    assert desk.run("pull").code == 0
    columns = desk.run("schema", "Product2", "--json").document()["columns"]
    found = {one["field"]: one for one in columns}
    assert found["ProductCode"]["table"] == "product2s"
    assert (found["ProductCode"]["added"], found["ProductCode"]["status"]) == (True, "active")
    shown = desk.run("schema", "Product2").out
    assert "Product2, in the table product2s:" in shown
    assert "product_code" in shown


def test_custom_fields_are_those_that_the_settings_choose(desk: Desk) -> None:
    """`fields` in the object's table of the TOML names them; all others are left in the org."""
    toml = '[objects.Case]\nfields = ["Severity__c"]\n'
    (desk.folder / "scsync.toml").write_text(toml)
    desk.run("pull", "Case")
    columns = desk.run("schema", "Case", "--json").document()["columns"]
    assert [one["field"] for one in columns if one["added"]] == ["Severity__c"]
    assert "Severity__c" in str(desk.run("settings", "--json").document()["objects.Case.fields"])


def test_what_is_computed_says_as_of_when(desk: Desk) -> None:
    """A field that changes without a stamp is marked; before any refresh it bears no time."""
    desk.run("pull", "Entitlement")
    document = desk.run("schema", "Entitlement", "--json").document()
    status = next(one for one in document["columns"] if one["field"] == "Status")
    assert (status["computed"], document["api_version"]) == (True, "67.0")
    assert "computed" in desk.run("schema", "Entitlement").out


def test_a_name_that_the_org_lacks_is_told_with_near_ones(desk: Desk) -> None:
    """Only the org knows its custom objects: what it does not have is skipped, not an error."""
    desk.settings["OBJECTS"] = "Prodct2"
    done = desk.run("pull")
    assert "did you mean Product2" in done.out + done.err


def test_columns_are_not_folded_at_80_places(desk: Desk) -> None:
    """A name can be copied as it stands; why columns are empty is said once for all of them."""
    desk.run("pull", "Case", "Entitlement")
    done = desk.run("schema", "Case", "Entitlement")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("has_comments_unread_by_owner ") for line in lines)
    assert "RecordTypeId, CurrencyIsoCode: this org has never shown it" in lines
