"""What Bulk jobs of both directions have in common: how far they are said to be, how they end."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from emulator.errors import ApiError, bad, not_found
from emulator.ids import canonical, record_id

if TYPE_CHECKING:
    from emulator.org import Org

KEPT = timedelta(days=7)
ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
_PREFIX = "750"


class JobManners(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
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


M = TypeVar("M", bound=JobManners)


@dataclass(slots=True, kw_only=True)
class Job(Generic[M]):
    """One job; `polls` counts the looks at it since it began, an open one has not begun."""

    id: str
    user_id: str
    operation: str
    sobject: str
    version: str
    created: datetime
    manners: M
    began: float
    fate: str = ""
    ended: str = ""
    polls: int = 0
    is_open: bool = False

    @property
    def state(self) -> str:
        if self.ended or self.is_open:
            return self.ended or "Open"
        if self.polls == 0:
            return "UploadComplete"
        part = self.part()
        if self.fate == "Failed" and part >= self.manners.fail_at:
            return "Failed"
        return "JobComplete" if part >= 1 and not self.fate else "InProgress"

    def part(self) -> float:
        """How much of it is done, by the looks it takes and the time."""
        parts = [1.0]
        if self.manners.polls:
            parts.append(self.polls / (self.manners.polls + 1))
        if self.manners.seconds:
            parts.append((time.monotonic() - self.began) / self.manners.seconds)
        return max(min(parts), 0.0)

    def share(self) -> float:
        """How much of it will ever be done."""
        return {"Failed": self.manners.fail_at, "stuck": 0.5}.get(self.fate, 1.0)


J = TypeVar("J", bound=Job[Any])


class JobBook(Generic[J, M]):
    """The jobs of an org, and the manners by which the next ones are made."""

    quota = "Max bulk v2 jobs per 24 hrs has been reached"

    def __init__(self, org: Org, manners: M) -> None:
        self.manners = manners
        self._org = org
        self._jobs: dict[str, J] = {}
        # Random, so that no Id of an earlier start can ever name another job.
        self._numbers = itertools.count(secrets.randbelow(1 << 40))

    def behave(self, changes: dict[str, Any]) -> None:
        """Change some of the manners; what is not named stays."""
        now = msgspec.to_builtins(self.manners) | changes
        self.manners = msgspec.convert(now, type(self.manners))

    def find(self, job_id: str) -> J:
        self._forget()
        found = self._jobs.get(canonical(job_id) or "")
        if found is None:
            raise not_found()
        return found

    def every(self) -> list[J]:
        self._forget()
        return list(self._jobs.values())

    def look(self, job_id: str) -> J:
        job = self.find(job_id)
        job.polls += not job.is_open
        return job

    def abort(self, job_id: str) -> J:
        job = self.find(job_id)
        if job.state in ENDED:
            raise wrong_state("abort", job)
        job.ended = "Aborted"
        return job

    def delete(self, job_id: str) -> None:
        job = self.find(job_id)
        if job.state not in ENDED:
            raise wrong_state("delete", job)
        del self._jobs[job.id]

    def finished(self, job_id: str, version: str, *states: str) -> J:
        """Return a job that has results, to callers who speak the version it was made with."""
        job = self.find(job_id)
        if job.version != version:
            message = f"The API version of this call must be that of the job: {job.version}"
            raise ApiError(409, "INVALID_API_VERSION", message)
        if job.state not in states:
            raise wrong_state("get the results of", job)
        return job

    def check_open(self) -> None:
        if not self.manners.enabled:
            raise ApiError(403, "FUNCTIONALITY_NOT_ENABLED", "The Bulk API is not enabled")

    def take_one(self) -> None:
        """Use up one of the jobs that the daily allowance has."""
        left = self.manners.jobs_left
        if left is None:
            return
        if left <= 0:
            raise bad("LIMIT_EXCEEDED", self.quota)
        self.manners.jobs_left = left - 1

    def next_fate(self) -> str:
        for word, fate in (("fail", "Failed"), ("stuck", "stuck")):
            waiting = getattr(self.manners, word)
            if waiting > 0:
                setattr(self.manners, word, waiting - 1)
                return fate
        return ""

    def next_id(self) -> str:
        return record_id(_PREFIX, next(self._numbers))

    def keep(self, job: J) -> J:
        self._jobs[job.id] = job
        return job

    def _forget(self) -> None:
        now = self._org.now()
        self._jobs = {id_: job for id_, job in self._jobs.items() if now - job.created <= KEPT}


def check_words(wish: dict[str, Any], *known: tuple[str, str, Any]) -> None:
    """Refuse a job that asks for something unknown: name, default, what is allowed."""
    for name, default, allowed in known:
        value = str(wish.get(name, default))
        if value not in allowed:
            raise bad("INVALIDJOB", f"{name} must be one of {', '.join(allowed)}, not {value}")


def wrong_state(deed: str, job: Job[Any]) -> ApiError:
    return bad("INVALIDJOBSTATE", f"cannot {deed} job {job.id} in state {job.state}")
