"""Ingesting: thousands of commands in one Bulk job, whose results say what became of each.

The job is written down before its file is sent, so whoever comes after a lost worker reads there:
a job that was never closed has applied nothing, one that is over tells of every row.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from models.command import Op
from models.outbox import CommandState
from pipelines import retry
from pipelines.parcels import Letter
from salesforce.client import Client
from salesforce.errors import NotFound, SalesforceError
from salesforce.ingest import IngestJob, IngestRow, fits_ingest, ingest_file
from store import ingests
from store.claims import Settlement
from store.engine import Store
from store.ingests import Crowd

MOST = 10_000
"""Commands in one job: what a worker holds at a time, and leaves to be looked up if it is lost."""
STUCK_AFTER = timedelta(minutes=20)
_POLL = (0.2, 2.0)  # s: between looks, growing
_LOOK_AGAIN = timedelta(seconds=10)
_OPERATIONS = {Op.CREATE: "upsert", Op.UPSERT: "upsert", Op.UPDATE: "update", Op.DELETE: "delete"}
_GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})

Verdict = str | SalesforceError | Settlement
Verdicts = list[tuple[Letter, Verdict]]

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Ingests:
    """One drain's jobs."""

    client: Client
    store: Store
    clock: Callable[[], datetime]
    owner: str
    is_over: Callable[[], bool] = lambda: False
    """Whether to leave the job to whoever looks for it next."""

    def send(self, kind: Crowd, letters: Sequence[Letter]) -> Verdicts:
        """Send commands as a job and wait for it.

        Raises `SalesforceError` where the job could not be opened: nothing was sent.
        """
        job = self.client.create_ingest(
            kind.sobject, _OPERATIONS[Op(kind.op)], key_field=kind.external_id_field
        )
        entries = [one.entry for one in letters]
        with self.store.begin() as tx:
            now = self.clock()
            ingests.begin(tx, job.id, kind, entries, owner=self.owner, now=now)
        log.info("ingest.opened", job=job.id, object=kind.sobject, commands=len(letters))
        try:
            self.client.upload_ingest(job.id, ingest_file([_row(one) for one in letters]))
            with self.store.begin() as tx:
                ingests.uploaded(tx, job.id)
            return self._watched(self.client.close_ingest(job.id), letters)
        except SalesforceError as error:
            log.warning("ingest.broken_off", job=job.id, error=str(error))
            return [(one, self._unclear(error)) for one in letters]

    def look(self, job_id: str, letters: Sequence[Letter]) -> Verdicts:
        """Tell what became of a job's commands, whoever sent it.

        Raises `NotFound` for a job that the org does not keep any more.
        """
        try:
            job = self.client.ingest(job_id)
            if job.is_open:
                job = self.client.abort_ingest(job_id)
                self._finish(job, "never closed")
                return [(one, _again("the job was never closed")) for one in letters]
            if not job.is_over:
                return [(one, self._later(job)) for one in letters]
            return self._told(job, letters)
        except NotFound:
            raise
        except SalesforceError as error:
            return [(one, self._unclear(error)) for one in letters]

    def cleared(self, job_id: str) -> None:
        """Delete a job that nobody waits for any more; the org would after a week."""
        with self.store.read() as tx:
            if not ingests.is_settled(tx, job_id):
                return
        try:
            self.client.delete_ingest(job_id)
        except SalesforceError as error:
            log.info("ingest.left", job=job_id, why=str(error))

    def _watched(self, job: IngestJob, letters: Sequence[Letter]) -> Verdicts:
        pause, least = _POLL
        moved, processed = self.clock(), -1
        while not job.is_over:
            if self.is_over():
                return [(one, self._later(job)) for one in letters]
            if (job.number_records_processed or 0) > processed:
                moved, processed = self.clock(), job.number_records_processed or 0
            if self.clock() - moved > STUCK_AFTER:
                log.warning("ingest.stuck", job=job.id, processed=processed)
                job = self.client.abort_ingest(job.id)
                break
            time.sleep(pause)
            pause = min(pause * 1.5, least)
            job = self.client.ingest(job.id)
        return self._told(job, letters)

    def _told(self, job: IngestJob, letters: Sequence[Letter]) -> Verdicts:
        rows = {_key_of(row, letters[0]): row for row in self.client.ingest_rows(job.id)}
        self._finish(job, job.error_message or job.state)
        return [(one, _verdict(one, rows.get(_key(one)), job)) for one in letters]

    def _finish(self, job: IngestJob, outcome: str) -> None:
        with self.store.begin() as tx:
            ingests.finish(tx, job.id, outcome, now=self.clock())
        log.info(
            "ingest.finished", job=job.id, state=job.state, processed=job.number_records_processed
        )

    def _unclear(self, error: SalesforceError) -> Settlement:
        return Settlement(
            state=CommandState.UNCLEAR,
            not_before=self.clock() + retry.pause(error),
            error_code=(error.code or type(error).__name__)[:80],
            error_message=f"the Bulk job will tell: {error}",
            counts=False,
        )

    def _later(self, job: IngestJob) -> Settlement:
        return Settlement(
            state=CommandState.UNCLEAR,
            not_before=self.clock() + _LOOK_AGAIN,
            error_code="IN_JOB",
            error_message=f"Bulk job {job.id} is {job.state}: looked at again",
            counts=False,
        )


def fits(letter: Letter) -> bool:
    """Tell whether a row of a file can say this command."""
    return all(fits_ingest(value) for value in letter.fields.values())


def _row(letter: Letter) -> dict[str, object]:
    if letter.key_field:
        return {letter.key_field: letter.command.external_id, **letter.fields}
    return {"Id": letter.command.record_id, **letter.fields}


def _key(letter: Letter) -> str:
    return (letter.command.external_id or "").lower() if letter.key_field else _id(letter)


def _id(letter: Letter) -> str:
    return letter.command.record_id or ""


def _key_of(row: IngestRow, letter: Letter) -> str:
    if letter.key_field:
        return row.cells.get(letter.key_field, "").lower()
    return row.cells.get("Id", "") or row.id or ""


def _verdict(letter: Letter, row: IngestRow | None, job: IngestJob) -> Verdict:
    if row is None:
        return _again(f"Bulk job {job.id} ended {job.state} before it came to this row")
    if row.error is None:
        return row.id or _id(letter)
    gone = isinstance(row.error, NotFound) and row.error.code in _GONE
    return _id(letter) if gone and letter.command.op is Op.DELETE else row.error


def _again(why: str) -> Settlement:
    return Settlement(
        state=CommandState.PENDING, error_code="NOT_APPLIED", error_message=why, counts=False
    )
