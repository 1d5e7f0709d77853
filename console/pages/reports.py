"""Reports: the views as charts and tables, filtered, followed down to records, and as CSV."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from console.access.route import route
from console.answers import PAGE, Answers
from console.pages import desk
from console.pages.cells import Cells
from console.pages.charted import charts_of, drill
from console.pages.frame import counted, show
from console.problems import Problem
from models.api_key import Scope
from store import reports as stored
from store.reports import CATALOG, BadQuestion, Conditions, Report, reading
from worker.app import App

_SIGNS = ("=", "!=", ">", ">=", "<", "<=")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet computes begins so, and anybody may write a case's subject."""
_PAGES = 10**6
_OURS = frozenset({"order", "page", "column", "sign", "value", "done"})


def routes(parts: App, answers: Answers) -> list[BaseRoute]:
    """Answer at /reports and below."""
    ask = answers.get

    def catalog(request: Request) -> Response:
        with parts.store.read() as tx:
            freshness = desk.Freshness.of(tx)
        return show(
            request,
            parts,
            "reports.html",
            reports=list(CATALOG.values()),
            tiles=desk.known(desk.tiles(ask, parts.clock()), freshness),
            charts=desk.charts(ask),
            freshness=freshness,
        )

    def one_report(request: Request) -> Response:
        report = _named(request)
        where, order, wrong = _sifted(report, _where(request), request.query_params.get("order"))
        page = _page(request)
        answer = answers.get(report.name, where, order, page)
        pages = -(-answer.total // PAGE)
        if page > pages > 0:  # as when rows have gone since the page before
            page, answer = pages, answers.get(report.name, where, order, pages)
        names = [one.name for one in answer.columns]
        return show(
            request,
            parts,
            "report.html",
            status=400 if wrong else 200,
            wrong=wrong,
            typed=request.query_params if wrong else {},
            report=report,
            cells=Cells(report),
            rows=[dict(zip(names, row, strict=True)) for row in answer.rows],
            fresh=answer.fresh,
            lacking=answer.lacking,
            total=answer.total,
            page=page,
            pages=pages,
            where=where,
            order=order or report.order,
            signs=_SIGNS,
            link=_Links(report, where, order),
            charts=[one for one in charts_of(report, where, ask) if not one.is_empty],
            drill=drill(report),
        )

    def as_csv(request: Request) -> Response:
        report = _named(request)
        where, order = _where(request), request.query_params.get("order")
        try:
            question = reading.query(report, where=where, order=order)
        except BadQuestion as error:
            raise Problem(400, str(error)) from None
        named = {"content-disposition": f'attachment; filename="{report.name}.csv"'}
        lines = _lines(parts, report, question)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=named)

    return [
        route("/reports", catalog, scope=Scope.READ),
        route("/reports/{name}", one_report, scope=Scope.READ),
        route("/reports/{name}/csv", as_csv, scope=Scope.READ),
    ]


class _Links:
    """Addresses of the same report, asked otherwise."""

    def __init__(self, report: Report, where: Conditions, order: str | None) -> None:
        self._base = f"/reports/{report.name}"
        self._where = [*where]
        self._order = [("order", order)] if order else []

    def sorted_by(self, column: str) -> str:
        up = self._order == [("order", column)]
        return self._to([*self._where, ("order", f"{column} desc" if up else column)])

    def without(self, condition: tuple[str, str]) -> str:
        left = [one for one in self._where if one != condition]
        return self._to([*left, *self._order])

    def page(self, number: int) -> str:
        return self._to([*self._where, *self._order, ("page", str(number))])

    @property
    def csv(self) -> str:
        query = urlencode([*self._where, *self._order])
        return f"{self._base}/csv{'?' * bool(query)}{query}"

    def _to(self, query: list[tuple[str, str]]) -> str:
        return f"{self._base}{'?' * bool(query)}{urlencode(query)}"


def _named(request: Request) -> Report:
    name = str(request.path_params["name"])
    try:
        return stored.find(name)
    except BadQuestion as error:
        raise Problem(404, str(error)) from None


def _where(request: Request) -> Conditions:
    """Read the conditions that stand in the address, and the one that the form adds."""
    given = request.query_params
    found = [one for one in given.multi_items() if one[0] not in _OURS]
    if (added := given.get("column")) and given.get("sign", "=") in _SIGNS:
        sign = given.get("sign", "=")
        name = added if sign == "=" else f"{added}{sign}"
        found.append((name, given.get("value", "").strip()))
    return tuple(dict.fromkeys(found))


def _sifted(
    report: Report, where: Conditions, order: str | None
) -> tuple[Conditions, str | None, str]:
    """Keep the conditions and the order that will do, and say what is wrong with the others."""
    good, wrong = [], []
    for condition in where:
        try:
            reading.query(report, where=[condition], order=None)
            good.append(condition)
        except BadQuestion as error:
            wrong.append(str(error))
    try:
        reading.query(report, where=(), order=order)
    except BadQuestion as error:
        wrong.append(str(error))
        order = None
    return good, order, "; ".join(wrong)


def _page(request: Request) -> int:
    number = counted(request.query_params.get("page", ""))
    return number if 0 < number < _PAGES else 1


def _lines(parts: App, report: Report, question: Any) -> Iterator[str]:
    """Write a report as CSV, a thousand rows at a time, however many there are."""
    yield _written([[one.name for one in report.all_columns]])
    with parts.store.read() as tx:
        streamed = tx.execute(question.execution_options(yield_per=1_000))
        for some in streamed.partitions():
            yield _written([[_plain(value) for value in row] for row in some])


def _written(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Write instants and flags as every program reads them, and customers' words as words."""
    match value:
        case str() if value.startswith(_FORMULAS):
            return f"'{value}"
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
    return value
