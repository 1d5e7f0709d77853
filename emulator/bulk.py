"""Query jobs of Bulk API 2.0: each runs at once when it is made, and is only told of by and by."""

from __future__ import annotations

import base64
import binascii
import itertools
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.errors import ApiError, bad, not_found
from emulator.ids import canonical, record_id
from emulator.results import DELIMITERS, LINE_ENDINGS, Packed, Style
from emulator.stamps import wire

if TYPE_CHECKING:
    from emulator.org import Org
    from emulator.results import Results

KEPT = timedelta(days=7)
PARALLEL = 5  # pages listed in one answer
OLDEST_LISTS = 58  # the version that first listed pages to be read in parallel
_PREFIX = "750"
_MOST_BYTES = 1 << 29
_STATES = ("UploadComplete", "InProgress", "JobComplete")
_ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_OPERATIONS = {"query": False, "queryAll": True}


class Manners(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How an org's Bulk API behaves; set by whoever plays the org."""

    enabled: bool = True
    jobs_left: int | None = None
    """Jobs that the daily allowance still has."""
    unsupported: list[str] = []
    """Objects that are refused as not supported by the Bulk API."""
    seconds: float = 0
    """How long a job is in progress."""
    polls: int = 0
    """How many looks at a job find it in progress."""
    stuck: int = 0
    """How many of the next jobs stop half way and stay there."""
    fail: int = 0
    """How many of the next jobs fail."""
    fail_message: str = "InternalServerError : retries exhausted"
    fail_at: float = 0.5
    """After which part of the rows they fail."""
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


@dataclass(slots=True)
class Job:
    """One job, its rows already found; `polls` counts the looks at it since."""

    id: str
    user_id: str
    operation: str
    sobject: str
    version: str
    style: Style
    created: datetime
    began: float
    manners: Manners
    results: Results | None
    fate: str = ""
    ended: str = ""
    polls: int = 0

    def part(self) -> float:
        """How much of it is done, by the looks it takes and the time."""
        parts = [1.0]
        if self.manners.polls:
            parts.append(self.polls / (self.manners.polls + 1))
        if self.manners.seconds:
            parts.append((time.monotonic() - self.began) / self.manners.seconds)
        return max(min(parts), 0.0)

    @property
    def state(self) -> str:
        if self.ended:
            return self.ended
        if self.polls == 0:
            return _STATES[0]
        part = self.part()
        if self.fate == "Failed" and part >= self.manners.fail_at:
            return "Failed"
        return _STATES[2] if part >= 1 and not self.fate else _STATES[1]

    @property
    def processed(self) -> int:
        if self.state in {"UploadComplete", "Aborted"} or self.results is None:
            return 0
        most = {"Failed": self.manners.fail_at, "stuck": 0.5}.get(self.fate, 1.0)
        return int(len(self.results) * min(self.part(), most))


class Jobs:
    """The query jobs of an org, and the manners by which the next ones are made."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.manners = Manners()
        self.packed = Packed(_MOST_BYTES)
        self._jobs: dict[str, Job] = {}
        # Random, so that no Id of an earlier start can ever name another job.
        self._numbers = itertools.count(secrets.randbelow(1 << 40))

    def behave(self, changes: dict[str, Any]) -> None:
        """Change some of the manners; what is not named stays."""
        self.manners = msgspec.convert(msgspec.to_builtins(self.manners) | changes, Manners)

    def create(self, wish: dict[str, Any], *, user_id: str, version: str) -> Job:
        """Run the query as of now; who asks is told so only bit by bit."""
        if not self.manners.enabled:
            raise ApiError(403, "FUNCTIONALITY_NOT_ENABLED", "The Bulk API is not enabled")
        operation, style = _checked(wish, self.manners)
        soql = str(wish.get("query") or "")
        if not soql.strip():
            raise bad("MALFORMED_QUERY", "SOQL statement is required")
        self._take_one()
        sobject, results = self._org.export(
            soql,
            include_deleted=_OPERATIONS[operation],
            style=style,
            refused=frozenset(self.manners.unsupported),
        )
        job = Job(
            id=record_id(_PREFIX, next(self._numbers)),
            user_id=user_id,
            operation=operation,
            sobject=sobject,
            version=version,
            style=style,
            created=self._org.now(),
            began=time.monotonic(),
            manners=msgspec.structs.replace(self.manners),
            results=results,
            fate=self._fate(),
        )
        self._jobs[job.id] = job
        return job

    def _take_one(self) -> None:
        left = self.manners.jobs_left
        if left is None:
            return
        if left <= 0:
            message = "Max bulk v2 query jobs (10000) per 24 hrs has been reached (10001)"
            raise bad("LIMIT_EXCEEDED", message)
        self.manners.jobs_left = left - 1

    def _fate(self) -> str:
        for word, fate in (("fail", "Failed"), ("stuck", "stuck")):
            waiting = getattr(self.manners, word)
            if waiting > 0:
                setattr(self.manners, word, waiting - 1)
                return fate
        return ""

    def find(self, job_id: str) -> Job:
        self._forget()
        found = self._jobs.get(canonical(job_id) or "")
        if found is None:
            raise not_found()
        return found

    def _forget(self) -> None:
        now = self._org.now()
        self._jobs = {id_: job for id_, job in self._jobs.items() if now - job.created <= KEPT}

    def every(self) -> list[Job]:
        self._forget()
        return list(self._jobs.values())

    def look(self, job_id: str) -> Job:
        job = self.find(job_id)
        job.polls += 1
        return job

    def abort(self, job_id: str) -> Job:
        job = self.find(job_id)
        if job.state in _ENDED:
            raise _wrong_state("abort", job)
        job.ended, job.results = "Aborted", None
        return job

    def delete(self, job_id: str) -> None:
        job = self.find(job_id)
        if job.state not in _ENDED:
            raise _wrong_state("delete", job)
        del self._jobs[job.id]

    def results(self, job_id: str, version: str) -> Results:
        """Return a finished job's rows, to callers who speak the version it was made with."""
        job = self.find(job_id)
        if job.version != version:
            message = f"The API version of this call must be that of the job: {job.version}"
            raise ApiError(409, "INVALID_API_VERSION", message)
        if job.state != "JobComplete" or job.results is None:
            raise _wrong_state("get the results of", job)
        return job.results


def document(job: Job) -> dict[str, Any]:
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


def _checked(wish: dict[str, Any], manners: Manners) -> tuple[str, Style]:
    operation = str(wish.get("operation"))
    delimiter = str(wish.get("columnDelimiter", "COMMA"))
    line_ending = str(wish.get("lineEnding", "LF"))
    known = (
        (operation, _OPERATIONS, "operation"),
        (delimiter, DELIMITERS, "columnDelimiter"),
        (line_ending, LINE_ENDINGS, "lineEnding"),
        (str(wish.get("contentType", "CSV")), {"CSV"}, "contentType"),
    )
    for value, allowed, name in known:
        if value not in allowed:
            raise bad("INVALIDJOB", f"{name} must be one of {', '.join(allowed)}, not {value}")
    return operation, Style(
        delimiter,
        line_ending,
        manners.quotes_all,
        manners.wholes_as_decimals,
        manners.with_nuls,
    )


def _wrong_state(deed: str, job: Job) -> ApiError:
    return bad("INVALIDJOBSTATE", f"cannot {deed} job {job.id} in state {job.state}")
