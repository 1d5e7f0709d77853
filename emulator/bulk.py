"""Query jobs of Bulk API 2.0: each runs at once when it is made, and is only told of by and by."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import bad
from emulator.jobs import Job, JobBook, JobManners, check_words
from emulator.results import DELIMITERS, LINE_ENDINGS, Packed, Style
from emulator.stamps import wire

if TYPE_CHECKING:
    from emulator.org import Org
    from emulator.results import Results

PARALLEL = 5  # pages listed in one answer
OLDEST_LISTS = 58  # the version that first listed pages to be read in parallel
_MOST_BYTES = 1 << 29
_OPERATIONS = {"query": False, "queryAll": True}


class Manners(JobManners, forbid_unknown_fields=True, kw_only=True):
    """How an org's Bulk API answers queries."""

    result_pages: bool = True
    """Whether pages to be read in parallel are listed."""
    page_rows: int = 50_000
    """Rows of a page, unless fewer are asked for."""
    repeat_header: bool = True
    """Whether pages behind the first have a header row."""
    quotes_all: bool = True
    """Whether every value stands in quotes, or only those that need them."""
    wholes_as_decimals: bool = False
    """Whether integers are printed as 3.0."""
    with_nuls: bool = False
    """Whether NUL bytes occur in texts."""


@dataclass(slots=True, kw_only=True)
class QueryJob(Job[Manners]):
    """A job whose rows are found already."""

    style: Style
    results: Results | None

    @property
    def processed(self) -> int:
        if self.state in {"UploadComplete", "Aborted"} or self.results is None:
            return 0
        return int(len(self.results) * min(self.part(), self.share()))


class Jobs(JobBook[QueryJob, Manners]):
    """The query jobs of an org."""

    quota = "Max bulk v2 query jobs (10000) per 24 hrs has been reached (10001)"

    def __init__(self, org: Org) -> None:
        super().__init__(org, Manners())
        self.packed = Packed(_MOST_BYTES)

    def create(self, wish: dict[str, Any], *, user_id: str, version: str) -> QueryJob:
        """Run the query as of now; who asks is told so only bit by bit."""
        self.check_open()
        style = _style(wish, self.manners)
        soql, operation = str(wish.get("query") or ""), str(wish["operation"])
        if not soql.strip():
            raise bad("MALFORMED_QUERY", "SOQL statement is required")
        self.take_one()
        sobject, results = self._org.export(
            soql,
            include_deleted=_OPERATIONS[operation],
            style=style,
            refused=frozenset(self.manners.unsupported),
        )
        return self.keep(
            QueryJob(
                id=self.next_id(),
                user_id=user_id,
                operation=operation,
                sobject=sobject,
                version=version,
                created=self._org.now(),
                began=time.monotonic(),
                manners=msgspec.structs.replace(self.manners),
                fate=self.next_fate(),
                style=style,
                results=results,
            )
        )

    def abort(self, job_id: str) -> QueryJob:
        job = super().abort(job_id)
        job.results = None
        return job

    def results(self, job_id: str, version: str) -> Results:
        job = self.finished(job_id, version, "JobComplete")
        if job.results is None:
            raise AssertionError("only an aborted job has no rows")
        return job.results


def document(job: QueryJob) -> dict[str, Any]:
    """Tell of a job; a new one has no figures yet."""
    state = job.state
    told: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.user_id,
        "createdDate": wire(job.created),
        "systemModstamp": wire(job.created),
        "state": state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "lineEnding": job.style.line_ending,
        "columnDelimiter": job.style.delimiter,
    }
    if job.polls:
        told |= {
            "jobType": "V2Query",
            "numberRecordsProcessed": job.processed,
            "retries": 0,
            "totalProcessingTime": int((time.monotonic() - job.began) * 1000),
            "isPkChunkingSupported": True,
        }
    if state == "Failed":
        told["errorMessage"] = job.manners.fail_message
    return told


def locator(first: int) -> str:
    """Name the page that begins with a row, in letters that say nothing."""
    return base64.urlsafe_b64encode(str(first).encode()).decode().rstrip("=")


def first_row(text: str) -> int:
    try:
        first = int(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        first = -1
    if first < 0:
        raise bad("INVALID_LOCATOR", f"invalid locator: {text}")
    return first


def _style(wish: dict[str, Any], manners: Manners) -> Style:
    check_words(
        wish,
        ("operation", "", _OPERATIONS),
        ("columnDelimiter", "COMMA", DELIMITERS),
        ("lineEnding", "LF", LINE_ENDINGS),
        ("contentType", "CSV", {"CSV"}),
    )
    return Style(
        str(wish.get("columnDelimiter", "COMMA")),
        str(wish.get("lineEnding", "LF")),
        manners.quotes_all,
        manners.wholes_as_decimals,
        manners.with_nuls,
    )
