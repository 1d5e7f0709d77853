"""The desk at a glance: what a support manager looks at first, each figure with its report."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from console.charts import Chart
from console.pages.charted import Answered, Ask, charts_of
from store import reports, watermarks
from store.reports import CATALOG, Report

_CHARTS = ("cases_by_day", "open_cases", "milestones_by_month")
_REPORTS = (
    "open_cases",
    "cases_by_day",
    "milestones",
    "work_orders",
    "cases_without_entitlement",
)
"""What the tiles are figures of."""


@dataclass(frozen=True)
class Tile:
    """One figure of a report, what stands beside it, and where it leads; `tone`: whether it is ill.

    The figure is None where nobody can know it.
    """

    name: str
    figure: int | None
    note: str
    address: str
    tone: str = ""

    @property
    def report(self) -> Report:
        """What it is a figure of."""
        return CATALOG[self.address.removeprefix("/reports/").partition("?")[0]]


@dataclass(frozen=True)
class Freshness:
    """How old the desk is: as old as what it counts that was read longest ago."""

    as_of: datetime | None
    unread: tuple[str, ...]
    """What it counts and was never read, or is left out: no figure of it means anything."""
    lacking: tuple[str, ...]
    """Fields that its figures hang on and that the org does not show."""

    @classmethod
    def of(cls, tx: Connection) -> "Freshness":
        marks = watermarks.every(tx)
        lacking = dict.fromkeys(one for name in _REPORTS for one in reports.lacking(tx, name))
        sources = dict.fromkeys(one for name in _REPORTS for one in CATALOG[name].sources)
        read = {name: mark.finished_at for name, mark in marks.items() if not mark.skipped}
        known = [at for name in sources if (at := read.get(name))]
        unread = tuple(one for one in sources if not read.get(one))
        return cls(min(known, default=None), unread, tuple(lacking))


def known(found: Iterator[Tile], freshness: Freshness) -> Iterator[Tile]:
    """Take the figures away that count what is not read: none violated is not nobody knows."""
    for tile in found:
        unread = [one for one in tile.report.sources if one in freshness.unread]
        lacking = [one for one in tile.report.hangs_on if one in freshness.lacking]
        if unread or lacking:
            state = "not read" if unread else "not readable"
            note = f"{', '.join(unread or lacking)}: {state}"
            yield replace(tile, figure=None, note=note, tone="soon")
        else:
            yield tile


def tiles(ask: Ask, now: datetime) -> Iterator[Tile]:
    """Give the figures of this moment."""
    by_status = _rows(ask("open_cases_by", [("dimension", "status")]))
    opened, escalated = _sum(by_status, "cases"), _sum(by_status, "escalated")
    oldest = max((row["oldest_days"] or 0 for row in by_status), default=0)
    note = f"{escalated:,} escalated; the oldest of {oldest:,} days"
    yield Tile("Open cases", opened, note, "/reports/open_cases")

    yesterday = (now - timedelta(days=1)).date()
    day = _rows(ask("cases_by_day", [("day", yesterday.isoformat())]))
    note = f"{_sum(day, 'closed'):,} closed"
    yield Tile("Created yesterday", _sum(day, "created"), note, "/reports/cases_by_day")

    violated = ask("milestones", [("state", "violated")]).total
    note = f"{ask('milestones', [('state', 'at risk')]).total:,} more at risk"
    address = "/reports/milestones?state=violated"
    yield Tile("Milestones violated", violated, note, address, "ill" if violated else "")

    orders = _rows(ask("work_orders_by", [("dimension", "status")]))
    overdue, note = _sum(orders, "overdue"), f"of {_sum(orders, 'open'):,} open"
    address = "/reports/work_orders?is_overdue=true"
    yield Tile("Work orders overdue", overdue, note, address, "ill" if overdue else "")

    uncovered = ask("cases_without_entitlement", ()).total
    note = "open cases that no entitlement covers"
    yield Tile("Not entitled", uncovered, note, "/reports/cases_without_entitlement")


def charts(ask: Ask) -> Iterator[Chart]:
    """Draw what has anything to show."""
    for name in _CHARTS:
        for chart in charts_of(CATALOG[name], (), ask):
            if not chart.is_empty:
                yield chart


def _rows(answer: Answered) -> list[dict[str, Any]]:
    names = [one.name for one in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def _sum(rows: list[dict[str, Any]], column: str) -> int:
    return sum(row[column] for row in rows)
