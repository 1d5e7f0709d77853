"""The list of reports, in reading order."""

from collections.abc import Callable

from store.reports.cases import cases_by_day, open_cases, open_cases_by
from store.reports.dialect import SQLITE, Dialect
from store.reports.report import Report

_REPORTS: tuple[Callable[[Dialect], Report], ...] = (
    open_cases,
    open_cases_by,
    cases_by_day,
)


def definitions(dialect: Dialect) -> tuple[Report, ...]:
    """Give every report in one database's words."""
    return tuple(define(dialect) for define in _REPORTS)


CATALOG: dict[str, Report] = {report.name: report for report in definitions(SQLITE)}
"""By name, for whoever asks what there is; the words of SQL are SQLite's."""
