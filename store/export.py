"""Whole tables on their way out: their columns, and their rows some thousand at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Connection, Date, Integer, Numeric, Select, column, select, table
from sqlalchemy.types import TypeEngine

from models import CATALOG, SObject
from models.columns import Kind, UtcDateTime
from models.record_history import RecordHistory
from store import fields, reports, watermarks
from store.reports import reading

BATCH = 5_000  # rows in memory at once

Batch = Sequence[Sequence[Any]]

_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (Boolean, Kind.FLAG),
    (Date, Kind.DAY),
    (Integer, Kind.WHOLE),
    (Numeric, Kind.NUMBER),
)


@dataclass(frozen=True)
class Source:
    """What can be exported: its name, its columns and the question that gives its rows.

    `sobjects` are those whose records it is of, `report` which report it is, if any.
    """

    name: str
    columns: tuple[tuple[str, Kind], ...]
    question: Select[Any]
    sobjects: tuple[str, ...] = ()
    report: reports.Report | None = None


def source(tx: Connection, name: str, models: Sequence[type[SObject]] = CATALOG) -> Source:
    """Find a table by its name or its sObject's, or a report; LookupError says what there is."""
    for model in models:
        if name in {model.sobject, model.table().name}:
            return _table(str(model.table().name), _columns(tx, model), model.sobject)
    history = RecordHistory.__table__  # type: ignore[attr-defined]
    if name == history.name:
        return _table(history.name, [(one.name, _kind(one.type)) for one in history.columns])
    try:
        return of_report(reports.find(name))
    except reports.BadQuestion:
        tables = [model.table().name for model in models]
        known = ", ".join([*map(str, tables), history.name, *reports.CATALOG])
        raise LookupError(f"there is no table or report {name}: {known}") from None


def of_report(report: reports.Report, question: Select[Any] | None = None) -> Source:
    """Take a report, or what a question chooses of it."""
    columns = tuple((one.name, one.kind) for one in report.all_columns)
    if question is None:
        question = reading.query(report, where=(), order=None)
    return Source(report.view, columns, question, report.sources, report)


def unread(tx: Connection, wanted: Source) -> list[str]:
    """Name the sObjects of which not all was ever read, or that are left out."""
    marks = watermarks.every(tx)
    read = {name for name, mark in marks.items() if mark.finished_at and not mark.skipped}
    return [one for one in wanted.sobjects if one not in read]


def lacking(tx: Connection, wanted: Source) -> list[str]:
    """Name the fields that a report's figures hang on and the org does not show."""
    return reading.lacking(tx, wanted.report) if wanted.report else []


def batches(tx: Connection, wanted: Source, *, size: int = BATCH) -> Iterator[Batch]:
    """Give all rows, a batch at a time, without holding more than one."""
    options = {"stream_results": True, "max_row_buffer": size}
    yield from tx.execute(wanted.question, execution_options=options).partitions(size)


def stand_still(tx: Connection) -> None:
    """Have every table read in this transaction be as of one instant; the first thing it does."""
    if tx.dialect.name != "sqlite":  # where a transaction that reads sees nothing else
        tx.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _table(name: str, columns: Sequence[tuple[str, Kind]], *sobjects: str) -> Source:
    typed = table(name, *(column(one, reading.TYPES[kind]) for one, kind in columns))
    return Source(name, tuple(columns), select(*typed.c), sobjects)


def _columns(tx: Connection, model: type[SObject]) -> list[tuple[str, Kind]]:
    """List a table's columns, those included that were added while the store was at work."""
    given = [(one.name, _kind(one.type)) for one in model.table().columns]
    known = fields.known(tx, model.sobject)
    return given + [(one.column_name, Kind(one.kind)) for one in known if one.added]


def _kind(of: TypeEngine[Any]) -> Kind:
    if isinstance(of, UtcDateTime):
        return Kind.INSTANT
    return next((kind for known, kind in _KINDS if isinstance(of, known)), Kind.TEXT)
