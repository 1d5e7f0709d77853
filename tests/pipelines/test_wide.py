"""Objects of 800 fields: queries too long for an address are split, and rows put together again."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from emulator.server import Emulator
from models import by_name, declare
from pipelines import wide
from salesforce.errors import ProtocolError
from store.engine import Store
from tests.pipelines.reading import Reader

FIELDS = [f"A_Field_Among_Many_That_Are_Alike_{number:03d}__c" for number in range(800)]


@pytest.fixture(scope="module")
def broad() -> Iterator[Emulator]:
    """An org whose products have 800 custom fields."""
    with Emulator(cases=5) as org:
        for name in FIELDS:
            field = {"name": name, "type": "string", "length": 40}
            org.control("POST", "fields", {"sobject": "Product2", "add": field})
        yield org


@pytest.fixture
def reader(broad: Emulator, store: Store) -> Iterator[Reader]:
    declare(["Product2"])
    with closing(Reader(broad, store)) as reader:
        yield reader
    with store.begin() as tx:
        by_name("Product2").table().drop(tx, checkfirst=True)
    broad.clear_faults()


def _make(org: Emulator, **values: str) -> str:
    made: str = org.act("create", sobject="Product2", fields={"Name": "wide", **values})
    return made


def _row(reader: Reader, record_id: str) -> dict[str, Any]:
    with reader.store.read() as tx:
        query = f"SELECT * FROM product2s WHERE id = '{record_id}'"  # noqa: S608
        return dict(tx.exec_driver_sql(query).mappings().one())


def test_an_object_of_800_fields_is_read_whole(reader: Reader) -> None:
    """Each query fits into an address, and every field arrives in its column."""
    values = {name: f"v{place}" for place, name in enumerate(FIELDS) if place % 7 == 0}
    product = _make(reader.org, **values)
    assert reader.pull("Product2").outcome == "ok"
    row = _row(reader, product)
    assert {name: row[name.lower()] for name in values} == values
    assert row[FIELDS[1].lower()] is None
    asked = [
        one["path"] for one in reader.org.requests()["recent"] if "FROM+Product2" in one["path"]
    ]
    assert not any("composite" in path for path in asked)


def test_a_row_that_changes_between_its_parts_is_asked_for_again(reader: Reader) -> None:
    """Parts of different stamps are never put together: the row is read anew by its Id."""
    product = _make(reader.org, **{FIELDS[0]: "before", FIELDS[-1]: "before"})
    reader.pull("Product2")
    plan = reader.describes.plan(by_name("Product2"))
    real, seen = reader.client.query_page, []

    def query_page(text: str, **how: Any) -> Any:
        page = real(text, **how)
        seen.append(text)
        if len(seen) == 1:
            reader.later(5)
            change = {FIELDS[0]: "after", FIELDS[-1]: "after"}
            reader.org.act("update", sobject="Product2", id=product, fields=change)
        return page

    reader.client.query_page = query_page  # type: ignore[method-assign,assignment]
    try:
        found = wide.read(plan, plan.query(f"Id = '{product}'"), client=reader.client, exact=True)
    finally:
        del reader.client.query_page
    [row] = found.rows
    named = dict(zip([field.api_name for field in plan.fields], row, strict=True))
    assert (named[FIELDS[0]], named[FIELDS[-1]]) == ("after", "after")
    assert len(seen) > 4


def test_a_row_that_never_rests_is_an_error(reader: Reader) -> None:
    """Rather a failed page than a row made of two."""
    product = _make(reader.org)
    reader.pull("Product2")
    plan = reader.describes.plan(by_name("Product2"))
    real = reader.client.query_page

    def query_page(text: str, **how: Any) -> Any:
        page = real(text, **how)
        reader.later(5)
        reader.org.act("update", sobject="Product2", id=product, fields={"Name": "restless"})
        return page

    reader.client.query_page = query_page  # type: ignore[method-assign,assignment]
    try:
        with pytest.raises(ProtocolError, match="TORN_ROWS"):
            wide.read(plan, plan.query(f"Id = '{product}'"), client=reader.client, exact=True)
    finally:
        del reader.client.query_page


def test_a_row_too_wide_for_postgresql_fails_its_object_alone(reader: Reader) -> None:
    """SQLite keeps 800 filled columns; PostgreSQL has 8 kB for a row, and the error says so."""
    product = _make(reader.org, **dict.fromkeys(FIELDS, "filled to the brim, each of them"))
    result = reader.pull("Product2")
    if reader.store.is_sqlite:
        assert result.outcome == "ok"
        assert _row(reader, product)[FIELDS[-1].lower()] == "filled to the brim, each of them"
    else:
        assert (result.outcome, result.error_code) == ("failed", "RowTooWide")
        assert "[objects.Product2] fields" in str(result.error_message)
