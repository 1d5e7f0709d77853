"""Bulk API 2.0 query jobs: made, watched, their result pages streamed, and cleared away.

Source: Bulk API 2.0 Developer Guide, "Query", "Get Results for a Query Job", "Get Parallel Results
for a Query Job". A locator is opaque, stays good while the job lives, and may be read again.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec

from salesforce import answers, calls, wire
from salesforce.errors import BulkRefused, Forbidden, NotFound, ProtocolError, SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from salesforce.session import Session

_NO_MORE = "null"  # what the header says literally behind the last page
_REFUSALS = frozenset({"FEATURENOTENABLED", "INVALIDENTITY", "METHOD_NOT_ALLOWED"})
_REFUSED = (
    "compound data not supported in bulk query",
    "is not supported by the bulk api",
    "max bulk v2 query jobs",
    "max bulk v2 query result size",
)


class QueryJob(msgspec.Struct, frozen=True, rename="camel"):
    """A query job as the org tells of it; states as the guide names them."""

    id: str
    state: str
    operation: str = ""
    object: str = ""
    created_date: datetime | None = None
    system_modstamp: datetime | None = None
    api_version: float | str | None = None
    number_records_processed: int | None = None
    retries: int | None = None
    error_message: str | None = None

    @property
    def is_complete(self) -> bool:
        return self.state == "JobComplete"

    @property
    def is_over(self) -> bool:
        """Tell whether it will not change any more, for better or worse."""
        return self.state in {"JobComplete", "Failed", "Aborted"}


@dataclass(frozen=True)
class ResultPage:
    """A page of CSV whose body is still on the wire; the headers are known."""

    next_locator: str | None
    number_of_records: int | None
    server_time: datetime | None
    chunks: Iterator[bytes]
    """The CSV, inflated, header row first; in pieces that respect no boundary."""


@dataclass(frozen=True)
class ResultPages:
    """Locators of pages that may be read side by side; None names the first page."""

    locators: list[str | None]
    next_url: str | None
    done: bool


class _Page(msgspec.Struct, rename="camel"):
    result_url: str


class _Pages(msgspec.Struct, rename="camel"):
    result_pages: list[_Page]
    done: bool
    # The guide spells it both ways.
    next_records_url: str | None = None
    next_record_url: str | None = None


class Bulk:
    """Part of the client: query jobs."""

    _session: Session

    def create_query_job(self, soql: str, *, include_deleted: bool) -> QueryJob:
        """Start a job; raises BulkRefused where Bulk is not for this object, query, user or day.

        Nothing is changed by a job, so a lost reply is Unavailable and no doubt: a job made in
        vain costs one of 10,000 a day, and is gone after a week.
        """
        call = calls.create_query_job(soql, include_deleted=include_deleted)
        reply = self._session.send(call)
        try:
            return answers.value(reply, QueryJob)
        except SalesforceError as error:
            raise refusal(error) from error

    def query_job(self, job_id: str) -> QueryJob:
        """Look at a job; NotFound once it was deleted or is older than seven days."""
        return answers.value(self._session.send(calls.query_job(job_id)), QueryJob)

    @contextmanager
    def query_results(
        self, job_id: str, *, locator: str | None = None, max_records: int | None = None
    ) -> Iterator[ResultPage]:
        """Read one page of results, as it comes over the wire; to be left when it is read.

        A page that breaks off raises Unavailable or ProtocolError out of `chunks`. An answer that
        names no successor is not proven to be the last page: only the sum of the numbers of
        records is, which must be the job's.
        """
        call = calls.query_results(job_id, locator=locator, max_records=max_records)
        with self._session.stream(call) as streamed:
            if not wire.is_good(streamed.status):
                body = b"".join(streamed.chunks)
                wire.check(wire.Reply(streamed.status, streamed.headers, body))
            following = streamed.headers.get("sforce-locator")
            count = streamed.headers.get("sforce-numberofrecords", "")
            yield ResultPage(
                next_locator=None if following in {None, "", _NO_MORE} else following,
                number_of_records=int(count) if count.isdecimal() else None,
                server_time=wire.server_time(streamed.headers),
                chunks=streamed.chunks,
            )

    def result_pages(self, job_id: str, next_url: str | None = None) -> ResultPages:
        """List pages that may be read side by side; NotFound where the org does not offer it.

        The org alone decides on their size: read them without `max_records`.
        """
        reply = self._session.send(calls.result_pages(job_id, next_url))
        found = answers.value(reply, _Pages)
        following = found.next_records_url or found.next_record_url
        if not found.done and following in {None, "", _NO_MORE}:
            raise ProtocolError("done is false, but there is no next list", code="NO_NEXT_PAGE")
        return ResultPages(
            locators=[_locator(page.result_url) for page in found.result_pages],
            next_url=None if found.done else _path(following or ""),
            done=found.done,
        )

    def abort_query_job(self, job_id: str) -> None:
        """Stop a job that is still at work."""
        wire.check(self._session.send(calls.abort_query_job(job_id)))

    def delete_query_job(self, job_id: str) -> None:
        """Clear away a job that is over, with its results."""
        wire.check(self._session.send(calls.delete_query_job(job_id)))


def refusal(error: SalesforceError) -> SalesforceError:
    """Tell what Bulk will not do from what is wrong with the query: mostly only the text says so.

    Bulk's own daily allowances are refusals too: their LIMIT_EXCEEDED would mean to wait, while
    REST has another allowance. So are a missing resource and a missing permission, since they are
    the job's: who may not see the object hears INVALID_TYPE.
    """
    text = error.message.lower()
    of_bulk = isinstance(error, Forbidden | NotFound) or error.code in _REFUSALS
    if of_bulk or any(words in text for words in _REFUSED):
        return BulkRefused(error.message, code=error.code, status=error.status)
    return error


def _locator(url: str) -> str | None:
    found = parse_qs(urlsplit(url).query).get("locator")
    return found[0] if found else None


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
