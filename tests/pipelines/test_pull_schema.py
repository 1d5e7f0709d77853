"""What an org lacks, hides, retypes or refuses is reported and skipped; the rest goes on."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from emulator.server import Emulator
from models.run import RunOutcome
from pipelines.describes import FRESH
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader
from tests.pipelines.relay import Rewrite, relay

MakeReader = Callable[..., Reader]


def _fields(reader: Reader, **change: Any) -> None:
    reader.org.control("POST", "fields", {"sobject": "Case", **change})


def test_an_object_that_the_org_lacks_is_skipped(reader_of: MakeReader) -> None:
    """Without Entitlements and Knowledge the others are read, and the run says what was not."""
    reader = reader_of(without=("Entitlement", "Knowledge__kav"))
    results = reader.cycle()
    skipped = {name for name, result in results.items() if result.outcome == "skipped"}
    assert skipped == {"Entitlement", "Knowledge__kav"}
    assert {r.outcome for name, r in results.items() if name not in skipped} == {"ok"}
    assert "no Entitlement" in str(reader.run("Entitlement").error_message)
    assert "no Entitlement" in str(reader.mark("Entitlement").skipped)
    assert reader.mark("Case").missing_fields  # EntitlementId went with its object
    assert differences(reader.org, reader.store, "Case") == []


def test_a_failing_object_fails_alone(sqlite_reader: Reader) -> None:
    """While queries on cases end in 500, all other objects are brought up to now."""
    fault = {"status": 500, "code": "UNKNOWN_EXCEPTION", "message": "An unexpected error"}
    sqlite_reader.org.fault(match={"path": "FROM Case "}, do=fault, times=9)
    outcomes = {name: result.outcome for name, result in sqlite_reader.cycle().items()}
    assert outcomes.pop("Case") == "failed"
    assert set(outcomes.values()) == {"ok"}
    run = sqlite_reader.run("Case")
    assert (run.outcome, run.error_code, run.pages) == ("failed", "UNKNOWN_EXCEPTION", 0)
    assert sqlite_reader.mark("Case").owner is None


def test_a_field_hidden_from_the_start_is_noted(reader_of: MakeReader) -> None:
    """Its column stays empty, everything else is there, and the watermark names it."""
    reader = reader_of()
    _fields(reader, hide="Description")
    assert reader.pull().outcome == "ok"
    assert "Description" in reader.mark().missing_fields
    assert differences(reader.org, reader.store, "Case") == []


def test_a_field_hidden_midway_is_frozen(reader_of: MakeReader) -> None:
    """INVALID_FIELD has the object described again at once; what the column held stays."""
    reader = reader_of()
    case = reader.org.act("create", sobject="Case", fields={"Description": "kept"})
    reader.pull()
    _fields(reader, hide="Description")
    reader.org.act("update", sobject="Case", id=case, fields={"Subject": "changed"})
    result = reader.pull()
    row = reader.row("Case", case)
    assert (result.outcome, row["subject"], row["description"]) == ("ok", "changed", "kept")
    assert "Description" in reader.mark().missing_fields


def test_a_field_shown_again_is_read_from_the_beginning(reader_of: MakeReader) -> None:
    """Records that did not change meanwhile get their values, too."""
    reader = reader_of()
    case = reader.org.act("create", sobject="Case", fields={"Description": "there all along"})
    reader.later(60)  # past the settle time: the next window will not meet it by itself
    _fields(reader, hide="Description")
    reader.pull()
    _fields(reader, show="Description")
    reader.clock.ahead += 2 * FRESH
    reader.pull()
    assert reader.row("Case", case)["description"] == "there all along"
    assert "Description" not in reader.mark().missing_fields


def test_a_field_that_nobody_knew_disturbs_nothing(reader_of: MakeReader) -> None:
    """A custom field without a column of ours gets one, and the store agrees with the org."""
    reader = reader_of()
    _fields(reader, add={"name": "Mood__c", "type": "string", "length": 40})
    assert (reader.pull().outcome, reader.verify().differences) == ("ok", [])
    assert differences(reader.org, reader.store, "Case") == []


@pytest.mark.parametrize("name", ["Id", "SystemModstamp"])
def test_without_the_key_nothing_can_be_read(
    desk: Emulator, sqlite_store: Store, name: str
) -> None:
    """An object that hides its Id or stamp is skipped by name."""

    def hide(path: str, document: Any) -> Any:
        if path.endswith("/sobjects/Case/describe"):
            document["fields"] = [one for one in document["fields"] if one["name"] != name]
        return document

    result = _pulled(desk, sqlite_store, hide)
    assert result.outcome is RunOutcome.SKIPPED
    assert f"Case.{name} is hidden" in str(result.error_message)


def test_an_object_that_may_not_be_queried_is_skipped(desk: Emulator, sqlite_store: Store) -> None:
    """`queryable: false` is taken at its word: no query is sent."""

    def forbid(path: str, document: Any) -> Any:
        if path.endswith("/describe"):
            document["queryable"] = False
        return document

    result = _pulled(desk, sqlite_store, forbid)
    assert result.outcome is RunOutcome.SKIPPED
    assert "query Case" in str(result.error_message)


def test_a_retyped_field_is_left_out(desk: Emulator, sqlite_store: Store) -> None:
    """A flag that has become text does not fit its column: it is noted, the rest is read."""

    def retype(path: str, document: Any) -> Any:
        if path.endswith("/describe"):
            for field in document["fields"]:
                field["type"] = "string" if field["name"] == "IsEscalated" else field["type"]
        return document

    with (
        relay(desk.url, retype) as url,
        closing(Reader(desk, sqlite_store, login_url=url)) as reader,
    ):
        assert reader.pull().outcome is RunOutcome.OK
        assert "IsEscalated" in reader.mark().missing_fields
        assert reader.count() >= 200


@pytest.mark.parametrize("name", ["Id", "SystemModstamp"])
def test_a_key_that_does_not_fit_fails_its_object(
    desk: Emulator, sqlite_store: Store, name: str
) -> None:
    """Without its Id or stamp there is no row to keep: a failed run, nothing half stored."""

    def spoil(path: str, document: Any) -> Any:
        if "FROM Case " in path:
            document["records"][0][name] = 5 if name == "Id" else "yesterday"
        return document

    result = _pulled(desk, sqlite_store, spoil)
    assert (result.outcome, result.error_code) == ("failed", "BROKEN_BODY")


def _pulled(desk: Emulator, store: Store, rewrite: Rewrite) -> Any:
    with relay(desk.url, rewrite) as url, closing(Reader(desk, store, login_url=url)) as reader:
        result = reader.pull()
        assert reader.count() == 0
        assert reader.run().outcome == result.outcome
        return result
