"""Pure reading of HTTP answers: a value's bytes, or the right error. Only here are statuses read.

Sources: REST API Developer Guide, "Status Codes and Error Responses", "Limit Info Header".
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from isal import isal_zlib

from salesforce.errors import (
    Duplicate,
    Permanent,
    ProtocolError,
    SalesforceError,
    SessionExpired,
    classify,
    leaves_doubt,
)
from salesforce.values import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_API_USAGE = re.compile(r"(?:^|[\s,;])api-usage=(\d+)/(\d+)")
_NAMED_RECORD = re.compile(r"with id: (\w{15,18})")
_GZIP = 31  # window bits of zlib's that say: gzip header
_INFLATES_TO = 12  # query pages shrink to about an eighth; room to spare saves a copy
_OK, _MULTIPLE, _NOT_MODIFIED = range(200, 300), 300, 304
_UNAUTHORIZED, _NOT_FOUND = 401, 404
# Said when work may have been done; a 503 that comes from Salesforce itself, as JSON, is not, but
# one from a gateway in between proves nothing.
_IN_DOUBT = frozenset({500, 502, 504})
_GATEWAY_503 = "HTTP_503"


class Reply(NamedTuple):
    """One HTTP answer, inflated; header names are looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream(NamedTuple):
    """An answer whose body is still on its way; the chunks come inflated, and only once."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class Problem(msgspec.Struct, rename="camel"):
    """One element of an error body; collections say `statusCode` where rows say `errorCode`.

    An invocable action has its own `errors`, or texts by id in `outputValues`; the UI API wraps
    what it means in `output`, and says the HTTP status in `statusCode`.
    """

    message: str | None = None
    error_code: str | None = None
    status_code: str | int | None = None
    fields: list[str] | None = None
    field: str | None = None
    errors: list[Problem] | None = None
    output: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    output_values: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    error: str | None = None
    error_description: str | None = msgspec.field(default=None, name="error_description")
    # The misspelling is Salesforce's; both have been seen.
    duplicate_result: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    duplicate_resut: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)

    @property
    def code(self) -> str:
        status = self.status_code if isinstance(self.status_code, str) else None
        return self.error_code or status or self.error or ""

    @property
    def text(self) -> str:
        return self.message or self.error_description or ""


class _Output(msgspec.Struct, rename="camel"):
    """Record Exceptions, as the UI API Developer Guide calls them."""

    errors: list[Problem] = []
    field_errors: dict[str, list[Problem]] = {}


class _Match(msgspec.Struct, rename="pascal"):
    id: str


class _MatchRecord(msgspec.Struct):
    record: _Match


class _MatchResult(msgspec.Struct, rename="camel"):
    match_records: list[_MatchRecord] = []


class _Duplicates(msgspec.Struct, rename="camel"):
    match_results: list[_MatchResult] = []


# Codes that no retry heals and whose message does not say what to do.
_REMEDIES = {
    "INVALID_SESSION_ID": "Grant the app the scope `api`, and check its IP rules.",
    "API_DISABLED_FOR_ORG": "The edition needs API access, the user API Enabled.",
    "API_CURRENTLY_DISABLED": "Give the user the permission API Enabled.",
    "UNSUPPORTED_API_VERSION": "Set a newer API version.",
}

_PROBLEMS = msgspec.json.Decoder(list[Problem] | Problem)
_STRINGS = msgspec.json.Decoder(list[str])
_MATCHES = msgspec.json.Decoder(_Duplicates)
_OUTPUT = msgspec.json.Decoder(_Output)
_OUTCOMES = msgspec.json.Decoder(dict[str, Any])
_ACTION_FAILED = "ACTION_FAILED"


def inflate(body: bytes, encoding: str | None) -> bytes:
    """Undo gzip by ISA-L, several times faster than zlib."""
    if (encoding or "identity").lower() != "gzip":
        return body
    try:
        inflated: bytes = isal_zlib.decompress(
            body, wbits=_GZIP, bufsize=max(1, len(body)) * _INFLATES_TO
        )
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub names the class as an instance
        raise ProtocolError(f"the gzip body is broken: {error}", code="BROKEN_BODY") from error
    return inflated


def inflating(chunks: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """Undo gzip as it comes; what ends before its trailer was cut short and is an error."""
    if (encoding or "identity").lower() != "gzip":
        yield from chunks
        return
    engine = isal_zlib.decompressobj(wbits=_GZIP)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if engine.eof:  # a body may be several gzip members, one behind the other
                    engine = isal_zlib.decompressobj(wbits=_GZIP)
                if inflated := engine.decompress(rest):
                    yield inflated
                rest = engine.unused_data
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub names the class as an instance
        raise ProtocolError(f"the gzip body is broken: {error}", code="BROKEN_BODY") from error
    if not engine.eof:
        raise ProtocolError("the gzip body ends before its trailer", code="BROKEN_BODY")


def is_good(status: int) -> bool:
    """Whether the answer carries a value."""
    return status in _OK


def check(reply: Reply, *, writes: bool = False) -> None:
    """Raise what the answer says, unless it carries a value."""
    error = failure(reply, writes=writes)
    if error:
        raise error


def failure(reply: Reply, *, writes: bool = False) -> SalesforceError | None:
    """Read the error out of an answer, whatever its shape; None when there is none."""
    if reply.status in _OK:
        return None
    problem = _first_problem(reply)
    error = problem_error(problem, reply.status)
    error.status = reply.status
    error.retry_after = _retry_after(reply.headers)
    doubt = error.outcome_unknown or reply.status in _IN_DOUBT or error.code == _GATEWAY_503
    error.outcome_unknown = writes and doubt
    return error


def problem_error(problem: Problem, status: int = 400) -> SalesforceError:
    """Turn one element of an error body into our error; rows of a collection have no status."""
    verdict = classify(problem.code, problem.text, status)
    error = verdict.kind(
        problem.text or "no message",
        code=problem.code,
        fields=problem.fields or ((problem.field,) if problem.field else ()),
        consequence=verdict.consequence,
        outcome_unknown=leaves_doubt(problem.code),
        remedy=_REMEDIES.get(problem.code) if issubclass(verdict.kind, Permanent) else None,
    )
    if isinstance(error, Duplicate):
        error.record_ids = tuple(_named_records(problem))
    return error


def is_not_modified(reply: Reply) -> bool:
    return reply.status == _NOT_MODIFIED


def is_missing(status: int) -> bool:
    """Whether the org has nothing at this address, be it the record or the API version."""
    return status == _NOT_FOUND


def may_have_expired(status: int) -> bool:
    """Whether it is worth reading the body for a session that a refresh would heal."""
    return status == _UNAUTHORIZED


def is_session_expired(reply: Reply) -> bool:
    """Whether a refresh heals this: not every 401 is an expired session."""
    return isinstance(failure(reply), SessionExpired)


def usage(headers: Mapping[str, str]) -> Usage | None:
    """Read `Sforce-Limit-Info`; the org's own count, not the app's share of it."""
    found = _API_USAGE.search(headers.get("sforce-limit-info", ""))
    return Usage(used=int(found[1]), limit=int(found[2])) if found else None


def shape(reply: Reply) -> str:
    """Say what a body is that cannot be read; its text may be anybody's."""
    kind = reply.headers.get("content-type", "").partition(";")[0] or "empty"
    return f"{len(reply.body)} bytes of {kind}"


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Read the server's clock from `Date`."""
    return _http_date(headers.get("date", ""))


def http_date(instant: datetime) -> str:
    """Write an instant for a conditional header, in whole seconds."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    text = headers.get("retry-after", "")
    if text.isdecimal():
        return timedelta(seconds=int(text))
    until, now = _http_date(text), server_time(headers)
    return max(until - now, timedelta()) if until and now else None


def _first_problem(reply: Reply) -> Problem:
    if reply.status == _MULTIPLE:
        return _several_records(reply.body)
    try:
        found = _PROBLEMS.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _not_json(reply)
    problems = found if isinstance(found, list) else [found]
    return next((p for p in _innermost(problems) if p.code), None) or _not_json(reply)


def _innermost(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Give problems, each behind what it wraps, which says more."""
    for problem in problems:
        yield from _innermost(problem.errors or ())
        yield from _wrapped(problem)
        yield problem


def _wrapped(problem: Problem) -> Iterator[Problem]:
    # Of no certain shape, as documented: what cannot be read leaves the problem around it.
    with suppress(msgspec.DecodeError):
        if output := bytes(problem.output):
            told = _OUTPUT.decode(output)
            yield from told.errors
            yield from chain.from_iterable(told.field_errors.values())
    with suppress(msgspec.DecodeError):
        if outcomes := bytes(problem.output_values):
            said = "; ".join(map(str, _OUTCOMES.decode(outcomes).values()))
            yield Problem(error_code=_ACTION_FAILED, message=said)


def _not_json(reply: Reply) -> Problem:
    return Problem(error_code=f"HTTP_{reply.status}", message=shape(reply))


def _several_records(body: bytes) -> Problem:
    try:
        urls = _STRINGS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        urls = []
    ids = ", ".join(f"with id: {url.rpartition('/')[2]}" for url in urls)
    return Problem(error_code="MULTIPLE_RECORDS_FOUND", message=f"several records {ids}".strip())


def _named_records(problem: Problem) -> Iterable[str]:
    yield from _NAMED_RECORD.findall(problem.text)
    raw = bytes(problem.duplicate_resut) or bytes(problem.duplicate_result)
    for result in _matches(raw):
        yield from (match.record.id for match in result.match_records)


def _matches(raw: bytes) -> list[_MatchResult]:
    # Evidence beside the error, of a shape that is documented nowhere: the error counts without.
    try:
        return _MATCHES.decode(raw).match_results if raw else []
    except msgspec.DecodeError:
        return []
