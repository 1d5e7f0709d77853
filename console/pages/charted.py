"""Which figures of which report make its chart, and where a figure leads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from console.charts import Chart, Kind, Series
from store.reports import Column, Report
from store.reports.reading import Rows

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


@dataclass(frozen=True)
class Drawing:
    """A chart of a report: of these figures, each row under its label."""

    title: str
    kind: Kind
    report: str
    label: str
    values: tuple[str, ...]
    where: Mapping[str, str] = field(default_factory=dict)
    stacked: bool = False
    apart: str = ""
    """A column that tells labels of one name apart."""


_BY_AGE = Drawing(
    "Open cases by age", Kind.BAR, "open_cases_by", "value", ("cases",), {"dimension": "age"}
)
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
_ORDERS = Drawing(
    "Open work orders by status",
    Kind.BARS,
    "work_orders_by",
    "value",
    ("open", "overdue"),
    {"dimension": "status"},
    apart="value_id",
)
_MILESTONES = Drawing(
    "Milestones by month", Kind.BAR, "milestones_by_month", "month", ("met", "violated"), {}, True
)
_DRAWINGS = {
    "open_cases": _BY_AGE,
    "open_cases_by": _BY_STATUS,
    "cases_by_day": _BY_DAY,
    "milestones": _MILESTONES,
    "milestones_by_month": _MILESTONES,
    "work_orders": _ORDERS,
    "work_orders_by": _ORDERS,
    "agents_load": Drawing(
        "Open cases by agent",
        Kind.BARS,
        "agents_load",
        "agent",
        ("open_cases", "escalated"),
        apart="user_id",
    ),
    "entitlements_by_account": Drawing(
        "Entitlements by account",
        Kind.BARS,
        "entitlements_by_account",
        "account",
        ("active", "expired"),
        apart="account_id",
    ),
    "response_times": Drawing(
        "Cases by month",
        Kind.BAR,
        "response_times",
        "month",
        ("cases", "same_day"),
        {"metric": "first response"},
    ),
}

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


_RECORDS = {
    "account_id": "Account",
    "case_id": "Case",
    "entitlement_id": "Entitlement",
    "user_id": "User",
}
_OWNERS = {"005": "User", "00G": "Group"}


def chart_of(
    report: Report, where: Mapping[str, str], ask: Callable[[str, Mapping[str, str]], Answered]
) -> Chart | None:
    """Draw a report, if there is a picture for it; what it is filtered by counts."""
    drawing = _DRAWINGS.get(report.name)
    if drawing is None:
        return None
    if where.get("dimension") and drawing.report == report.name:
        by = where["dimension"]
        title = f"{drawing.title.partition(' by ')[0]} by {by}"
        drawing = replace(drawing, title=title, kind=Kind.BARS, where=where)
    chosen = drawing.where if drawing.report != report.name else {**drawing.where, **where}
    if metric := chosen.get("metric"):
        drawing = replace(drawing, title=f"{drawing.title}: {metric}")
    return _drawn(drawing, ask(drawing.report, chosen))


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


def record(column: str, value: Any) -> str | None:
    """Name the object that a column refers to, where the store holds such records."""
    if not value:
        return None
    return _OWNERS.get(str(value)[:3]) if column == "owner_id" else _RECORDS.get(column)


def _to(name: str, column: str, value: Any) -> str:
    return f"/reports/{name}?{urlencode({column: '' if value is None else value})}"


def _drawn(drawing: Drawing, answer: Answered) -> Chart:
    names = [one.name for one in answer.columns]
    values = [name for name in drawing.values if name in names]
    sums: dict[tuple[str, str], list[float]] = {}
    for row in answer.rows:
        named = dict(zip(names, row, strict=True))
        label = "none" if named[drawing.label] is None else str(named[drawing.label])
        key = label, str(named.get(drawing.apart))
        so_far = sums.setdefault(key, [0] * len(values))
        sums[key] = [sum_ + (named[name] or 0) for sum_, name in zip(so_far, values, strict=True)]
    if answer.total > len(answer.rows):
        sums.popitem()  # of a month, some kinds may stand on the next page
    labels = list(sums) if drawing.kind is Kind.LINE else list(sums)[:_MOST]
    if drawing.label in {"day", "month"} or drawing.where.get("dimension") == "age":
        labels.sort()
    return Chart(
        drawing.title,
        drawing.kind,
        drawing.label,
        tuple(label for label, _ in labels),
        tuple(
            Series(name.replace("_", " "), tuple(sums[label][place] for label in labels))
            for place, name in enumerate(values)
        ),
        stacked=drawing.stacked,
    )
