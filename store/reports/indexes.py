"""Indexes that reports alone need: made once the rows are there, so that no first load pays.

Chosen by looking at plans. On SQLite an index on what is grouped by has the groups come in order,
without a sort, and a leading flag has it preferred to others; PostgreSQL reads its own without
touching the table. An index whose columns change gets another name: by name it is known.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from store import backfills, watermarks
from store.engine import Store, translated

log = structlog.get_logger()

_PREFIX = "ix_report_"
_LIVE = "deleted_at IS NULL"
_CLOSED = f"{_LIVE} AND closed_date IS NOT NULL"
_OPEN = f"{_LIVE} AND is_closed = false"
_OF_OPEN = "created_date, status, priority, owner_id, account_id, is_escalated, service_contract_id"
_LOCK = 7_265_103  # any number, so that two processes do not build one index at once


@dataclass(frozen=True)
class Index:
    """One index: of whose records, in which table, and which columns each database is to hold."""

    name: str
    sobject: str
    table: str
    where: str
    sqlite: str | None = None
    postgresql: str | None = None

    def columns(self, *, is_sqlite: bool) -> str | None:
        """Give its columns; None: this database does without."""
        return self.sqlite if is_sqlite else self.postgresql


def _case(name: str, where: str, **columns: str) -> Index:
    return Index(f"{_PREFIX}cases_{name}", "Case", "cases", where, **columns)


INDEXES = (
    _case("open", _OPEN, sqlite=f"is_closed, {_OF_OPEN}", postgresql=_OF_OPEN),
    _case(
        "escalated",
        f"{_LIVE} AND is_escalated = true",
        sqlite="is_escalated, id",
        postgresql="id",
    ),
    _case(
        "created_day",
        f"{_LIVE} AND created_date IS NOT NULL",
        sqlite="substr(created_date, 1, 10)",
        postgresql="created_date",
    ),
    _case("closed_day", _CLOSED, sqlite="substr(closed_date, 1, 10)"),
    _case(
        "closed_month",
        _CLOSED,
        sqlite="substr(closed_date, 1, 7), priority, closed_date, created_date",
    ),
    _case(
        "closed",
        _CLOSED,
        sqlite="closed_date, owner_id",
        postgresql="closed_date, created_date, priority, owner_id",
    ),
    _case(
        "contract",
        f"{_LIVE} AND service_contract_id IS NOT NULL",
        sqlite="service_contract_id, created_date",
        postgresql="service_contract_id, created_date",
    ),
    _case(
        "answered",
        _LIVE,
        sqlite="id, created_date, priority",
        postgresql="id, created_date, priority",
    ),
    Index(
        f"{_PREFIX}history_returned",
        "Case",
        "record_history",
        "sobject = 'Case' AND field = 'closed_date' AND old_value IS NOT NULL",
        sqlite="sobject, field, record_id, old_value, new_value, changed_at",
        postgresql="record_id, old_value, new_value, changed_at",
    ),
    Index(
        f"{_PREFIX}comments_public",
        "CaseComment",
        "case_comments",
        f"{_LIVE} AND is_published = true",
        sqlite="is_published, parent_id, created_date, created_by_id",
        postgresql="parent_id, created_date, created_by_id",
    ),
    Index(
        f"{_PREFIX}milestones_open",
        "CaseMilestone",
        "case_milestones",
        f"{_LIVE} AND is_completed = false",
        sqlite="is_completed, target_date",
        postgresql="target_date",
    ),
    Index(
        f"{_PREFIX}milestones_month",
        "CaseMilestone",
        "case_milestones",
        f"{_LIVE} AND target_date IS NOT NULL",
        sqlite="substr(target_date, 1, 7), milestone_type_id, target_response_in_mins,"
        " completion_date, target_date, actual_elapsed_time_in_mins",
    ),
    Index(
        f"{_PREFIX}work_orders_open",
        "WorkOrder",
        "work_orders",
        _OPEN,
        sqlite="is_closed, end_date",
        postgresql="end_date",
    ),
)


def missing(tx: Connection) -> list[Index]:
    """Give those that are not there, of tables whose first load is over."""
    is_sqlite = tx.dialect.name == "sqlite"
    there, loading = _there(tx), backfills.unfinished(tx)
    marks = watermarks.every(tx)
    loaded = {name for name, mark in marks.items() if mark.finished_at and name not in loading}
    return [
        one
        for one in INDEXES
        if one.sobject in loaded and one.columns(is_sqlite=is_sqlite) and not there.get(one.name)
    ]


def build(store: Store) -> list[str]:
    """Make what is missing, one at a time; name what was made. Whoever comes second leaves it.

    What took its place, and bears another name for it, goes.
    """
    with store.read() as tx:
        wanted = missing(tx)
    if not wanted:
        return []
    make = _on_sqlite if store.is_sqlite else _on_postgresql
    made = [one.name for one in make(store, wanted)]
    if made:
        log.info("report.indexed", indexes=made)
    return made


def _on_sqlite(store: Store, wanted: list[Index]) -> Iterator[Index]:
    """Each in a transaction of its own: other writers get their turn in between."""
    with store.begin(relaxed=True) as tx:
        for name in _outdated(_there(tx)):
            tx.exec_driver_sql(f"DROP INDEX {name}")
    for one in wanted:
        with store.begin(relaxed=True) as tx:
            tx.exec_driver_sql(_create(one, is_sqlite=True))
        yield one


def _on_postgresql(store: Store, wanted: list[Index]) -> Iterator[Index]:
    """Without holding up whoever writes; what a crash left half made is made anew."""
    with _alone(store) as connection:
        if connection is None:
            return
        there = _there(connection)
        half_made = [name for name, is_valid in there.items() if not is_valid]
        for name in {*half_made, *_outdated(there)}:
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        for one in wanted:
            connection.exec_driver_sql(_create(one, is_sqlite=False))
            yield one


def _outdated(there: Iterable[str]) -> list[str]:
    """Name those that an earlier version made and no report goes by any more."""
    return [name for name in there if name not in {one.name for one in INDEXES}]


def _create(index: Index, *, is_sqlite: bool) -> str:
    how = "" if is_sqlite else "CONCURRENTLY "
    return (
        f"CREATE INDEX {how}IF NOT EXISTS {index.name} ON {index.table}"
        f" ({index.columns(is_sqlite=is_sqlite)}) WHERE {index.where}"
    )


@contextmanager
def _alone(store: Store) -> Iterator[Connection | None]:
    """Hand out a connection outside any transaction; None while another process has it."""
    with translated(), store.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        mine = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar_one()
        try:
            yield connection if mine else None
        finally:
            if mine:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")


def _there(tx: Connection) -> dict[str, Any]:
    """Tell of each that is there whether it is whole."""
    query = _ON_SQLITE if tx.dialect.name == "sqlite" else _ON_POSTGRESQL
    return {str(row[0]): row[1] for row in tx.exec_driver_sql(query)}


_ON_SQLITE = f"SELECT name, 1 FROM sqlite_master WHERE type = 'index' AND name GLOB '{_PREFIX}*'"
_ON_POSTGRESQL = (
    "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relnamespace = current_schema()::regnamespace"
    f" AND starts_with(c.relname, '{_PREFIX}')"
)
