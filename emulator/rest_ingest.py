"""Bulk API 2.0 ingest jobs over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator import ingest, ingest_rows
from emulator.errors import bad
from emulator.exchange import Answer, empty, json_answer
from emulator.jobs import ENDED
from emulator.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.exchange import Request
    from emulator.ingest import IngestJob
    from emulator.rest import Rest

CSV = {"content-type": "text/csv"}


def create(rest: Rest, request: Request) -> Answer:
    job = rest.instance.ingest.create(
        request.fields(), user_id=request.user_id, version=request.version
    )
    return json_answer(ingest.document(job))


def listed(rest: Rest, request: Request) -> Answer:
    del request
    records = [ingest.document(job) for job in rest.instance.ingest.every()]
    return json_answer({"done": True, "records": records, "nextRecordsUrl": None})


def look(rest: Rest, request: Request, job: str) -> Answer:
    del request
    return json_answer(ingest.document(rest.instance.ingest.look(job)))


def upload(rest: Rest, request: Request, job: str) -> Answer:
    rest.instance.ingest.fill(job, request.body)
    return Answer(201)


def change(rest: Rest, request: Request, job: str) -> Answer:
    """Close a job, which applies it, or abort one that has not ended."""
    jobs, state = rest.instance.ingest, request.fields().get("state")
    if state == "UploadComplete":
        return json_answer(ingest.document(jobs.close(job, request)))
    if state == "Aborted":
        return json_answer(ingest.document(jobs.abort(job)))
    raise bad("INVALIDJOBSTATE", "an ingest job may be set to UploadComplete or Aborted")


def delete(rest: Rest, request: Request, job: str) -> Answer:
    del request
    rest.instance.ingest.delete(job)
    return empty()


def successful(rest: Rest, request: Request, job: str) -> Answer:
    return _results(rest, request, job, ingest_rows.successful)


def failed(rest: Rest, request: Request, job: str) -> Answer:
    return _results(rest, request, job, ingest_rows.failed)


def unprocessed(rest: Rest, request: Request, job: str) -> Answer:
    return _results(rest, request, job, ingest_rows.unprocessed)


def _results(
    rest: Rest, request: Request, job: str, printed: Callable[[IngestJob], bytes]
) -> Answer:
    found = rest.instance.ingest.finished(job, request.version, *ENDED)
    return Answer(200, printed(found), CSV)


_JOB = "jobs/ingest/{job}"
ROUTES = [
    Route("POST", "jobs/ingest", "ingest.create", create),
    Route("GET", "jobs/ingest", "ingest.list", listed),
    Route("GET", _JOB, "ingest.poll", look),
    Route("PATCH", _JOB, "ingest.close", change),
    Route("DELETE", _JOB, "ingest.delete", delete),
    Route("PUT", f"{_JOB}/batches", "ingest.upload", upload),
    Route("GET", f"{_JOB}/successfulResults", "ingest.results", successful),
    Route("GET", f"{_JOB}/failedResults", "ingest.results", failed),
    Route("GET", f"{_JOB}/unprocessedrecords", "ingest.results", unprocessed),
]
