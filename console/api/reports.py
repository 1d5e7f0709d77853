"""The reporting views over HTTP."""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from console.api.forms import Text
from console.api.operation import Asked, Operation
from console.problems import Problem
from models.api_key import Scope
from models.columns import Kind
from pipelines.actions import within_range
from store import reports
from store.reports import BadQuestion, Report
from worker.app import App

_CONDITION = re.compile(r"([^=!<>]+(?:>=|<=|!=|=|>|<))(.*)", re.DOTALL)
_FURTHEST = 2**31


class ReportPath(msgspec.Struct, forbid_unknown_fields=True):
    """Which report."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class ReportQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which rows: conditions are of the form `status=New` or `age_days>=3`."""

    where: list[Text] = []
    order: Text | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    offset: Annotated[int, Meta(ge=0, lt=_FURTHEST)] = 0


class ColumnDocument(msgspec.Struct):
    """A column and what it means."""

    name: str
    kind: Kind
    meaning: str


class AboutReportDocument(msgspec.Struct):
    """What a report answers; `view` is its name in SQL."""

    name: str
    title: str
    sentence: str
    view: str
    sources: list[str]
    columns: list[ColumnDocument]
    url: str


class ReportsDocument(msgspec.Struct):
    """All reports there are."""

    reports: list[AboutReportDocument]


class ReportDocument(AboutReportDocument):
    """A report and some of its rows; `next` is the offset of those after them.

    `fresh_as_of` is null while what is counted was never read to its end, and while the org hides
    fields that the figures hang on, which `unreadable` names.
    """

    fresh_as_of: datetime | None
    unreadable: list[str]
    rows: list[dict[str, Any]]
    next: int | None


def _list(_parts: App, _asked: Asked) -> dict[str, Any]:
    return {"reports": [_about(one) for one in reports.CATALOG.values()]}


def _about(report: Report) -> dict[str, Any]:
    columns = [
        {"name": one.name, "kind": one.kind, "meaning": one.meaning} for one in report.all_columns
    ]
    return {
        "name": report.name,
        "title": report.title,
        "sentence": report.sentence,
        "view": report.view,
        "sources": report.sources,
        "columns": columns,
        "url": f"/v1/reports/{report.name}",
    }


def _show(parts: App, asked: Asked) -> dict[str, Any]:
    query: ReportQuery = asked.query
    report = reports.CATALOG.get(asked.path.name)
    if report is None:
        raise Problem(404, f"there is no report {asked.path.name}; /v1/reports lists them")
    order = None if query.order is UNSET else query.order
    with within_range(), parts.store.read() as tx:
        try:
            columns, found = reports.rows(
                tx,
                report.name,
                where=[*map(_condition, query.where)],
                order=order,
                limit=query.limit + 1,
                offset=query.offset,
            )
            known = {
                "fresh_as_of": reports.fresh(tx, report.name),
                "unreadable": reports.lacking(tx, report.name),
            }
        except BadQuestion as error:
            raise Problem(422, str(error)) from None
    names = [one.name for one in columns]
    rows = [dict(zip(names, row, strict=True)) for row in found[: query.limit]]
    further = query.offset + query.limit if len(found) > query.limit else None
    return {**_about(report), **known, "rows": rows, "next": further}


def _condition(text: str) -> tuple[str, str]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise Problem(422, f"{text!r} is no condition: write column=value, !=, <, <=, > or >=")
    return found[1].strip(), found[2].strip()


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/reports",
        scope=Scope.READ,
        name="list_reports",
        summary="The reports, and what each of their columns means",
        does=_list,
        answer=ReportsDocument,
    ),
    Operation(
        method="GET",
        path="/v1/reports/{name}",
        scope=Scope.READ,
        name="get_report",
        summary="Rows of one report",
        does=_show,
        answer=ReportDocument,
        parameters=ReportPath,
        query=ReportQuery,
        refusals=frozenset({404, 422}),
    ),
)
