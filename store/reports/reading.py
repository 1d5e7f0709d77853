"""Rows of a report, by conditions and in an order that people and programs may choose freely."""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from math import isfinite
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    Numeric,
    Select,
    TableClause,
    Text,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.types import TypeEngine

from models.columns import Kind, UtcDateTime
from store.reports.report import FRESH, Column, Report

Rows = list[tuple[Any, ...]]
Conditions = Collection[tuple[str, str]]
"""All of which hold for a row: a column, with one of = != < <= > >= behind it if it is not equality
that is meant, and a value; an empty value is no value."""

_KEYS = 3
_MOST = 2**63  # what neither database counts beyond
_CONDITION = re.compile(r"([a-z_0-9]+)(>=|<=|!=|=|>|<)?")
_ORDER = re.compile(r"([a-z_0-9]+)(?:\s+(asc|desc))?", re.IGNORECASE)
_COMPARE: dict[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "=": lambda mine, value: mine == value,
    "!=": lambda mine, value: mine.is_distinct_from(value),
    ">": lambda mine, value: mine > value,
    ">=": lambda mine, value: mine >= value,
    "<": lambda mine, value: mine < value,
    "<=": lambda mine, value: mine <= value,
}


ROWS = "rows"
"""The column of a tally that counts."""
_TALLIED = Column(ROWS, Kind.WHOLE, "How many rows have it.", "count(*)")


class BadQuestion(ValueError):  # noqa: N818 - the words of the message name the error
    """A condition or an order that the report does not understand."""


def query(report: Report, *, where: Conditions, order: str | None) -> Select[Any]:
    """Make the question; raises `BadQuestion` for names and values that will not do.

    `order` is columns, each with desc or without.
    """
    view = _view(report)
    question = select(*view.c)
    for condition, value in where:
        question = question.where(_condition(report, view, condition, value))
    return question.order_by(*_order(report, view, order or report.order))


def rows(
    tx: Connection,
    report: Report,
    *,
    where: Conditions = (),
    order: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> tuple[tuple[Column, ...], Rows]:
    """Give columns and rows: instants are aware, days dates, flags booleans on both databases."""
    question = query(report, where=where, order=order).limit(limit).offset(offset or None)
    return report.all_columns, [tuple(row) for row in tx.execute(question)]


def count(tx: Connection, report: Report, *, where: Conditions = ()) -> int:
    """Count the rows that these conditions choose."""
    chosen = query(report, where=where, order=None).order_by(None).subquery()
    return int(tx.execute(select(func.count()).select_from(chosen)).scalar_one())


def tally(
    tx: Connection, report: Report, column: str, *, where: Conditions = ()
) -> tuple[tuple[Column, ...], Rows]:
    """Count the rows that these conditions choose, by what they have in a column."""
    named, view = _named(report, column), _view(report)
    number = func.count()
    question = select(view.c[named.name], number).group_by(view.c[named.name])
    for condition, value in where:
        question = question.where(_condition(report, view, condition, value))
    found = tx.execute(question.order_by(number.desc(), view.c[named.name].nulls_last()))
    return (named, _TALLIED), [tuple(row) for row in found]


def fresh(tx: Connection, report: Report) -> datetime | None:
    """Tell how old the report is, which rows cannot where there are none; None: nobody knows.

    Some of it was never read then, or is `lacking`.
    """
    mine = report.column(FRESH)
    found: datetime | None = tx.execute(
        select(literal_column(mine.sql, TYPES[mine.kind]))
    ).scalar_one()
    return found


def lacking(tx: Connection, report: Report) -> list[str]:
    """Name the fields, like Case.IsClosed, that its figures hang on and the org does not show."""
    return sorted(tx.exec_driver_sql(report.lacking).scalars())


def unreadable(tx: Connection, catalog: Collection[Report]) -> list[str]:
    """Name the fields that figures of any of these reports hang on and the org does not show.

    Reports on an object that the org lacks are left out: nothing is missed there.
    """
    hidden = tx.exec_driver_sql(
        "SELECT sobject || '.' || api_name FROM scsync_fields WHERE status <> 'active'"
    )
    skipped = {
        *tx.exec_driver_sql(
            "SELECT sobject FROM scsync_watermarks WHERE skipped IS NOT NULL"
        ).scalars()
    }
    asked = (one.hangs_on for one in catalog if skipped.isdisjoint(one.sources))
    return sorted(set(hidden.scalars()).intersection(chain.from_iterable(asked)))


def _view(report: Report) -> TableClause:
    return table(report.view, *(column(one.name, TYPES[one.kind]) for one in report.all_columns))


def _condition(
    report: Report, view: TableClause, condition: str, value: str
) -> ColumnElement[bool]:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise BadQuestion(f"{condition!r} is no condition: write COLUMN=VALUE, also != < <= > >=")
    named, sign = _named(report, found[1]), found[2] or "="
    mine = view.c[named.name]
    if value:
        parsed = _parsed(named, value)
        _refuse_beyond(report, named, parsed)
        return _COMPARE[sign](mine, parsed)
    if sign not in {"=", "!="}:
        raise BadQuestion(f"{condition} needs a value")
    return mine.is_(None) if sign == "=" else mine.is_not(None)


def _refuse_beyond(report: Report, named: Column, moment: Any) -> None:
    """Answer no question about a time of which the view knows not all: the answer were wrong."""
    if named.reach is None:
        return
    first = datetime.now(UTC) - timedelta(days=named.reach)
    if moment < first:
        raise BadQuestion(
            f"{report.name} reaches back {named.reach} days, {named.name} {moment:%Y-%m-%d} lies"
            f" before: ask from {first:%Y-%m-%dT%H:%MZ} on, or for the backlog of cases_by_day"
        )


def _order(report: Report, view: TableClause, order: str) -> Sequence[ColumnElement[Any]]:
    found = []
    for part in order.split(","):
        match = _ORDER.fullmatch(part.strip())
        if match is None:
            raise BadQuestion(f"{part.strip()!r} is no order: write COLUMN or COLUMN desc")
        mine = view.c[_named(report, match[1]).name]
        # Both databases put what is empty last, or they would differ in the first row already.
        down = (match[2] or "").lower() == "desc"
        found.append((mine.desc() if down else mine.asc()).nulls_last())
    # The first columns tell rows apart: pages never show one twice, nor skip one.
    return [*found, *list(view.c)[:_KEYS]]


def _named(report: Report, name: str) -> Column:
    try:
        return report.column(name)
    except LookupError as error:
        raise BadQuestion(str(error)) from None


def _parsed(named: Column, value: str) -> Any:
    try:
        return _PARSE[named.kind](value)
    except (ValueError, KeyError, OverflowError):
        wanted = _FORMS[named.kind]
        raise BadQuestion(f"{named.name} takes {wanted}, not {value!r}") from None


def _instant(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.astimezone(UTC)


def _whole(value: str) -> int:
    number = int(value)
    if not -_MOST <= number < _MOST:
        raise ValueError(value)
    return number


def _number(value: str) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _text(value: str) -> str:
    if "\0" in value:  # which PostgreSQL has no texts with
        raise ValueError(value)
    return value


TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: Text(),
    Kind.WHOLE: BigInteger(),
    Kind.NUMBER: Numeric(asdecimal=False),
    Kind.INSTANT: UtcDateTime(),
    Kind.DAY: Date(),
    Kind.FLAG: Boolean(),
}
_PARSE: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: _text,
    Kind.WHOLE: _whole,
    Kind.NUMBER: _number,
    Kind.INSTANT: _instant,
    Kind.DAY: date.fromisoformat,
    Kind.FLAG: lambda value: {"true": True, "false": False}[value.lower()],
}
_FORMS = {
    Kind.TEXT: "a text without NUL",
    Kind.WHOLE: "a whole number of 64 bits",
    Kind.NUMBER: "a number",
    Kind.INSTANT: "an instant with its zone, like 2026-01-31T09:00:00Z",
    Kind.DAY: "a day, like 2026-01-31",
    Kind.FLAG: "true or false",
}
