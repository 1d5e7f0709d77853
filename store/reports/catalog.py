"""The list of reports, in reading order."""

from collections.abc import Callable

from store.reports.agents import agents_load
from store.reports.cases import cases_by_day, open_cases, open_cases_by
from store.reports.dialect import SQLITE, Dialect
from store.reports.knowledge import articles
from store.reports.report import Report
from store.reports.rights import entitlements, entitlements_by_account, service_contracts
from store.reports.sla import milestones, milestones_by_month
from store.reports.times import open_spells, response_times
from store.reports.troubled import cases_without_entitlement, reopened_escalated
from store.reports.work import work_orders, work_orders_by

_REPORTS: tuple[Callable[[Dialect], Report], ...] = (
    open_cases,
    open_cases_by,
    cases_by_day,
    open_spells,
    response_times,
    reopened_escalated,
    milestones,
    milestones_by_month,
    entitlements,
    entitlements_by_account,
    cases_without_entitlement,
    service_contracts,
    work_orders,
    work_orders_by,
    articles,
    agents_load,
)


def definitions(dialect: Dialect) -> tuple[Report, ...]:
    """Give every report in one database's words."""
    return tuple(define(dialect) for define in _REPORTS)


CATALOG: dict[str, Report] = {report.name: report for report in definitions(SQLITE)}
"""By name, for whoever asks what there is; the words of SQL are SQLite's."""
