"""Ingest jobs of Bulk API 2.0: opened, filled once, applied whole when they are closed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from emulator import ingest_file, ingest_rows
from emulator.errand import NO_RULES, Errand
from emulator.errors import bad, not_in_bulk
from emulator.jobs import Job, JobBook, JobManners, check_words, wrong_state
from emulator.results import DELIMITERS, LINE_ENDINGS, Style
from emulator.stamps import wire

if TYPE_CHECKING:
    from emulator.exchange import Request
    from emulator.ingest_file import Upload
    from emulator.org import Org
    from emulator.rows import Result

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_UNFINISHED = frozenset({"Open", "InProgress"})


class IngestManners(JobManners, forbid_unknown_fields=True, kw_only=True):
    """How an org's Bulk API takes rows in."""

    most_bytes: int = 150 * 1024 * 1024
    """Bytes of an upload after base64, which adds a third."""
    hard_delete: bool = True
    """Whether the user may delete past the recycle bin."""


@dataclass(slots=True, kw_only=True)
class IngestJob(Job[IngestManners]):
    """A job, its file, and what became of the rows that were applied."""

    style: Style
    external_id: str
    assign: str
    data: bytes | None = None
    upload: Upload | None = None
    outcomes: list[Result] = field(default_factory=list)

    @property
    def told(self) -> list[Result]:
        """The outcomes that a look may know of; once a job ended, all there are."""
        if self.ended or self.upload is None:
            return self.outcomes
        return self.outcomes[: int(len(self.upload.rows) * self.part())]


class IngestJobs(JobBook[IngestJob, IngestManners]):
    """The ingest jobs of an org."""

    quota = "ExceededQuota : ApiBatchItems Limit exceeded."

    def __init__(self, org: Org) -> None:
        super().__init__(org, IngestManners())

    def create(self, wish: dict[str, Any], *, user_id: str, version: str) -> IngestJob:
        self.check_open()
        sobject = self._checked(wish)
        self.take_one()
        delimiter, ending = wish.get("columnDelimiter", "COMMA"), wish.get("lineEnding", "LF")
        return self.keep(
            IngestJob(
                id=self.next_id(),
                user_id=user_id,
                operation=str(wish["operation"]),
                sobject=sobject,
                version=version,
                created=self._org.now(),
                began=time.monotonic(),
                manners=msgspec.structs.replace(self.manners),
                is_open=True,
                style=Style(str(delimiter), str(ending)),
                external_id=str(wish.get("externalIdFieldName") or ""),
                assign=str(wish.get("assignmentRuleId") or NO_RULES),
            )
        )

    def _checked(self, wish: dict[str, Any]) -> str:
        """Refuse a job that could not be run; return the proper name of its object."""
        check_words(
            wish,
            ("operation", "", OPERATIONS),
            ("columnDelimiter", "COMMA", DELIMITERS),
            ("lineEnding", "LF", LINE_ENDINGS),
            ("contentType", "CSV", {"CSV"}),
        )
        name = str(wish.get("object") or "")
        known = {one["name"].lower(): one["name"] for one in self._objects()}
        if name.lower() not in known:
            raise bad("INVALIDJOB", f"InvalidJob : Unable to find object: {name}")
        sobject = str(known[name.lower()])
        if sobject in self.manners.unsupported:
            raise not_in_bulk(sobject)
        if wish["operation"] == "hardDelete" and not self.manners.hard_delete:
            message = "hardDelete operation requires special user profile permission"
            raise bad("FEATURENOTENABLED", message)
        if wish["operation"] == "upsert":
            self._check_key(sobject, str(wish.get("externalIdFieldName") or ""))
        return sobject

    def _objects(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._org.describe_global()["sobjects"]
        return entries

    def _check_key(self, sobject: str, name: str) -> None:
        fields = self._org.describe(sobject)["fields"]
        keys = {one["name"].lower() for one in fields if one["externalId"] or one["idLookup"]}
        if name.lower() not in keys:
            message = f"InvalidJob : External ID was invalid for {sobject}: {name}"
            raise bad("INVALIDJOB", message)

    def fill(self, job_id: str, data: bytes) -> None:
        """Take the one upload that a job may have."""
        job = self.find(job_id)
        if job.state != "Open":
            raise wrong_state("upload to", job)
        if job.data is not None:
            message = (
                f"Found multiple contents for job: {job.id}, please 'Close' / 'Abort' / 'Delete' "
                "the current Job then create a new Job and make sure you only do 'PUT' once on a "
                "given Job."
            )
            raise bad("INVALIDJOBSTATE", message)
        if -(-len(data) // 3) * 4 > job.manners.most_bytes:
            message = f"The upload is larger than {job.manners.most_bytes} bytes after base64"
            raise bad("EXCEEDED_MAX_SIZE_REQUEST", message)
        job.data = data

    def close(self, job_id: str, request: Request) -> IngestJob:
        """Apply the rows now; who asks is told so only bit by bit."""
        job = self.find(job_id)
        if job.state != "Open":
            raise wrong_state("close", job)
        if job.data is None:
            raise bad("INVALIDJOBSTATE", f"cannot close job {job.id}: it has no content")
        job.is_open, job.began = False, time.monotonic()
        job.fate = self.next_fate()
        errand = Errand(transport=job.id, flight=request.flight, assign=job.assign)
        try:
            job.upload = ingest_file.read(job.data, job.style)
            with self._org.errand(errand):
                job.outcomes = ingest_rows.apply(self._org, job, job.upload, request.locked)
        except ingest_file.FileError as error:
            job.fate = "Failed"
            changed = {"fail_at": 0.0, "fail_message": str(error)}
            job.manners = msgspec.structs.replace(job.manners, **changed)
        return job

    def delete(self, job_id: str) -> None:
        job = self.find(job_id)
        if job.state in _UNFINISHED:
            raise wrong_state("delete", job)
        del self._jobs[job.id]


def document(job: IngestJob) -> dict[str, Any]:
    """Tell of a job, as far as it is said to be."""
    told: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.user_id,
        "createdDate": wire(job.created),
        "systemModstamp": wire(job.created),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "jobType": "V2Ingest",
        "lineEnding": job.style.line_ending,
        "columnDelimiter": job.style.delimiter,
    }
    if job.external_id:
        told["externalIdFieldName"] = job.external_id
    if job.assign != NO_RULES:
        told["assignmentRuleId"] = job.assign
    if job.state == "Open":
        told["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"
        return told
    if job.state == "Failed":
        told["errorMessage"] = job.manners.fail_message
    return told | _figures(job)


def _figures(job: IngestJob) -> dict[str, int]:
    known = job.told if job.polls or job.ended else []
    spent = int((time.monotonic() - job.began) * 1000)
    return {
        "numberRecordsProcessed": len(known),
        "numberRecordsFailed": sum(not outcome["success"] for outcome in known),
        "retries": 0,
        "totalProcessingTime": spent,
        "apiActiveProcessingTime": spent,
        "apexProcessingTime": 0,
    }
