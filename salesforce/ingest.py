"""Bulk API 2.0 ingest: a file of rows handed over at once, and what became of each afterwards.

Source: Bulk API 2.0 Developer Guide, "Create a Job", "Upload Job Data", "Get Job Successful Record
Results". A job that was never closed has applied nothing; one that is complete may hold failures.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from salesforce import answers, wire
from salesforce.bulk import refusal
from salesforce.calls import JSON, Call, job_of, name_of
from salesforce.errors import ProtocolError, SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from salesforce.session import Session

NULL = "#N/A"
"""What empties a field; an empty cell leaves it as it is."""
ID, CREATED, ERROR = "sf__Id", "sf__Created", "sf__Error"
_CSV = {"Content-Type": "text/csv", "Accept": "application/json"}
_ENCODER = msgspec.json.Encoder()


class IngestJob(msgspec.Struct, frozen=True, rename="camel"):
    """An ingest job as the org tells of it; states as the guide names them."""

    id: str
    state: str
    number_records_processed: int | None = None
    number_records_failed: int | None = None
    error_message: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether it was never closed: nothing of it has been applied."""
        return self.state == "Open"

    @property
    def is_over(self) -> bool:
        return self.state in {"JobComplete", "Failed", "Aborted"}


@dataclass(frozen=True)
class IngestRow:
    """What became of one row: the record's id and the cells that were sent, or the error."""

    id: str | None
    cells: Mapping[str, str]
    error: SalesforceError | None = None


class Ingest:
    """Part of the client: ingest jobs."""

    _session: Session

    def create_ingest(
        self, sobject: str, operation: str, *, key_field: str | None = None
    ) -> IngestJob:
        """Open a job; raises BulkRefused where Bulk is not for this object, user or day."""
        form = {"object": name_of(sobject), "operation": operation, "contentType": "CSV"}
        form |= {"lineEnding": "LF", "columnDelimiter": "COMMA"}
        if key_field:
            form["externalIdFieldName"] = key_field
        call = Call("bulk", "POST", "jobs/ingest", _ENCODER.encode(form), JSON)
        reply = self._session.send(call)
        try:
            return answers.value(reply, IngestJob)
        except SalesforceError as error:
            raise refusal(error) from error

    def upload_ingest(self, job_id: str, data: bytes) -> None:
        """Hand over the file, once; nothing is applied before the job is closed."""
        path = f"jobs/ingest/{job_of(job_id)}/batches"
        wire.check(self._session.send(Call("bulk", "PUT", path, data, _CSV)))

    def close_ingest(self, job_id: str) -> IngestJob:
        """Have the rows applied; a lost reply is Unclear, and the job itself tells."""
        return self._turned(job_id, "UploadComplete", writes=True)

    def abort_ingest(self, job_id: str) -> IngestJob:
        """Give a job up; rows that were applied stay so."""
        return self._turned(job_id, "Aborted", writes=False)

    def ingest(self, job_id: str) -> IngestJob:
        """Look at a job; NotFound once it was deleted or is older than seven days."""
        call = Call("bulk", "GET", f"jobs/ingest/{job_of(job_id)}")
        return answers.value(self._session.send(call), IngestJob)

    def ingest_rows(self, job_id: str) -> Iterator[IngestRow]:
        """Tell what became of each row that was applied or refused; the rest was not looked at."""
        for row in self._results(job_id, "successfulResults"):
            yield IngestRow(row.pop(ID, None), row)
        for row in self._results(job_id, "failedResults"):
            error = _error(row.pop(ERROR, ""))
            yield IngestRow(row.pop(ID, None) or None, row, error)

    def delete_ingest(self, job_id: str) -> None:
        """Clear away a job that is over, with its results."""
        wire.check(self._session.send(Call("bulk", "DELETE", f"jobs/ingest/{job_of(job_id)}")))

    def _turned(self, job_id: str, state: str, *, writes: bool) -> IngestJob:
        body = _ENCODER.encode({"state": state})
        path = f"jobs/ingest/{job_of(job_id)}"
        call = Call("bulk", "PATCH", path, body, JSON, writes=writes)
        return answers.value(self._session.send(call), IngestJob, writes=writes)

    def _results(self, job_id: str, which: str) -> Iterator[dict[str, str]]:
        path = f"jobs/ingest/{job_of(job_id)}/{which}"
        reply = self._session.send(Call("bulk", "GET", path, headers={"Accept": "text/csv"}))
        wire.check(reply)
        try:
            yield from csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig"), newline=""))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ProtocolError(
                f"not the CSV that was promised: {error}", code="BROKEN_BODY"
            ) from error


def ingest_file(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Write rows as CSV under the union of their names; an absent field stays as it is."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row, name) for name in names] for row in rows)
    return text.getvalue().encode()


def fits_ingest(value: Any) -> bool:
    """Tell whether a cell can say this value: what reads as null cannot stand for a text."""
    return not isinstance(value, str) or value.strip().upper() != NULL


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return ""
    value = row[name]
    if value is None or value == "":
        return NULL
    return str(value).lower() if isinstance(value, bool) else str(value)


def _error(text: str) -> SalesforceError:
    """Read `CODE:message:FIELD --`, as results print it."""
    code, _, rest = text.partition(":")
    message = rest.rpartition(":")[0] or rest or text
    return wire.problem_error(wire.Problem(error_code=code.strip(), message=message.strip()))
