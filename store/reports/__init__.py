"""Reports: views on both databases that answer what a support desk asks, and how to read them.

`CATALOG` names them, `rows` and `count` read them; `views.refresh` makes them.
"""

from datetime import datetime

from sqlalchemy import Connection

from store.reports import reading
from store.reports.catalog import CATALOG
from store.reports.reading import BadQuestion, Conditions, Rows
from store.reports.report import FRESH, Column, Report

__all__ = [
    "CATALOG",
    "FRESH",
    "BadQuestion",
    "Column",
    "Conditions",
    "Report",
    "count",
    "find",
    "fresh",
    "lacking",
    "rows",
    "tally",
    "unreadable",
]


def find(name: str) -> Report:
    """Find a report, with or without its prefix; `BadQuestion` says which ones there are."""
    found = CATALOG.get(name.removeprefix("report_"))
    if found is None:
        raise BadQuestion(f"there is no report {name}: {', '.join(CATALOG)}")
    return found


def rows(
    tx: Connection,
    name: str,
    *,
    where: Conditions = (),
    order: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> tuple[tuple[Column, ...], Rows]:
    """Give a report's columns and its rows; raises `BadQuestion`."""
    return reading.rows(tx, find(name), where=where, order=order, limit=limit, offset=offset)


def count(tx: Connection, name: str, *, where: Conditions = ()) -> int:
    """Count a report's rows; raises `BadQuestion`."""
    return reading.count(tx, find(name), where=where)


def fresh(tx: Connection, name: str) -> datetime | None:
    """Tell how old a report is, rows or none; None while what it counts is not known whole."""
    return reading.fresh(tx, find(name))


def lacking(tx: Connection, name: str) -> list[str]:
    """Name the fields, like Case.IsClosed, that its figures hang on and the org does not show."""
    return reading.lacking(tx, find(name))


def unreadable(tx: Connection) -> list[str]:
    """Name all that figures of reports hang on and the org does not show."""
    return reading.unreadable(tx, CATALOG.values())


def tally(
    tx: Connection, name: str, column: str, *, where: Conditions = ()
) -> tuple[tuple[Column, ...], Rows]:
    """Count a report's rows by what they have in a column; raises `BadQuestion`."""
    return reading.tally(tx, find(name), column, where=where)
