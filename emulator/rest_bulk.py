"""Bulk API 2.0 query jobs over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import bulk
from emulator.errors import ApiError, bad, not_found
from emulator.exchange import Answer, empty, json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.bulk import QueryJob
    from emulator.exchange import Request
    from emulator.rest import Rest
    from emulator.results import Results

CSV = {"content-type": "text/csv"}
LARGEST_PAGE = 250_000  # rows; the guide bounds a page by a gigabyte


def create(rest: Rest, request: Request) -> Answer:
    job = rest.instance.jobs.create(
        request.fields(), user_id=request.user_id, version=request.version
    )
    return json_answer(bulk.document(job))


def listed(rest: Rest, request: Request) -> Answer:
    del request
    records = [bulk.document(job) for job in rest.instance.jobs.every()]
    return json_answer({"done": True, "records": records, "nextRecordsUrl": None})


def look(rest: Rest, request: Request, job: str) -> Answer:
    del request
    return json_answer(bulk.document(rest.instance.jobs.look(job)))


def change(rest: Rest, request: Request, job: str) -> Answer:
    if request.fields().get("state") != "Aborted":
        raise bad("INVALIDJOBSTATE", "a query job may only be set to Aborted")
    return json_answer(bulk.document(rest.instance.jobs.abort(job)))


def delete(rest: Rest, request: Request, job: str) -> Answer:
    del request
    rest.instance.jobs.delete(job)
    return empty()


def results(rest: Rest, request: Request, job: str) -> Answer:
    jobs = rest.instance.jobs
    found = jobs.results(job, request.version)
    manners = jobs.find(job).manners
    first = _first(request, found)
    count = _page_rows(request, manners.page_rows)
    end = min(first + count, len(found))
    headers = {
        **CSV,
        "sforce-locator": bulk.locator(end) if end < len(found) else "null",
        "sforce-numberofrecords": str(end - first),
    }
    with_header = manners.repeat_header or first == 0
    if request.takes_gzip:
        body = jobs.packed.page(found, first, count, header=with_header)
        return Answer(200, body, {**headers, "content-encoding": "gzip"})
    header = found.header if with_header else b""
    return Answer(200, header + found.cut(first, count), headers)


def result_pages(rest: Rest, request: Request, job: str) -> Answer:
    """List up to five pages at a time, each of the org's own size."""
    jobs = rest.instance.jobs
    found = jobs.results(job, request.version)
    manners = jobs.find(job).manners
    if not manners.result_pages or float(request.version) < bulk.OLDEST_LISTS:
        raise not_found()
    first = _first(request, found)
    return json_answer(_links(found, first, manners.page_rows, request, jobs.find(job)))


def _first(request: Request, found: Results) -> int:
    if "locator" not in request.query:
        return 0
    first = bulk.first_row(request.query["locator"])
    if first >= len(found):
        raise bad("INVALID_LOCATOR", "the locator leads past the last row")
    return first


def _links(
    found: Results, first: int, rows: int, request: Request, job: QueryJob
) -> dict[str, Any]:
    base = f"/services/data/v{request.version}/jobs/query/{job.id}"
    starts = range(0, max(len(found), 1), rows)
    index = first // rows
    chosen = starts[index : index + bulk.PARALLEL]
    more = index + bulk.PARALLEL < len(starts)
    following = f"{base}/resultPages?locator={bulk.locator(starts[index] + bulk.PARALLEL * rows)}"
    return {
        "resultPages": [{"resultUrl": f"{base}/results{_at(start)}"} for start in chosen],
        "nextRecordsUrl": following if more else None,
        "done": not more,
    }


def _at(start: int) -> str:
    return f"?locator={bulk.locator(start)}" if start else ""


def _page_rows(request: Request, usual: int) -> int:
    """Read `maxRecords`: at most so many, so a page may hold fewer."""
    asked = request.query.get("maxRecords")
    if asked is None:
        return usual
    if not asked.isdecimal() or int(asked) == 0:
        raise ApiError(400, "INVALID_INPUT", f"maxRecords must be a positive number, not {asked}")
    return min(int(asked), LARGEST_PAGE)


ROUTES = [
    Route("POST", "jobs/query", "bulk.create", create),
    Route("GET", "jobs/query", "bulk.list", listed),
    Route("GET", "jobs/query/{job}", "bulk.poll", look),
    Route("PATCH", "jobs/query/{job}", "bulk.abort", change),
    Route("DELETE", "jobs/query/{job}", "bulk.delete", delete),
    Route("GET", "jobs/query/{job}/results", "bulk.results", results),
    Route("GET", "jobs/query/{job}/resultPages", "bulk.pages", result_pages),
]
