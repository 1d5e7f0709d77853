"""Rows are written only if newer, as what they are, and nothing is written for nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from models.account import Account
from models.case import Case
from models.columns import Kind, SyncField
from models.contract import Contract
from models.knowledge_article import KnowledgeArticle
from models.sobject import SObject
from models.user import User
from store import records
from store.engine import Store
from store.loading import load_csv
from tests.store.cases import BY_COLUMN, FIELDS, A, B, at, kept, put, row
from tests.store.shared import migrated

C = "500000000000003AAA"


def test_an_older_stamp_never_replaces_a_newer_one(store: Store) -> None:
    """A row read later but stamped earlier changes nothing."""
    put(store, {"subject": "new", "system_modstamp": at(10)}, read_at=at(11))
    stale = {"subject": "old", "system_modstamp": at(9)}
    assert put(store, stale, read_at=at(99)) == 0
    assert (kept(store)["subject"], kept(store)["system_modstamp"]) == ("new", at(10))


def test_a_newer_stamp_wins_whenever_it_was_read(store: Store) -> None:
    """A newer stamp replaces the row, even if the server's clock went back meanwhile."""
    put(store, {"subject": "old"}, read_at=at(50))
    assert put(store, {"subject": "new", "system_modstamp": at(1)}, read_at=at(40)) == 1
    assert (kept(store)["subject"], kept(store)["synced_at"]) == ("new", at(40))


def test_within_one_second_the_later_reading_wins(store: Store) -> None:
    """Stamps have whole seconds: of two contents under one stamp the later reading stands."""
    put(store, {"subject": "first"}, read_at=at(5))
    assert put(store, {"subject": "earlier"}, read_at=at(4)) == 0
    assert kept(store)["subject"] == "first"
    assert put(store, {"subject": "again"}, read_at=at(5)) == 1
    assert put(store, {"subject": None}, read_at=at(6)) == 1
    assert (kept(store)["subject"], kept(store)["synced_at"]) == (None, at(6))


def test_a_row_that_did_not_change_is_not_written(store: Store) -> None:
    """The same contents read again leave the row as it is, `synced_at` and all."""
    put(store, {"id": A, "subject": "same"}, {"id": B})
    assert put(store, {"id": A, "subject": "same"}, {"id": B}, read_at=at(60)) == 0
    assert kept(store)["synced_at"] == at(0)


def test_unchanged_rows_cost_postgresql_no_version_and_no_log(postgres_store: Store) -> None:
    """Reading a page again touches no tuple, not even to lock it: xmin and xmax stand, and next to no WAL is written."""
    page = [{"id": f"5000000000{n:05}AAA", "description": "x" * 500} for n in range(1000)]
    put(postgres_store, *page)
    put(postgres_store, page[0], read_at=at(1))  # the hint bits of the first reading are set here

    def state() -> tuple[Any, int]:
        with postgres_store.read() as tx:
            versions = tx.execute(
                text("SELECT count(DISTINCT xmin::text), max(xmax::text), max(ctid) FROM cases")
            ).one()
            written = tx.execute(text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))
            return tuple(versions), int(written.scalar_one())

    versions, before = state()
    costs = []
    for seconds in (60, 61, 62):
        assert put(postgres_store, *page, read_at=at(seconds)) == 0
        again, after = state()
        assert again == versions
        costs.append(after - before)
        before = after
    # The log is the whole server's, and a checkpoint or autovacuum may fall into one of them.
    assert min(costs) < 100_000  # writing the page takes some 700 kB


def test_columns_that_are_not_named_keep_what_they_hold(store: Store) -> None:
    """A field that the org hides today stays as it was yesterday."""
    put(store, {"subject": "kept", "description": "old"})
    names = ("id", "system_modstamp", "is_deleted", "description")
    fields = tuple(BY_COLUMN[name] for name in names)
    put(store, {"description": "new", "system_modstamp": at(1)}, fields=fields, read_at=at(2))
    assert (kept(store)["subject"], kept(store)["description"]) == ("kept", "new")


@pytest.mark.parametrize(("master", "cause"), [(None, "bin"), (B, "merged")])
def test_a_tombstone_says_when_and_why(store: Store, master: str | None, cause: str) -> None:
    """A deleted record keeps its row, with the instant and the cause; back, it has neither."""
    put(store, {"subject": "kept"})
    gone = {"is_deleted": True, "master_record_id": master, "system_modstamp": at(9)}
    put(store, {"subject": "kept", **gone}, read_at=at(10))
    dead = kept(store)
    assert (dead["is_deleted"], dead["deleted_at"], dead["deleted_cause"]) == (True, at(9), cause)
    put(store, {"subject": "kept", "system_modstamp": at(20)}, read_at=at(21))
    back = kept(store)
    assert (back["is_deleted"], back["deleted_at"], back["deleted_cause"]) == (False, None, None)


def test_what_the_org_shows_again_is_no_longer_buried(store: Store) -> None:
    """A row buried as unseen comes back when a later reading brings it, its stamp unmoved."""
    put(store, {"subject": "here"})
    with store.begin() as tx:
        assert records.bury(tx, Case, [A], at=at(5)) == 1
        assert records.bury(tx, Case, [A], at=at(6)) == 0
    assert (kept(store)["deleted_cause"], kept(store)["deleted_at"]) == ("unseen", at(5))
    assert put(store, {"subject": "here"}, read_at=at(4)) == 0
    assert put(store, {"subject": "here"}, read_at=at(9)) == 1
    assert (kept(store)["is_deleted"], kept(store)["deleted_cause"]) == (False, None)


def test_a_user_buried_by_mistake_comes_back(store: Store) -> None:
    """An sObject without IsDeleted is alive again as soon as it is read again."""
    page = [row(store, User.fields(), id=A, username="ada@example.com")]
    for read_at in (at(0), at(9)):
        with store.begin() as tx:
            assert records.upsert(tx, User, User.fields(), page, read_at=read_at) == 1
        with store.begin() as tx:
            assert list(records.keys(tx, User)) == [(A, at(0), False)]
            assert tx.execute(text("SELECT is_deleted FROM users")).scalar_one() == 0
            records.bury(tx, User, [A], at=at(5))


HARD = {
    "unicode": "Grüße — Ω≈ç√∫µ≤ שלום\u200f",
    "astral": "🛠️👩🏽\u200d💻\U0001d518",
    "quotes": """'; DROP TABLE cases; -- "x" \\' %s ?1 :name""",
    "breaks": "a\nb\r\nc\td\x0b\x1f",
    "empty": "",
    "long": "漢" * 32_000,
}


@pytest.mark.parametrize("value", HARD.values(), ids=HARD)
def test_text_comes_back_as_it_went_in(store: Store, value: str) -> None:
    """Whatever characters a customer writes are data, and stay what they are."""
    put(store, {"description": value})
    assert kept(store)["description"] == value


def test_a_nul_character_does_not_stop_a_page(store: Store) -> None:
    """PostgreSQL cannot hold U+0000: it is left out there, the rest of the page is stored."""
    put(store, {"id": B, "subject": "before"}, {"id": A, "subject": "a\0b", "description": "c"})
    assert kept(store)["subject"] == ("a\0b" if store.is_sqlite else "ab")
    assert (kept(store)["description"], kept(store, B)["subject"]) == ("c", "before")


def _round_trip(store: Store, model: type[SObject], **values: Any) -> dict[str, Any]:
    page = [row(store, model.fields(), **values)]
    with store.begin() as tx:
        records.upsert(tx, model, model.fields(), page, read_at=at(0))
    with store.read() as tx:
        found = tx.exec_driver_sql(f"SELECT * FROM {model.table().name}").mappings().one()  # noqa: S608
        return dict(found)


def test_dates_are_dates_and_instants_instants(store: Store) -> None:
    """A date has no zone to shift it; an instant is UTC, and sorts as text on SQLite."""
    signed = datetime(2026, 1, 31, 23, 30, 0, 250_000, tzinfo=UTC)
    found = _round_trip(store, Contract, start_date=date(2026, 2, 1), activated_date=signed)
    if store.is_sqlite:
        assert (found["start_date"], found["activated_date"]) == (
            "2026-02-01",
            "2026-01-31T23:30:00.250Z",
        )
    else:
        assert (found["start_date"], found["activated_date"]) == (date(2026, 2, 1), signed)


def test_decimals_are_exact_on_postgresql(postgres_store: Store) -> None:
    """A currency of eighteen digits arrives digit by digit."""
    exact = Decimal("1234567890123456.78")
    assert _round_trip(postgres_store, Account, annual_revenue=exact)["annual_revenue"] == exact


def test_numbers_and_flags_are_what_they_are(store: Store) -> None:
    """Whole numbers, flags and nulls do not become text."""
    found = _round_trip(store, KnowledgeArticle, version_number=3, is_latest_version=True)
    assert found["version_number"] == 3
    assert found["is_latest_version"] == 1
    assert found["title"] is None


def test_counts_tell_the_living_from_tombstones(store: Store) -> None:
    """Rows and tombstones are counted apart."""
    put(store, {"id": A}, {"id": B, "is_deleted": True})
    with store.read() as tx:
        assert records.count(tx, Case) == (1, 1)


def test_two_field_lists_in_one_transaction_do_not_mix(store: Store) -> None:
    """A page whole and a page in part, staged side by side, each bring what is theirs."""
    part = tuple(BY_COLUMN[name] for name in ("id", "system_modstamp", "is_deleted"))
    with store.begin() as tx:
        records.upsert(tx, Case, Case.fields(), [row(store, Case.fields())], read_at=at(0))
        records.upsert(tx, Case, part, [row(store, part, id=B)], read_at=at(0))
        records.upsert(tx, Case, part, [row(store, part, id=B)], read_at=at(1))
    with store.read() as tx:
        assert records.count(tx, Case) == (2, 0)


def test_a_record_may_come_again_in_one_transaction(store: Store) -> None:
    """The pages before it are out of the way: the last reading stands."""
    with store.begin() as tx:
        for subject, read_at in (("first", at(1)), ("second", at(2)), ("third", at(3))):
            rows = [row(store, subject=subject)]
            assert records.upsert(tx, Case, FIELDS, rows, read_at=read_at) == 1
    assert kept(store)["subject"] == "third"


EXTRA = SyncField("extra", "extra", Kind.TEXT)


def test_what_has_no_column_arrives_as_json(store: Store) -> None:
    """`extra` is JSON in the store, and the same JSON again is not written again."""
    fields = (BY_COLUMN["id"], BY_COLUMN["system_modstamp"], EXTRA)
    for read_at, value, written in [
        (1, '{"Odd__c": "1"}', 1),
        (2, '{"Odd__c": "1"}', 0),
        (3, None, 1),
    ]:
        rows = [row(store, fields, extra=value)]
        with store.begin() as tx:
            assert records.upsert(tx, Case, fields, rows, read_at=at(read_at)) == written
        assert kept(store)["extra"] == ({"Odd__c": "1"} if value else None)


def test_a_cause_of_death_may_be_given(store: Store) -> None:
    """Who saw a purge says so."""
    put(store, {"subject": "here"})
    with store.begin() as tx:
        assert records.bury(tx, Case, [A], at=at(5), cause="purged") == 1
    assert (kept(store)["deleted_cause"], kept(store)["is_deleted"]) == ("purged", True)


COMPUTED = tuple(BY_COLUMN[name] for name in ("id", "system_modstamp", "subject"))


def _fill(store: Store, *values: dict[str, Any], read_at: datetime) -> int:
    with store.begin() as tx:
        rows = [row(store, COMPUTED, **one) for one in values]
        return records.fill(tx, Case, COMPUTED, rows, read_at=read_at)


def test_filling_changes_only_rows_of_the_same_stamp_that_differ(store: Store) -> None:
    """An equal row, one of another stamp and an unknown one are left alone."""
    put(
        store,
        {"id": A, "subject": "old", "description": "kept"},
        {"id": B, "subject": "same"},
        {"id": C, "subject": "moved on", "system_modstamp": at(3)},
    )
    page = [
        {"id": A, "subject": "new"},
        {"id": B, "subject": "same"},
        {"id": C, "subject": "stale"},
        {"id": "500000000000009AAA", "subject": "unknown"},
    ]
    assert _fill(store, *page, read_at=at(20)) == 1
    found = [(kept(store, one)["subject"], kept(store, one)["synced_at"]) for one in (A, B, C)]
    assert found == [("new", at(20)), ("same", at(0)), ("moved on", at(0))]
    assert kept(store)["description"] == "kept"
    with store.read() as tx:
        assert records.count(tx, Case) == (3, 0)


def test_filling_never_takes_an_earlier_reading_for_a_later_one(store: Store) -> None:
    """What was asked before the row was read again does not replace it."""
    put(store, {"subject": "later"}, read_at=at(50))
    assert _fill(store, {"subject": "earlier"}, read_at=at(40)) == 0
    assert kept(store)["subject"] == "later"


def test_filling_does_not_raise_the_dead(store: Store) -> None:
    """A tombstone's columns are filled, and it stays a tombstone."""
    put(store, {"is_deleted": True, "subject": None})
    assert _fill(store, {"subject": "filled"}, read_at=at(5)) == 1
    found = kept(store)
    assert (found["subject"], found["deleted_cause"], found["deleted_at"]) == (
        "filled",
        "bin",
        at(0),
    )


def test_a_column_added_while_we_run_is_written_like_the_others(database_url: str) -> None:
    """Rows, fills and CSV reach a column that the model does not know, once the table has it."""
    added = SyncField("tier__c", "Tier__c", Kind.TEXT)
    fields = (*COMPUTED, added)
    with migrated(database_url) as store:
        put(store, {"subject": "before"})
        with store.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE cases ADD COLUMN tier__c TEXT")
        for cell, write in (("gold", records.upsert), ("silver", records.fill)):
            with store.begin() as tx:
                rows = [row(store, fields, subject="before", tier__c=cell)]
                assert write(tx, Case, fields, rows, read_at=at(5)) == 1
        cells = b"Id,SystemModstamp,Subject,Tier__c\n" + f"{A},{at(0):%FT%T}.000Z,,lead\n".encode()
        with store.begin() as tx:
            assert load_csv(tx, Case, fields, [cells], read_at=at(6)).written == 1
            found = tx.exec_driver_sql("SELECT subject, tier__c FROM cases").one()
        assert tuple(found) == (None, "lead")
