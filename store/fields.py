"""Fields of an org and the columns they fill: remembered, and added while the store is at work."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models.columns import Kind
from models.description import Description
from models.field_state import FieldState
from models.finding import Finding, FindingKind
from models.sobject import SObject
from store.engine import sqlstate

_table = FieldState.__table__  # type: ignore[attr-defined]
_descriptions = Description.__table__  # type: ignore[attr-defined]
_findings = Finding.__table__  # type: ignore[attr-defined]

_LOCK_NOT_AVAILABLE = "55P03"
# A waiting ALTER TABLE holds up everybody behind it: rather try again later.
_PATIENCE = "5s"
_CREATE_LOCK = 7_265_102  # any number, so that two processes creating one table take turns
_SQLITE = {
    Kind.TEXT: "TEXT",
    Kind.INSTANT: "VARCHAR(24)",
    Kind.DAY: "DATE",
    Kind.NUMBER: "NUMERIC",
    Kind.WHOLE: "BIGINT",
    Kind.FLAG: "BOOLEAN",
}
_POSTGRESQL = {
    Kind.TEXT: "text",
    Kind.INSTANT: "timestamptz",
    Kind.DAY: "date",
    Kind.NUMBER: "numeric",
    Kind.WHOLE: "bigint",
    Kind.FLAG: "boolean",
}

Version = tuple[datetime | None, datetime | None, int, int]


class TableBusy(Exception):  # noqa: N818 - an outcome, not an error
    """Somebody holds the table so long that adding a column has to wait for another time."""


def version(tx: Connection, sobject: str) -> Version:
    """Give what changes whenever a plan for the sObject may: when it was described, its columns."""
    described = (
        select(_descriptions.c.fetched_at)
        .where(_descriptions.c.sobject == sobject)
        .scalar_subquery()
    )
    misfits = (
        select(func.count())
        .where(_findings.c.sobject == sobject, _findings.c.kind == str(FindingKind.VALUE_MISFIT))
        .scalar_subquery()
    )
    row = tx.execute(
        select(described, func.max(_table.c.since), func.count(_table.c.since), misfits).where(
            _table.c.sobject == sobject
        )
    ).one()
    return row[0], row[1], row[2], row[3]


def known(tx: Connection, sobject: str) -> list[FieldState]:
    """Give what is remembered of an sObject's fields, in the order of their columns' names."""
    query = select(FieldState).where(_table.c.sobject == sobject).order_by(_table.c.column_name)
    with Session(tx, autoflush=False) as session:
        states = [*session.scalars(query)]
        session.expunge_all()
    return states


def keep(tx: Connection, states: Sequence[FieldState]) -> None:
    """Remember fields as they are now."""
    if not states:
        return
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    statement = insert(_table)
    others = [column.name for column in _table.columns if not column.primary_key]
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["sobject", "api_name"],
            set_={name: statement.excluded[name] for name in others},
        ),
        [state.model_dump() for state in states],
    )


def create_table(tx: Connection, model: type[SObject]) -> None:
    """Make the table of an sObject that no migration knows, if it is not there."""
    if tx.dialect.name != "sqlite":
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATE_LOCK})")
    model.table().create(tx, checkfirst=True)


def add_columns(tx: Connection, model: type[SObject], columns: Iterable[tuple[str, Kind]]) -> None:
    """Add the columns that are not there yet; raises `TableBusy` while others hold the table."""
    table = str(model.table().name)
    if tx.dialect.name == "sqlite":
        # The transaction holds the only lock for writing: nobody adds one in between.
        there = {row[1] for row in tx.exec_driver_sql(f'PRAGMA table_info("{table}")')}
        for name, kind in columns:
            if name not in there:
                tx.exec_driver_sql(f'ALTER TABLE "{table}" ADD COLUMN "{name}" {_SQLITE[kind]}')
        return
    added = ", ".join(
        f'ADD COLUMN IF NOT EXISTS "{name}" {_POSTGRESQL[kind]}' for name, kind in columns
    )
    if added:
        _patiently(tx, f'ALTER TABLE "{table}" {added}')


def holding(tx: Connection, model: type[SObject], names: Sequence[str]) -> set[str]:
    """Say which of these fields still have values in some row's `extra`."""
    table = model.table().name
    found: set[str] = set()
    for name in names:
        if tx.dialect.name == "sqlite":
            condition, value = "json_type(extra, ?) IS NOT NULL", f'$."{name}"'
        else:
            condition, value = "jsonb_exists(extra, %s)", name
        query = f'SELECT 1 FROM "{table}" WHERE extra IS NOT NULL AND {condition} LIMIT 1'  # noqa: S608 - names come from our own models, values are bound
        if tx.exec_driver_sql(query, (value,)).first():
            found.add(name)
    return found


def _patiently(tx: Connection, statement: str) -> Any:
    tx.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
    try:
        return tx.exec_driver_sql(statement)
    except OperationalError as error:
        if sqlstate(error) == _LOCK_NOT_AVAILABLE:
            raise TableBusy(str(error.orig).partition("\n")[0]) from error
        raise
