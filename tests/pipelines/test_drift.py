"""Fields come, go, hide and change their type: columns follow, and no value is lost."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text as sql

from emulator.server import Emulator
from models import by_name, declare
from models.case import Case
from models.field_state import FieldState, FieldStatus
from models.finding import Finding, FindingKind
from pipelines import drift
from pipelines.describes import FRESH, Describes
from pipelines.plan import STAMP
from salesforce.describe import Describe, FieldDescribe
from store import fields, findings
from store.engine import Store
from tests.pipelines.comparing import differences
from tests.pipelines.reading import Reader
from tests.pipelines.relay import relay

MakeReader = Callable[..., Reader]
ADDED = (
    {"name": "Tier__c", "type": "picklist", "length": 255},
    {"name": "Note__c", "type": "textarea", "length": 32000},
    {"name": "Weight__c", "type": "double", "precision": 18, "scale": 4},
    {"name": "Steps__c", "type": "int"},
    {"name": "Due__c", "type": "date"},
    {"name": "Seen__c", "type": "datetime"},
    {"name": "Urgent__c", "type": "boolean"},
    {"name": "Backup__c", "type": "reference", "to": ["Account"], "length": 18},
)
VALUES = {
    "Tier__c": "Gold",
    "Note__c": "Grüße\nfrom 'Zürich' 🏔",
    "Weight__c": 12.5,
    "Steps__c": 7,
    "Due__c": "2026-02-28",
    "Seen__c": "2026-02-28T10:11:12.000+0000",
    "Urgent__c": True,
}


@pytest.fixture
def org() -> Iterator[Emulator]:
    with Emulator(cases=60) as org:
        yield org


@pytest.fixture
def own(org: Emulator, store: Store) -> Iterator[Reader]:
    """An org of the test's own, on both databases: it changes the org's shape."""
    with closing(Reader(org, store)) as reader:
        yield reader


@pytest.fixture
def small(reader_of: MakeReader) -> Reader:
    return reader_of(cases=20)


def _change(reader: Reader, sobject: str = "Case", **change: Any) -> None:
    reader.org.control("POST", "fields", {"sobject": sobject, **change})
    reader.clock.ahead += 2 * FRESH  # the next describe is due


def _states(reader: Reader, sobject: str = "Case") -> dict[str, FieldState]:
    with reader.store.read() as tx:
        return {state.api_name: state for state in fields.known(tx, sobject)}


def _told(reader: Reader, kind: FindingKind) -> dict[str, Finding]:
    with reader.store.read() as tx:
        return {one.subject: one for one in findings.every(tx) if one.kind == kind}


def _row(reader: Reader, record_id: str, table: str = "cases") -> dict[str, Any]:
    """Read a row with all its columns, those added at run time too."""
    mark = "?" if reader.store.is_sqlite else "%s"
    with reader.store.read() as tx:
        query = f"SELECT * FROM {table} WHERE id = {mark}"  # noqa: S608
        row = dict(tx.exec_driver_sql(query, (record_id,)).mappings().one())
    if isinstance(row["extra"], str):
        row["extra"] = json.loads(row["extra"])
    return row


def _reading(reader: Reader, **settings: Any) -> None:
    """Give the reader other settings, as a restart does."""
    reader.describes = Describes(
        client=reader.client, store=reader.store, clock=reader.clock, **settings
    )


def test_custom_fields_of_any_type_come_by_themselves(own: Reader) -> None:
    """Each gets a column of its type, and its values stand in it as they stand in the org."""
    for field in ADDED:
        _change(own, add=field)
    case = own.org.act("create", sobject="Case", fields=VALUES)
    assert own.pull().outcome == "ok"
    row = _row(own, case)
    assert (row["tier__c"], row["note__c"]) == (VALUES["Tier__c"], VALUES["Note__c"])
    assert (float(row["weight__c"]), row["steps__c"], bool(row["urgent__c"])) == (12.5, 7, True)
    if own.store.is_sqlite:
        assert (row["due__c"], row["seen__c"]) == ("2026-02-28", "2026-02-28T10:11:12.000Z")
    else:
        assert row["due__c"].isoformat() == "2026-02-28"
        assert row["seen__c"] == datetime(2026, 2, 28, 10, 11, 12, tzinfo=UTC)
    assert {state.column_name for state in _states(own).values() if state.added} >= {
        field["name"].lower() for field in ADDED
    }
    assert differences(own.org, own.store, "Case") == []


def test_a_field_added_later_gets_its_column_while_at_work(own: Reader) -> None:
    """What changes from then on has the value, what did not change is read again for it."""
    own.pull()
    old = own.org.act("create", sobject="Case", fields={"Subject": "old"})
    own.pull()
    _change(own, add={"name": "Tier__c", "type": "string", "length": 40})
    new = own.org.act("create", sobject="Case", fields={"Tier__c": "Gold"})
    assert own.pull().outcome == "ok"
    assert (_row(own, old)["tier__c"], _row(own, new)["tier__c"]) == (None, "Gold")
    assert _planned(own.store) == [("Case", "new fields: Tier__c")]


def _planned(store: Store) -> list[tuple[str, str]]:
    with store.read() as tx:
        found = tx.exec_driver_sql("SELECT sobject, reason FROM scsync_backfills")
        return [(row[0], row[1]) for row in found]


def test_an_object_that_was_never_read_needs_no_second_reading(small: Reader) -> None:
    """Its first pull brings all values; nothing is planned."""
    small.pull()
    assert _planned(small.store) == []


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["tier__c", "JiraKey"], {"Tier__c"}),
        ([], set()),
        (["LastViewedDate"], {"LastViewedDate"}),
    ],
)
def test_the_settings_choose_a_subset(small: Reader, chosen: list[str], expected: set[str]) -> None:
    """Named fields come whatever case they are written in, no others do; none means none."""
    _change(small, add={"name": "Tier__c", "type": "string", "length": 40})
    _reading(small, chosen={"Case": chosen})
    assert small.pull().outcome == "ok"
    assert {name for name, state in _states(small).items() if state.added} == expected


def test_a_field_left_out_later_is_frozen_without_ado(small: Reader) -> None:
    """The settings are nobody's trouble: the column stays, no finding is raised."""
    small.pull()
    _reading(small, chosen={"Case": []})
    small.pull()
    states = [state for state in _states(small).values() if state.added]
    assert {(state.status, state.reason) for state in states} == {("frozen", drift.LEFT_OUT)}
    assert _told(small, FindingKind.FIELD_FROZEN) == {}


@pytest.mark.parametrize("change", ["hide", "remove"])
def test_a_lost_field_is_frozen_and_told_of(own: Reader, change: str) -> None:
    """Its column keeps what it holds, the pull goes on, and the finding names both causes."""
    _change(own, add={"name": "Tier__c", "type": "string", "length": 40})
    case = own.org.act("create", sobject="Case", fields={"Tier__c": "Gold"})
    own.pull()
    _change(own, **{change: "Tier__c"})
    own.org.act("update", sobject="Case", id=case, fields={"Subject": "changed"})
    assert own.pull().outcome == "ok"
    row = _row(own, case)
    assert (row["subject"], row["tier__c"]) == ("changed", "Gold")
    assert _states(own)["Tier__c"].status == FieldStatus.FROZEN
    message = _told(own, FindingKind.FIELD_FROZEN)["Tier__c"].message
    assert "removed" in message
    assert "hidden" in message
    assert "tier__c keeps" in message


def test_a_field_shown_again_clears_its_finding(small: Reader) -> None:
    """The column is filled again, and old rows are planned to be read for it."""
    small.pull()
    _change(small, hide="Description")
    small.pull()
    assert _told(small, FindingKind.FIELD_FROZEN).keys() == {"Description"}
    _change(small, show="Description")
    small.pull()
    assert _told(small, FindingKind.FIELD_FROZEN) == {}
    assert _states(small)["Description"].status == FieldStatus.ACTIVE
    assert _planned(small.store) == [("Case", "new fields: Description")]


def test_a_field_shown_for_the_first_time_has_no_past(own: Reader) -> None:
    """Its column is filled, whether the row is read for that or has changed: nobody did that."""
    for name in ("Priority", "IsClosed"):
        _change(own, hide=name)
    own.pull()
    for name in ("Priority", "IsClosed"):
        _change(own, show=name)
    low = "SELECT Id FROM Case WHERE Priority = 'Low'"
    (case, *_) = own.org.run(lambda it: it.query_rows(low))
    own.org.act("update", sobject="Case", id=case["Id"], fields={"Subject": "changed"})
    for backfill in (False, True):
        assert own.pull(backfill=backfill).outcome == "ok"
    assert differences(own.org, own.store, "Case") == []
    own.later(60)
    own.org.act("update", sobject="Case", id=case["Id"], fields={"Priority": "High"})
    own.pull()
    query = "SELECT record_id, old_value, new_value FROM record_history"
    with own.store.read() as tx:
        found = [tuple(one) for one in tx.exec_driver_sql(query)]
    assert found == [(case["Id"], "Low", "High")]


def test_what_this_org_never_had_is_no_finding(small: Reader) -> None:
    """Standard fields of features that are off are noted, not told."""
    small.pull("Account")
    lacking = [state for state in _states(small, "Account").values() if state.status == "frozen"]
    assert {state.reason for state in lacking} == {drift.NEVER_SHOWN}
    assert _told(small, FindingKind.FIELD_FROZEN) == {}


def _retyped(name: str, org_type: str, change: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    """Let an administrator change a field's type, and its values with it."""

    def rewrite(path: str, document: Any) -> Any:
        if path.endswith("/sobjects/Case/describe"):
            for field in document["fields"]:
                field["type"] = org_type if field["name"] == name else field["type"]
        if "FROM Case " in path:
            for record in document["records"]:
                if name in record:
                    record[name] = change(record[name])
        return document

    return rewrite


def test_a_retyped_field_goes_to_extra(org: Emulator, store: Store) -> None:
    """Its column keeps the old values, new ones stand in `extra`, and the finding says the types."""
    with closing(Reader(org, store)) as reader:
        case = org.act("create", sobject="Case", fields={"Subject": "Müller", "IsEscalated": True})
        reader.pull()
        change = _retyped("IsEscalated", "string", lambda value: "yes" if value else "no")
        with relay(org.url, change) as url, closing(Reader(org, store, login_url=url)) as other:
            other.sql("DELETE FROM scsync_descriptions")  # the relay's answers bear the org's dates
            org.act("update", sobject="Case", id=case, fields={"Subject": "changed"})
            assert other.pull().outcome == "ok"
            row = _row(other, case)
            assert (row["subject"], bool(row["is_escalated"])) == ("changed", True)
            assert row["extra"] == {"IsEscalated": "yes"}
            assert _states(other)["IsEscalated"].status == FieldStatus.OVERFLOW
            message = _told(other, FindingKind.FIELD_FROZEN)["IsEscalated"].message
            assert "was boolean, is now string" in message


def _spoilt(name: str, value: Any, healed: list[bool]) -> Callable[[str, Any], Any]:
    def rewrite(path: str, document: Any) -> Any:
        if "FROM Case " in path and not healed and document["records"]:
            document["records"][0][name] = value
        return document

    return rewrite


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IsClosed", "maybe"),
        ("ClosedDate", "never"),
        ("Subject", 17),
        ("OwnerId", {"a": "b\0"}),
        ("Steps__c", 2**63),
        ("Weight__c", "heavy"),
    ],
)
def test_a_value_that_does_not_fit_stands_in_extra(
    org: Emulator, store: Store, name: str, value: Any
) -> None:
    """The row is kept, the finding counts; once it fits again, extra and finding are gone."""
    for field in ADDED:
        org.control("POST", "fields", {"sobject": "Case", "add": field})
    healed: list[bool] = []
    with (
        relay(org.url, _spoilt(name, value, healed)) as url,
        closing(Reader(org, store, login_url=url)) as reader,
    ):
        assert reader.pull().outcome == "ok"
        assert reader.count() == 60
        with store.read() as tx:
            query = "SELECT id FROM cases WHERE extra IS NOT NULL"
            [case] = tx.exec_driver_sql(query).scalars().all()
        kept = {"a": "b"} if isinstance(value, dict) and not store.is_sqlite else value
        assert _row(reader, case)["extra"] in ({name: kept}, {name: {"a": "b"}})
        assert "1 value does not fit" in _told(reader, FindingKind.VALUE_MISFIT)[name].message
        healed.append(True)
        org.act("update", sobject="Case", id=case, fields={"Priority": "High"})
        assert reader.pull().outcome == "ok"
        assert _row(reader, case)["extra"] is None
        reader.clock.ahead += 2 * FRESH
        reader.pull()
        assert _told(reader, FindingKind.VALUE_MISFIT) == {}
    assert differences(org, store, "Case") == []


def test_a_text_longer_than_its_column_is_not_cut(org: Emulator, store: Store) -> None:
    """A column as wide as an Id meets a field made text: what is too long goes to extra."""
    change = _retyped("AssetId", "string", lambda _: "x" * 40)

    def rewrite(path: str, document: Any) -> Any:
        found = change(path, document)
        if path.endswith("/sobjects/Case/describe"):
            for field in found["fields"]:
                field["length"] = 255 if field["name"] == "AssetId" else field["length"]
        return found

    with relay(org.url, rewrite) as url, closing(Reader(org, store, login_url=url)) as reader:
        assert reader.pull().outcome == "ok"
        with store.read() as tx:
            [case, *_] = tx.exec_driver_sql("SELECT id FROM cases").scalars().all()
        row = _row(reader, case)
        assert (row["asset_id"], row["extra"]) == (None, {"AssetId": "x" * 40})


@pytest.fixture
def history(own: Reader) -> Iterator[Reader]:
    declare(["CaseHistory", "Product2"])
    yield own
    with own.store.begin() as tx:
        for name in ("CaseHistory", "Product2"):
            by_name(name).table().drop(tx, checkfirst=True)


def test_any_object_can_be_pulled_by_its_name(history: Reader) -> None:
    """No code knows it: its table is made, and every field it shows has a column."""
    assert history.pull("Product2").outcome == "ok"
    [product, *_] = _ids(history, "product2s")
    row = _row(history, product, "product2s")
    assert row["name"]
    assert row["product_code"]
    assert differences(history.org, history.store, "Product2") == []
    assert history.pull("Product2").outcome == "ok"


def _ids(reader: Reader, table: str) -> list[str]:
    with reader.store.read() as tx:
        return list(tx.exec_driver_sql(f"SELECT id FROM {table}").scalars())  # noqa: S608


def test_an_object_without_a_stamp_is_read_by_its_birth(history: Reader) -> None:
    """History rows never change: CreatedDate stands in for SystemModstamp, any value is kept."""
    case = history.org.act("create", sobject="Case", fields={"Priority": "Low"})
    history.pull("CaseHistory")
    history.later(30)
    history.org.act("update", sobject="Case", id=case, fields={"Priority": "High"})
    result = history.pull("CaseHistory")
    assert result.outcome == "ok"
    with history.store.read() as tx:
        table = by_name("CaseHistory").table()
        query = table.select().where(sql(f"case_id = '{case}' AND field = 'Priority'"))
        query = query.add_columns(sql("new_value"))
        row = tx.execute(query).mappings().one()
    value, stamp, created = row["new_value"], row["system_modstamp"], row["created_date"]
    assert (value, created) == ("High", None)
    assert stamp is not None


def test_an_object_of_no_such_name_is_refused_with_near_ones(own: Reader) -> None:
    """A slip in the settings is skipped by name, and says what may have been meant."""
    declare(["Prodct2"])
    result = own.pull("Prodct2")
    assert result.outcome == "skipped"
    assert "has no Prodct2" in str(result.error_message)
    assert "did you mean Product2" in str(result.error_message)
    calls = len(own.org.requests()["recent"])
    own.pull("Prodct2")
    asked = [one["path"] for one in own.org.requests()["recent"][calls:]]
    assert not [path for path in asked if path.endswith("/sobjects")]


def test_two_adopt_the_same_fields_at_once(own: Reader) -> None:
    """Two processes that see the same new fields end with one column each, and no error."""
    _change(own, add=ADDED[0])
    other = Describes(client=own.new_client(), store=own.store, clock=own.clock)
    plans = [one.plan(Case, adopt=True) for one in (own.describes, other)]
    assert plans[0].fields == plans[1].fields
    assert own.describes.plan(Case) is plans[0]
    assert "tier__c" in {field.column for field in plans[0].fields}


def _describe(**types: str) -> Describe:
    shown = {"Id": "id", "SystemModstamp": "datetime", **types}
    found = [
        FieldDescribe(name=name, type=kind, custom="__c" in name) for name, kind in shown.items()
    ]
    return Describe(name="Case", fields=tuple(found))


def _compared(describe: Describe, *known: FieldState) -> drift.Drift:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return drift.compare(Case, describe, known, stamp=STAMP, chosen=None, missing=(), now=now)


def test_names_that_meet_get_columns_of_their_own() -> None:
    """Two spellings of one column name, one of ours, one too long: all are told apart."""
    long = "A" + "a" * 66 + "__c"
    describe = _describe(
        SLAText__c="string", SLA_Text__c="string", **{"Extra": "string", long: "int"}
    )
    columns = [state.column_name for state in _compared(describe).added]
    assert len(set(columns)) == 3
    assert max(map(len, columns)) == 63
    assert columns == [state.column_name for state in _compared(describe).added]


def test_a_comparison_with_itself_finds_nothing() -> None:
    """What has been remembered is no news."""
    describe = _describe(Subject="string", Tier__c="double", IsClosed="string")
    first = _compared(describe)
    again = _compared(describe, *first.changed)
    assert (again.changed, again.added, again.returned) == ([], [], [])
    assert again.troubled == first.troubled
    assert again.troubled.keys() == {"IsClosed"}
