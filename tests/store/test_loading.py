"""Bulk's bytes become the rows that REST would have brought, whole or not at all."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from models.account import Account
from models.case import Case
from models.columns import SyncField
from models.contract import Contract
from models.knowledge_article import KnowledgeArticle
from models.sobject import SObject
from models.user import User
from store import records
from store.engine import Store
from store.errors import BrokenPage, ValueMisfit
from store.loading import Loaded, load_csv, parts
from store.merge import Merge
from tests.store.cases import FIELDS, NOON, A, B, at, kept, put, row
from tests.store.test_records import HARD

STAMP = "2026-03-01T12:00:00.000Z"
HEADER = [field.api_name for field in FIELDS]


def line(**values: str) -> list[str]:
    """Lay out one case as Bulk writes it: every value quoted, nothing where there is nothing."""
    whole = {"id": A, "system_modstamp": STAMP, "is_deleted": "false", **values}
    return [whole.get(field.column, "") for field in FIELDS]


def page(*lines: list[str], header: list[str] | None = HEADER) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([*([header] if header else []), *lines])
    return out.getvalue().encode()


def load(
    store: Store,
    chunks: bytes | Iterable[bytes],
    *,
    read_at: datetime = NOON,
    model: type[SObject] = Case,
    fields: tuple[SyncField, ...] = FIELDS,
) -> Loaded:
    given = [chunks] if isinstance(chunks, bytes) else chunks
    with store.begin() as tx:
        return load_csv(tx, model, fields, given, read_at=read_at)


def in_bytes(whole: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


@pytest.mark.parametrize(
    "value", [v for v in HARD.values() if v], ids=[k for k in HARD if k != "empty"]
)
@pytest.mark.parametrize("size", [7, 65_536])
def test_text_comes_back_as_it_was(store: Store, value: str, size: int) -> None:
    """Characters and quoted line breaks survive, wherever the chunks are cut."""
    rows = page(line(description=value), line(id=B, subject="next"))
    assert load(store, in_bytes(rows, size)) == Loaded(read=2, written=2)
    assert (kept(store)["description"], kept(store, B)["subject"]) == (value, "next")


@pytest.mark.parametrize("value", ["a\n\\.\nb", "\\.", "\\N", "NULL", '""', "\r\n", "#N/A"])
def test_what_means_something_to_copy_is_only_text(store: Store, value: str) -> None:
    """End marks, null marks and quotes of other formats are a customer's words here."""
    load(store, page(line(description=value, subject=value)))
    assert (kept(store)["description"], kept(store)["subject"]) == (value, value)


def test_bulk_and_rest_agree_on_every_kind(store: Store) -> None:
    """A page of CSV finds nothing to write where REST has brought the same records."""
    stories: list[tuple[type[SObject], dict[str, Any], dict[str, str]]] = [
        (
            Contract,
            {"start_date": date(2026, 2, 1), "activated_date": at(7), "contract_term": 12},
            {
                "start_date": "2026-02-01",
                "activated_date": "2026-03-01T12:00:07.000Z",
                "contract_term": "12.0",
            },
        ),
        (
            KnowledgeArticle,
            {"version_number": 3, "is_latest_version": True},
            {"version_number": "3", "is_latest_version": "true"},
        ),
        (
            Account,
            {"annual_revenue": 1.5e7 if store.is_sqlite else Decimal("1.5E7")},
            {"annual_revenue": "1.5E7"},
        ),
        (
            User,
            {"username": "ada@example.com", "is_active": False},
            {"username": "ada@example.com", "is_active": "false"},
        ),
    ]
    for model, decoded, cells in stories:
        fields = model.fields()
        rest = [row(store, fields, **decoded)]
        common = {"id": A, "system_modstamp": STAMP, "is_deleted": "false"}
        bulk = page(
            [{**common, **cells}.get(field.column, "") for field in fields],
            header=[field.api_name for field in fields],
        )
        with store.begin() as tx:
            assert records.upsert(tx, model, fields, rest, read_at=at(0)) == 1
        found = load(store, bulk, read_at=at(9), model=model, fields=fields)
        assert found == Loaded(read=1, written=0), model
        with store.begin() as tx:
            tx.execute(model.table().delete())
        assert load(store, bulk, model=model, fields=fields).written == 1
        with store.begin() as tx:
            assert records.upsert(tx, model, fields, rest, read_at=at(9)) == 0, model


def test_an_older_page_never_replaces_newer_rows(store: Store) -> None:
    """What changed while the backfill ran stays as the increment brought it."""
    put(store, {"subject": "new", "system_modstamp": at(10)}, read_at=at(11))
    assert load(store, page(line(subject="old")), read_at=at(99)) == Loaded(read=1, written=0)
    assert kept(store)["subject"] == "new"


def test_within_one_second_the_later_reading_wins(store: Store) -> None:
    """Of two contents under one stamp the later reading stands."""
    load(store, page(line(subject="first")), read_at=at(5))
    assert load(store, page(line(subject="earlier")), read_at=at(4)).written == 0
    assert load(store, page(line(subject="again")), read_at=at(6)).written == 1
    assert (kept(store)["subject"], kept(store)["synced_at"]) == ("again", at(6))


@pytest.mark.parametrize(("master", "cause"), [("", "bin"), (B, "merged")])
def test_a_deleted_row_is_a_tombstone(store: Store, master: str, cause: str) -> None:
    """Bulk's queryAll brings tombstones, with when and why."""
    load(store, page(line(is_deleted="true", master_record_id=master)))
    found = kept(store)
    assert (found["deleted_at"], found["deleted_cause"]) == (at(0), cause)


def test_the_header_may_be_in_any_order_and_case(store: Store) -> None:
    """Columns go where their names say."""
    turned = list(reversed([name.upper() for name in HEADER]))
    load(store, b"\xef\xbb\xbf" + page(line(subject="s")[::-1], header=turned))
    assert (kept(store)["subject"], kept(store)["description"]) == ("s", None)


def test_a_page_may_lack_its_header(store: Store) -> None:
    """A later page without a header is data from its first line on."""
    found = load(store, in_bytes(page(line(subject="Id"), line(id=B), header=None), 5))
    assert (found.read, kept(store)["subject"]) == (2, "Id")


@pytest.mark.parametrize("whole", [b"", page()])
def test_a_page_may_be_empty(store: Store, whole: bytes) -> None:
    """No rows are no rows, with a header or without."""
    assert load(store, whole) == Loaded(read=0, written=0)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ([*HEADER[:-1], "Surprise__c"], "does not expect Surprise__c; lacks Description"),
        (HEADER[:-1], "lacks Description"),
        ([*HEADER, "Id"], "a name stands twice"),
    ],
)
def test_a_wrong_header_is_named(store: Store, header: list[str], said: str) -> None:
    """Columns that were not asked for are never taken for others."""
    with pytest.raises(BrokenPage, match=said):
        load(store, page(line(), header=header))


MISFITS = [
    (Contract, "start_date", "soon", "'aaaa'"),
    (Contract, "contract_term", "3.5", "no whole number|'9.9'"),
    (Contract, "contract_term", "88888888888888888888", "no whole number|'9999"),
    (Contract, "activated_date", "x", "'a'"),
    (Account, "annual_revenue", "2026-01-02", "'9999-99-99'"),
    (Case, "is_escalated", "maybe", "'aaaaa'"),
]


@pytest.mark.parametrize(("model", "column", "value", "said"), MISFITS)
def test_a_value_that_does_not_fit_is_named_and_nothing_is_kept(
    store: Store, model: type[SObject], column: str, value: str, said: str
) -> None:
    """The column and the sort of value are told, the rows before it are not kept."""
    fields = tuple(f for f in model.fields() if f.column in {"id", "system_modstamp", column})
    whole = {"id": A, "system_modstamp": STAMP}
    good = [whole.get(field.column, "") for field in fields]
    bad = [{**whole, "id": B, column: value}.get(field.column, "") for field in fields]
    many = page(*[good] * 3000, bad, header=[field.api_name for field in fields])
    with pytest.raises(ValueMisfit, match=said) as caught:
        load(store, many, model=model, fields=fields)
    assert caught.value.column == column
    assert value not in str(caught.value)
    with store.read() as tx:
        assert records.count(tx, model) == (0, 0)


@pytest.mark.parametrize(
    "broken",
    [
        page(line(subject="cut off in the mid"))[:-12],
        page(line(description="cut off in its last cell"))[:-12],
        page(line()[:-1]),
        page([*line(), "more"]),
        page(line(subject="x")).replace(b"x", b"\xff"),
    ],
    ids=["cut off", "cut off at the end", "too few", "too many", "not UTF-8"],
)
def test_a_broken_page_is_refused_whole(store: Store, broken: bytes) -> None:
    """Bytes that are no page of these columns leave nothing behind."""
    with pytest.raises(BrokenPage):
        load(store, broken)
    with store.read() as tx:
        assert records.count(tx, Case) == (0, 0)


def test_a_download_that_breaks_off_keeps_nothing(store: Store) -> None:
    """What the wire raises halfway goes through, and the half page with it."""

    def chunks() -> Iterator[bytes]:
        yield page(line(), line(id=B))
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        load(store, chunks())
    assert load(store, page(line())) == Loaded(read=1, written=1)


def test_a_record_twice_in_one_page_is_kept_at_its_newest(store: Store) -> None:
    """An Id that stands twice, however the org came to it, does not stop the page."""
    newer = line(subject="new", system_modstamp="2026-03-01T12:00:05.000Z")
    load(store, page(newer, line(subject="old"), line(id=B)))
    assert (kept(store)["subject"], kept(store, B)["id"]) == ("new", B)


def test_pages_in_one_transaction_do_not_mix(store: Store) -> None:
    """Each page brings its own rows only, under its own reading."""
    with store.begin() as tx:
        for subject, read_at in (("first", at(1)), ("second", at(2)), ("third", at(3))):
            chunks = [page(line(subject=subject))]
            assert load_csv(tx, Case, FIELDS, chunks, read_at=read_at) == Loaded(1, 1)
    assert (kept(store)["subject"], kept(store)["synced_at"]) == ("third", at(3))


def test_a_nul_character_does_not_stop_a_page(store: Store) -> None:
    """PostgreSQL cannot hold U+0000: it is left out there, as it is of what REST brings."""
    load(store, page(line(subject="a\0b")))
    assert kept(store)["subject"] == ("a\0b" if store.is_sqlite else "ab")


def test_decimals_are_exact_on_postgresql(postgres_store: Store) -> None:
    """A currency of eighteen digits arrives digit by digit."""
    fields = tuple(
        f for f in Account.fields() if f.column in {"id", "system_modstamp", "annual_revenue"}
    )
    values = {"id": A, "system_modstamp": STAMP, "annual_revenue": "1234567890123456.78"}
    header = [field.api_name for field in fields]
    whole = page([values[field.column] for field in fields], header=header)
    load(postgres_store, whole, model=Account, fields=fields)
    with postgres_store.read() as tx:
        found = tx.exec_driver_sql("SELECT annual_revenue FROM accounts").scalar_one()
    assert found == Decimal("1234567890123456.78")


def test_instants_are_utc_however_they_are_spelt(store: Store) -> None:
    """`Z`, `+0000` and whole seconds name the same instant."""
    spelt = ["2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000+0000", "2026-03-01T12:00:00Z"]
    lines = [line(id=f"50000000000000{n}AAA", system_modstamp=at) for n, at in enumerate(spelt)]
    load(store, page(*lines))
    with store.read() as tx:
        found = tx.execute(Case.table().select()).mappings().all()
    assert {one["system_modstamp"] for one in found} == {datetime(2026, 3, 1, 12, tzinfo=UTC)}


def test_a_small_page_never_scans_a_large_table(postgres_store: Store) -> None:
    """The merge looks each staged row up by its key, however large the table has grown."""
    with postgres_store.begin() as tx:
        tx.execute(
            text(
                "INSERT INTO cases (id, system_modstamp, synced_at, description)"
                " SELECT '500' || lpad(n::text, 12, '0') || 'AAA', :at, :at, 'x'"
                " FROM generate_series(1, 30000) n"
            ),
            {"at": at(0)},
        )
    with postgres_store.begin() as tx:
        tx.execute(text("ANALYZE cases"))
    with postgres_store.begin() as tx:
        merge = Merge(Case, FIELDS)
        lines = [line(id=f"500{n:012}AAA", subject="s") for n in range(1, 2001)]
        load_csv(tx, Case, FIELDS, [page(*lines)], read_at=at(1))
        plan = tx.exec_driver_sql(
            "EXPLAIN " + merge.from_stage(f"csv_{merge.stage}"), {"read_at": at(2)}
        )
        said = "\n".join(one[0] for one in plan)
    assert "Seq Scan on cases" not in said
    assert "Index Scan using cases_pkey" in said


@pytest.mark.parametrize("size", [1, 50, 10_000_000])
@pytest.mark.parametrize("header", [HEADER, HEADER[::-1], None], ids=["header", "turned", "none"])
def test_a_page_cut_into_parts_is_the_same_page(
    sqlite_store: Store, size: int, header: list[str] | None
) -> None:
    """Every part ends where a record does, line breaks and quotes within its cells or not."""
    told = ['a\n"quoted",\n', "b\r\n", '"', "", '"\n"\n']
    order = slice(None, None, -1) if header and header[0] != HEADER[0] else slice(None)
    lines = [line(id=f"50000000000000{n}AAA", description=one)[order] for n, one in enumerate(told)]
    pieces = list(parts(FIELDS, in_bytes(page(*lines, header=header), 11), size=size))
    assert len(pieces) == {1: 5, 10_000_000: 1}.get(size, len(pieces))
    assert sum(load(sqlite_store, piece).read for piece in pieces) == len(told)
    found = [kept(sqlite_store, f"50000000000000{n}AAA")["description"] for n in range(len(told))]
    assert found == [one or None for one in told]


def test_a_page_that_begins_with_news_is_merged_like_any_other(store: Store) -> None:
    """Taken for new by its first rows, it still replaces what is older, and nothing newer."""
    put(store, {"id": A, "subject": "newer", "system_modstamp": at(10)}, {"id": B}, read_at=at(11))
    news = [line(id=f"5000000000001{n:02}AAA") for n in range(30)]
    whole = page(*news, line(subject="older"), line(id=B, subject="newest"))
    assert load(store, whole, read_at=at(99)) == Loaded(32, 31)
    assert (kept(store)["subject"], kept(store, B)["subject"]) == ("newer", "newest")
