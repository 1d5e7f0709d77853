"""Bodies of good answers, decoded once into what the caller asked for."""

from functools import lru_cache
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from salesforce.errors import ProtocolError, SalesforceError
from salesforce.values import Page, RowResult
from salesforce.wire import Problem, Reply, check, failure, problem_error, server_time

T = TypeVar("T")


class _QueryAnswer(msgspec.Struct, Generic[T], rename="camel"):
    total_size: int
    done: bool
    records: list[T]
    next_records_url: str | None = None


class _CompositeAnswer(msgspec.Struct, rename="camel"):
    body: msgspec.Raw
    http_status_code: int
    reference_id: str = ""


class _CompositeAnswers(msgspec.Struct, rename="camel"):
    composite_response: list[_CompositeAnswer]


class _SearchAnswer(msgspec.Struct, rename="camel"):
    search_records: list[dict[str, Any]]


class _RowAnswer(msgspec.Struct):
    success: bool
    id: str | None = None
    created: bool | None = None
    errors: list[Problem] = []


@lru_cache(maxsize=256)  # a decoder costs a millisecond to build; records change with the schema
def decoder_for(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def value(reply: Reply, shape: type[T], *, writes: bool = False) -> T:
    """Decode a whole body into one value, or raise what the answer says instead."""
    check(reply, writes=writes)
    return cast("T", _decode(reply.body, shape, writes=writes))


def page(reply: Reply, record: type[T]) -> Page[T]:
    """Decode a query's answer, records and all, in one go."""
    check(reply)
    return _page(reply.body, reply, record)


def found(reply: Reply) -> list[dict[str, Any]]:
    """Decode a search's answer, which was a bare array before version 37."""
    answer = value(reply, _SearchAnswer | list[dict[str, Any]])  # type: ignore[arg-type]
    return answer.search_records if isinstance(answer, _SearchAnswer) else answer


def pages(reply: Reply, records: list[type[Any]]) -> list[Page[Any] | SalesforceError]:
    """Decode the answers of several queries that travelled in one composite call."""
    answers = value(reply, _CompositeAnswers).composite_response
    if len(answers) != len(records):
        raise ProtocolError(f"{len(records)} queries, {len(answers)} answers", code="BROKEN_BODY")
    return [_sub_page(answer, reply, kind) for answer, kind in zip(answers, records, strict=True)]


def rows(reply: Reply, expected: int) -> list[RowResult]:
    """Decode a collection's answer: one result a row, in the order of the request."""
    found = value(reply, list[_RowAnswer], writes=True)
    if len(found) != expected:
        raise ProtocolError(
            f"{expected} rows sent, {len(found)} results", code="BROKEN_BODY", outcome_unknown=True
        )
    return [_row(answer) for answer in found]


def _page(body: Any, reply: Reply, record: type[T]) -> Page[T]:
    found = cast("_QueryAnswer[T]", _decode(body, _QueryAnswer[record]))  # type: ignore[valid-type]
    if not found.done and not found.next_records_url:
        raise ProtocolError("done is false, but there is no next page", code="NO_NEXT_PAGE")
    return Page(
        records=found.records,
        done=found.done,
        total_size=found.total_size,
        server_time=server_time(reply.headers),
        next_url=_path(found.next_records_url),
    )


def _sub_page(
    answer: _CompositeAnswer, reply: Reply, record: type[Any]
) -> Page[Any] | SalesforceError:
    inner = Reply(answer.http_status_code, reply.headers, bytes(answer.body))
    try:
        return failure(inner) or _page(answer.body, reply, record)
    except ProtocolError as error:
        return error  # one answer that cannot be read says nothing of its neighbours


def _path(url: str | None) -> str | None:
    # A path by contract; should it ever name a host, the token still goes to instance_url only.
    return urlsplit(url).path if url else None


def _row(answer: _RowAnswer) -> RowResult:
    if answer.success:
        return RowResult(answer.id, success=True, created=bool(answer.created))
    problem = answer.errors[0] if answer.errors else Problem(message="refused without a reason")
    return RowResult(answer.id, success=False, created=False, error=problem_error(problem))


def _decode(body: Any, shape: Any, *, writes: bool = False) -> object:
    try:
        return decoder_for(shape).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        is_page = bytes(body).lstrip().startswith(b"<")
        what = (
            "a web page came instead of an answer: the org is in maintenance, or a proxy answers"
            if is_page
            else f"not the body that was promised: {error}"
        )
        raise ProtocolError(what, code="BROKEN_BODY", outcome_unknown=writes) from error
