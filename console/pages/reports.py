"""Reports: the views as charts and tables, filtered, followed down to records, and as CSV."""

import csv
import io
import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from threading import Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from console.access.route import route
from console.pages import desk
from console.pages.charted import chart_of, drill, record
from console.pages.frame import show
from console.problems import Problem
from models.api_key import Scope
from store import reports as stored
from store.errors import StoreError
from store.reports import CATALOG, BadQuestion, Column, Report, reading
from store.reports.reading import Rows
from worker.app import App

_SHOWN = 100
_SIGNS = ("=", "!=", ">", ">=", "<", "<=")
_OURS = frozenset({"order", "page", "column", "sign", "value", "done"})
_KEPT = 128  # answers
_FRESH = 10.0  # s
_REST = 30.0  # so many times as long as an answer took, it serves
_OLD = 300.0  # s: so long it is still shown, while the next one is being fetched

log = structlog.get_logger()


class Answer(NamedTuple):
    """What a report said, and when."""

    columns: tuple[Column, ...]
    rows: Rows
    total: int
    at: float
    serves: float


class Answers:
    """Answers kept for a moment: whoever pages, sorts and comes back asks the same again."""

    def __init__(self, parts: App) -> None:
        self._parts = parts
        self._kept: dict[str, Answer] = {}
        self._fetching = set[str]()
        self._turn = Lock()

    def get(self, name: str, where: Mapping[str, str], order: str | None, page: int) -> Answer:
        """Ask, unless the answer is known; raises `BadQuestion`."""
        key = repr((name, sorted(where.items()), order, page))
        kept = self._kept.get(key)
        if kept is None or (age := time.monotonic() - kept.at) > max(_OLD, kept.serves):
            return self._asked(key, name, where, order, page)
        if age >= kept.serves:
            self._fetch(key, name, where, order, page)
        return kept

    def _fetch(self, key: str, *asked: Any) -> None:
        """Ask again, while whoever looks is shown what is known."""
        with self._turn:
            if key in self._fetching:
                return
            self._fetching.add(key)

        def fetch() -> None:
            try:
                self._asked(key, *asked)
            except StoreError as error:
                log.warning("report.unanswered", report=asked[0], why=str(error))
            finally:
                with self._turn:
                    self._fetching.discard(key)

        Thread(target=fetch, name="reports", daemon=True).start()

    def _asked(
        self, key: str, name: str, where: Mapping[str, str], order: str | None, page: int
    ) -> Answer:
        now = time.monotonic()
        with self._parts.store.read() as tx:
            columns, rows = stored.rows(
                tx, name, where=where, order=order, limit=_SHOWN, offset=(page - 1) * _SHOWN
            )
            is_all = page == 1 and len(rows) < _SHOWN
            total = len(rows) if is_all else stored.count(tx, name, where=where)
        ended = time.monotonic()
        answer = Answer(columns, rows, total, ended, max(_FRESH, (ended - now) * _REST))
        with self._turn:
            if key not in self._kept and len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = answer
        return answer


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /reports and below."""
    answers = Answers(parts)

    def ask(name: str, where: Mapping[str, str]) -> Answer:
        return answers.get(name, where, None, 1)

    def catalog(request: Request) -> Response:
        return show(
            request,
            parts,
            "reports.html",
            reports=list(CATALOG.values()),
            tiles=desk.tiles(ask, parts.clock()),
            charts=desk.charts(ask),
            fresh=_fresh(ask("open_cases_by", {"dimension": "status"})),
        )

    def one_report(request: Request) -> Response:
        report = _named(request)
        where, order = _where(request, report), request.query_params.get("order")
        page = _page(request)
        try:
            answer = answers.get(report.name, where, order, page)
        except BadQuestion as error:
            raise Problem(400, str(error)) from None
        return show(
            request,
            parts,
            "report.html",
            report=report,
            columns=answer.columns[:-1],
            rows=[row[:-1] for row in answer.rows],
            fresh=_fresh(answer),
            total=answer.total,
            page=page,
            pages=-(-answer.total // _SHOWN),
            where=where,
            order=order or report.order,
            signs=_SIGNS,
            link=_Links(report, where, order),
            chart=chart_of(report, where, ask),
            drill=drill(report),
            record=record,
            named=lambda row: {one.name: row[at] for at, one in enumerate(report.columns)},
        )

    def as_csv(request: Request) -> Response:
        report = _named(request)
        where, order = _where(request, report), request.query_params.get("order")
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


def _fresh(answer: Answer) -> datetime | None:
    found: datetime | None = answer.rows[0][-1] if answer.rows else None
    return found


class _Links:
    """Addresses of the same report, asked otherwise."""

    def __init__(self, report: Report, where: Mapping[str, str], order: str | None) -> None:
        self._base = f"/reports/{report.name}"
        self._where = dict(where)
        self._order = {"order": order} if order else {}

    def sorted_by(self, column: str) -> str:
        up = self._order.get("order") == column
        return self._to({**self._where, "order": f"{column} desc" if up else column})

    def without(self, condition: str) -> str:
        left = {name: value for name, value in self._where.items() if name != condition}
        return self._to({**left, **self._order})

    def page(self, number: int) -> str:
        return self._to({**self._where, **self._order, "page": str(number)})

    @property
    def csv(self) -> str:
        query = urlencode({**self._where, **self._order})
        return f"{self._base}/csv{'?' * bool(query)}{query}"

    def _to(self, query: Mapping[str, str]) -> str:
        return f"{self._base}{'?' * bool(query)}{urlencode(query)}"


def _named(request: Request) -> Report:
    name = str(request.path_params["name"])
    try:
        return stored.find(name)
    except BadQuestion as error:
        raise Problem(404, str(error)) from None


def _where(request: Request, report: Report) -> dict[str, str]:
    """Read the conditions that stand in the address, and the one that the form adds."""
    given = request.query_params
    found = {name: value for name, value in given.items() if name not in _OURS}
    if (added := given.get("column")) and given.get("sign", "=") in _SIGNS:
        known = {one.name for one in report.all_columns}
        if added not in known:
            raise Problem(400, f"report {report.name} has no column {added}")
        sign = given.get("sign", "=")
        found[added if sign == "=" else f"{added}{sign}"] = given.get("value", "").strip()
    return found


def _page(request: Request) -> int:
    text = request.query_params.get("page", "")
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text) < 10**6 else 1


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
    """Write instants and flags as every program reads them."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
    return value
