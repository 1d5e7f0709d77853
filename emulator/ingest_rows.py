"""The rows of an ingest job: applied in chunks of 200, and told of in another order."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import TYPE_CHECKING

from emulator import ingest_file
from emulator.batch import Batch
from emulator.errors import ApiError
from emulator.ingest_file import FileError
from emulator.results import DELIMITERS, LINE_ENDINGS
from emulator.rows import Result, apply_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from emulator.ingest import IngestJob
    from emulator.ingest_file import Record, Upload
    from emulator.org import Org

CHUNK = 200
ONLY_IDS = frozenset({"delete", "hardDelete"})
_WRONG_TYPE = "INVALID_TYPE_ON_FIELD_IN_RECORD"


def apply(org: Org, job: IngestJob, upload: Upload, locked: Collection[int]) -> list[Result]:
    """Apply the rows, up to where the job fails or stands still; return what became of each."""
    if job.operation in ONLY_IDS and [name.lower() for name in upload.header] != ["id"]:
        raise FileError(f"InvalidBatch : The '{job.operation}' batch must contain only ids")
    columns = ingest_file.columns(upload.header, org.describe, job.sobject)
    records = list(ingest_file.records(upload, columns))
    records = records[: int(len(records) * job.share())]
    outcomes: list[Result] = []
    for start in range(0, len(records), CHUNK):
        batch = Batch(org, job.user_id)
        acts = [partial(_act, job, batch, one) for one in records[start : start + CHUNK]]
        held = {number - start for number in locked}
        outcomes += apply_rows(org, acts, all_or_none=False, locked=held)
    return outcomes


def _act(job: IngestJob, batch: Batch, record: Record) -> Result:
    """Write a row; a value of the wrong type is called otherwise than in JSON."""
    try:
        return _written(job, batch, record)
    except ApiError as error:
        if error.code != "JSON_PARSER_ERROR":
            raise
        raise ApiError(400, _WRONG_TYPE, error.message, error.fields) from error


def _written(job: IngestJob, batch: Batch, record: Record) -> Result:
    match job.operation:
        case "insert":
            return batch.create(job.sobject, record)
        case "update":
            return batch.update(job.sobject, record)
        case "upsert":
            return batch.upsert(job.sobject, record, job.external_id)
        case operation:
            return batch.delete(job.sobject, record, hard=operation == "hardDelete")


def successful(job: IngestJob) -> bytes:
    rows = [
        [outcome["id"], _created(job, outcome), *row]
        for outcome, row in _done(job)
        if outcome["success"]
    ]
    return _printed(job, ["sf__Id", "sf__Created"], rows)


def failed(job: IngestJob) -> bytes:
    rows = [
        [_id_in(job, row), _reason(outcome), *row]
        for outcome, row in _done(job)
        if not outcome["success"]
    ]
    return _printed(job, ["sf__Id", "sf__Error"], rows)


def unprocessed(job: IngestJob) -> bytes:
    """Return the rows that were never tried; of a file that could not be read, all of it."""
    if job.upload is None:
        return job.data or b""
    return _printed(job, [], job.upload.rows[len(job.outcomes) :])


def _done(job: IngestJob) -> list[tuple[Result, list[str]]]:
    rows = job.upload.rows if job.upload else []
    return list(zip(job.outcomes, rows, strict=False))


def _created(job: IngestJob, outcome: Result) -> str:
    return str(outcome.get("created", job.operation == "insert")).lower()


def _id_in(job: IngestJob, row: list[str]) -> str:
    names = [name.lower() for name in job.upload.header] if job.upload else []
    return row[names.index("id")] if "id" in names else ""


def _reason(outcome: Result) -> str:
    """Print an error as the results have it: `CODE:message:Field --`."""
    error = outcome["errors"][0]
    names = f"{', '.join(error['fields'])} " if error["fields"] else ""
    return f"{error['statusCode']}:{error['message']}:{names}--"


def _printed(job: IngestJob, added: list[str], rows: list[list[str]]) -> bytes:
    """Print rows out of their order, which the guide does not promise to keep."""
    header = [*added, *(job.upload.header if job.upload else [])]
    target = io.StringIO(newline="")
    csv.writer(
        target,
        delimiter=DELIMITERS[job.style.delimiter],
        lineterminator=LINE_ENDINGS[job.style.line_ending],
        quoting=csv.QUOTE_ALL,
    ).writerows([header, *_shuffled(rows)])
    return target.getvalue().encode()


def _shuffled(rows: list[list[str]]) -> Iterable[list[str]]:
    return rows[1::2] + rows[::2]
