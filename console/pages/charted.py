"""Which figures of which report make its chart, and where a figure leads."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from console.charts import Chart, Kind, Series
from store.reports import Column, Conditions, Report
from store.reports.reading import ROWS, Rows

_MOST = 24
"""Labels on a chart that is about kinds of things; of days and months there may be all."""


class Answered(Protocol):
    """Columns and rows of a report."""

    @property
    def columns(self) -> tuple[Column, ...]: ...

    @property
    def rows(self) -> Rows: ...

    @property
    def total(self) -> int: ...


class Ask(Protocol):
    """Asks a report for its rows, or for how many have what in a column."""

    def __call__(self, name: str, where: Conditions, *, tally: str | None = None) -> Answered: ...


@dataclass(frozen=True)
class Drawing:
    """A chart of a report: of these figures, each row under its label."""

    title: str
    kind: Kind
    report: str
    label: str
    values: tuple[str, ...] = ()
    """None: how many rows bear each label."""
    where: Mapping[str, str] = field(default_factory=dict)
    stacked: bool = False
    unit: str = ""
    apart: str = ""
    """A column that tells labels of one name apart."""
    by: str = ""
    """A column of which each value is a series of its own."""
    says: Mapping[str, str] = field(default_factory=dict)
    """Labels in words, in their order."""


_BY_AGE = Drawing("Open cases by age", Kind.BAR, "open_cases", "age_band")
_BY_STATUS = Drawing(
    "Open cases by status",
    Kind.BARS,
    "open_cases_by",
    "value",
    ("cases",),
    {"dimension": "status"},
    apart="value_id",
)
_BY_DAY = Drawing("Created against closed", Kind.LINE, "cases_by_day", "day", ("created", "closed"))
_BACKLOG = Drawing(
    "Open at the end of each day", Kind.LINE, "cases_by_day", "day", ("backlog",), unit="cases"
)
_HOURS = Drawing(
    "Hours to the first response",
    Kind.BAR,
    "response_times",
    "month",
    ("average_hours",),
    {"metric": "first response"},
    unit="hours",
    by="priority",
)
_ENDING = Drawing(
    "Active entitlements by when they end",
    Kind.BAR,
    "entitlements",
    "ends_within",
    where={"state": "active"},
    says={
        "30": "within 30 days",
        "60": "31 to 60 days",
        "90": "61 to 90 days",
        "none": "later or never",
    },
)
_DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "open_cases": (_BY_AGE,),
    "open_cases_by": (_BY_STATUS,),
    "cases_by_day": (_BY_DAY, _BACKLOG),
    "open_spells": (_BACKLOG,),
    "response_times": (
        _HOURS,
        replace(_HOURS, title="Hours to the resolution", where={"metric": "resolution"}),
    ),
    "reopened_escalated": (
        Drawing("Reopened or escalated, by status", Kind.BARS, "reopened_escalated", "status"),
    ),
    "milestones": (Drawing("Milestones by state", Kind.BARS, "milestones", "state"),),
    "milestones_by_month": (
        Drawing(
            "Milestones by month",
            Kind.BAR,
            "milestones_by_month",
            "month",
            ("met", "violated"),
            stacked=True,
        ),
    ),
    "entitlements": (Drawing("Entitlements by state", Kind.BARS, "entitlements", "state"), _ENDING),
    "entitlements_by_account": (
        Drawing(
            "Entitlements by account",
            Kind.BARS,
            "entitlements_by_account",
            "account",
            ("active", "expired"),
            apart="account_id",
        ),
    ),
    "cases_without_entitlement": (
        Drawing("Not entitled, by reason", Kind.BARS, "cases_without_entitlement", "reason"),
    ),
    "service_contracts": (
        Drawing("Service contracts by state", Kind.BARS, "service_contracts", "state"),
        replace(
            _ENDING,
            title="Active contracts by when they are due for renewal",
            report="service_contracts",
            label="renewal_within",
        ),
    ),
    "work_orders": (Drawing("Open work orders by status", Kind.BARS, "work_orders", "status"),),
    "work_orders_by": (
        Drawing(
            "Open work orders by status",
            Kind.BARS,
            "work_orders_by",
            "value",
            ("open", "overdue"),
            {"dimension": "status"},
            apart="value_id",
        ),
    ),
    "articles": (
        Drawing(
            "Articles by what they need",
            Kind.BARS,
            "articles",
            "needs",
            says={"publishing": "publishing", "review": "review", "none": "nothing"},
        ),
    ),
    "agents_load": (
        Drawing(
            "Open cases by agent",
            Kind.BARS,
            "agents_load",
            "agent",
            ("open_cases", "escalated"),
            apart="user_id",
        ),
    ),
}
_IN_ORDER = frozenset({"day", "month", "age_band"})
"""Labels that stand in their own order; others as their report has them."""

# Where a row of figures leads: a report of records, and the condition that chooses those.
_DIMENSIONS = {
    "open_cases_by": (
        "open_cases",
        {
            "age": "age_band",
            "status": "status",
            "priority": "priority",
            "owner": "owner_id",
            "account": "account_id",
        },
    ),
    "work_orders_by": (
        "work_orders",
        {
            "status": "status",
            "territory": "territory_id",
            "contract": "contract_id",
            "owner": "owner_id",
        },
    ),
}
_ROWS = {
    "agents_load": ("open_cases", "owner_id", "user_id"),
    "entitlements_by_account": ("entitlements", "account_id", "account_id"),
}


def charts_of(report: Report, where: Conditions, ask: Ask) -> Iterator[Chart]:
    """Draw a report under what it is filtered by; what would not show that is left out."""
    dimension = next((value for name, value in where if name == "dimension"), None)
    for drawing in _DRAWINGS.get(report.name, ()):
        drawn = _of_dimension(drawing, dimension)
        if drawn.report != report.name and where:
            continue
        if any(drawn.where.get(column, value) != value for column, value in where):
            continue
        tally = None if drawn.values else drawn.label
        if any(column == tally for column, _ in where):
            continue  # one bar tells nothing
        chosen = tuple(dict.fromkeys((*where, *drawn.where.items())))
        yield _drawn(drawn, ask(drawn.report, chosen, tally=tally))


def _of_dimension(drawing: Drawing, dimension: str | None) -> Drawing:
    """Draw what is seen from several sides from this one."""
    if dimension is None or "dimension" not in drawing.where:
        return drawing
    title = f"{drawing.title.partition(' by ')[0]} by {dimension}"
    return replace(drawing, title=title, where={"dimension": dimension})


def drill(report: Report) -> Callable[[Mapping[str, Any]], str | None]:
    """Give what tells where a row leads; None: it is a record itself, or leads nowhere."""

    def address(row: Mapping[str, Any]) -> str | None:
        if report.name in _DIMENSIONS:
            name, columns = _DIMENSIONS[report.name]
            column = columns.get(str(row["dimension"]))
            if column is None:
                return None
            return _to(name, column, row["value_id" if column.endswith("_id") else "value"])
        if report.name in _ROWS:
            name, column, own = _ROWS[report.name]
            return _to(name, column, row[own])
        return None

    return address


def _to(name: str, column: str, value: Any) -> str:
    return f"/reports/{name}?{urlencode({column: '' if value is None else value})}"


def _drawn(drawing: Drawing, answer: Answered) -> Chart:
    figures = _figures(drawing, answer)
    known = len(figures)
    if answer.total > len(answer.rows):
        known = answer.total if known == len(answer.rows) else 0
        figures.popitem()  # of a month, some kinds may stand on the next page
    keys = list(figures) if drawing.kind is Kind.LINE else list(figures)[:_MOST]
    if drawing.says:
        keys.sort(key=lambda key: [*drawing.says].index(key[0]))
    elif drawing.label in _IN_ORDER or drawing.where.get("dimension") == "age":
        keys.sort()
    series = dict.fromkeys(name for mine in figures.values() for name in mine)
    return Chart(
        drawing.title,
        drawing.kind,
        drawing.label.replace("_", " "),
        tuple(drawing.says.get(label, label) for label, _ in keys),
        tuple(
            Series(name.replace("_", " "), tuple(figures[key].get(name) for key in keys))
            for name in (sorted(series) if drawing.by else series)
        ),
        unit=drawing.unit,
        stacked=drawing.stacked,
        note=_cut(drawing.label, len(keys), known),
    )


def _cut(label: str, drawn: int, known: int) -> str:
    """Say that a chart is not all there is; of how many labels, unless nobody has counted (0)."""
    if drawn == known:
        return ""
    of = f" of {known:,}" if known else ""
    return f"the last {drawn} {label}s{of}" if label in _IN_ORDER else f"the first {drawn}{of}"


def _figures(drawing: Drawing, answer: Answered) -> dict[tuple[str, str], dict[str, float]]:
    """Add up, label by label, each series; what tells labels of one name apart stands beside."""
    names = [one.name for one in answer.columns]
    values = [name for name in drawing.values or (ROWS,) if name in names]
    figures: dict[tuple[str, str], dict[str, float]] = {}
    for row in answer.rows:
        named = dict(zip(names, row, strict=True))
        label = _named(named[drawing.label])
        mine = figures.setdefault((label, str(named.get(drawing.apart))), {})
        for value in values:
            series = _named(named[drawing.by]) if drawing.by else value
            mine[series] = mine.get(series, 0) + (named[value] or 0)
    return figures


def _named(value: Any) -> str:
    return "none" if value is None else str(value)
