"""From status, headers and bytes to the right error, whatever shape the body has."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from salesforce import wire
from salesforce.errors import (
    Duplicate,
    Forbidden,
    NotFound,
    ProtocolError,
    Rejected,
    RowLocked,
    Unavailable,
)
from salesforce.values import Usage


def reply(status: int, body: object = b"", **headers: str) -> wire.Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.Reply(status, httpx.Headers(named), raw)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (reply(503, b"<html>", content_type="text/html; charset=x"), Unavailable, "HTTP_503"),
        (reply(502), Unavailable, "HTTP_502"),
        (reply(420, b"<html>"), Unavailable, "HTTP_420"),
        (reply(400, []), Rejected, "HTTP_400"),
        (reply(400, b"[{"), Rejected, "HTTP_400"),
        (reply(400, "text"), Rejected, "HTTP_400"),
        (reply(404, [{"errorCode": "NOT_FOUND", "message": "x"}]), NotFound, "NOT_FOUND"),
        (reply(403, {"errorCode": "INSUFFICIENT_ACCESS"}), Forbidden, "INSUFFICIENT_ACCESS"),
        (reply(401, [{"errorCode": "INVALID_AUTH_HEADER"}]), Forbidden, "INVALID_AUTH_HEADER"),
        (reply(302, b"", location="/login"), ProtocolError, "HTTP_302"),
    ],
)
def test_no_shape_of_an_error_body_is_taken_for_a_value(answer, kind, code):
    """Salesforce answers arrays and objects, its edge answers HTML or nothing."""
    error = wire.failure(answer)
    assert (type(error), error.code, error.status) == (kind, code, answer.status)


def wrapped(errors: object, **by_field: object) -> dict[str, object]:
    """Build what the UI API calls an Error with Output."""
    output = {"errors": errors, "fieldErrors": by_field}
    text = "An error occurred while trying to update the record. Please try again."
    return {"message": text, "enhancedErrorType": "RecordError", "output": output}


def outcome(errors: object, values: object = None) -> dict[str, object]:
    """Build what an invocable action says of an input it refuses."""
    return {"actionName": "x", "errors": errors, "isSuccess": False, "outputValues": values}


LOCKED = {"errorCode": "UNABLE_TO_LOCK_ROW", "field": None, "message": "locked"}
MISSING = {"errorCode": "REQUIRED_FIELD_MISSING", "field": "Name", "message": "missing: [Name]"}


@pytest.mark.parametrize(
    ("body", "kind", "code", "told"),
    [
        (wrapped([LOCKED]) | {"statusCode": 400}, RowLocked, "UNABLE_TO_LOCK_ROW", "locked"),
        ([wrapped([LOCKED]) | {"errorCode": "X"}], RowLocked, "UNABLE_TO_LOCK_ROW", "locked"),
        (wrapped([], Name=[MISSING]), Rejected, "REQUIRED_FIELD_MISSING", "missing: [Name]"),
        ([wrapped("?") | {"errorCode": "X"}], Rejected, "X", "An error occurred"),
        (
            [outcome([{"statusCode": "INVALID_API_INPUT", "message": "no", "fields": []}])],
            Rejected,
            "INVALID_API_INPUT",
            "no",
        ),
        ([outcome(None, {"ka0RM0000000001": "no draft"})], Rejected, "ACTION_FAILED", "no draft"),
    ],
)
def test_a_wrapped_refusal_is_told_by_what_is_inside(body, kind, code, told):
    """The UI API and actions say outside only that something is wrong."""
    error = wire.failure(reply(400, body))
    assert (type(error), error.code) == (kind, code)
    assert error.message.startswith(told)
    assert error.fields == (("Name",) if "Name" in told else ())


@pytest.mark.parametrize("status", [200, 201, 204])
def test_good_answers_are_no_errors(status):
    """Whatever their bodies hold."""
    assert wire.failure(reply(status)) is None


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
def test_duplicates_are_named_under_either_spelling(key):
    """The misspelling is theirs."""
    match = {"matchRecords": [{"record": {"Id": "003000000000001AAA", "attributes": {}}}]}
    body = [{"errorCode": "DUPLICATES_DETECTED", "message": "x", key: {"matchResults": [match]}}]
    error = wire.failure(reply(400, body))
    assert isinstance(error, Duplicate)
    assert error.record_ids == ("003000000000001AAA",)


def test_a_strange_duplicate_result_still_is_a_duplicate():
    """Evidence of an odd shape must not hide the error that it comes with."""
    body = [{"errorCode": "DUPLICATES_DETECTED", "message": "x", "duplicateResult": [1]}]
    error = wire.failure(reply(400, body))
    assert isinstance(error, Duplicate)
    assert error.record_ids == ()


def test_a_duplicate_value_names_the_record_that_has_it():
    """So a repeated create finds its first self."""
    text = "duplicate value found: Sync_Key__c duplicates value on record with id: 500000000000001"
    error = wire.failure(reply(400, [{"errorCode": "DUPLICATE_VALUE", "message": text}]))
    assert error.record_ids == ("500000000000001",)


def test_several_records_for_one_external_id_are_all_named():
    """A 300 carries addresses instead of errors."""
    urls = [f"/services/data/v67.0/sobjects/Case/50000000000000{n}AAA" for n in (1, 2)]
    error = wire.failure(reply(300, urls))
    assert error.code == "MULTIPLE_RECORDS_FOUND"
    assert error.record_ids == ("500000000000001AAA", "500000000000002AAA")


@pytest.mark.parametrize(
    ("answer", "doubt"),
    [
        (reply(500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "ErrorId: 1"}]), True),
        (reply(400, [{"errorCode": "REQUEST_RUNNING_TOO_LONG", "message": ""}]), True),
        (reply(502), True),
        (reply(503, b"<html>"), True),
        (reply(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": ""}]), False),
        (reply(420, b"<html>"), False),
        (reply(400, [{"errorCode": "STRING_TOO_LONG", "message": ""}]), False),
    ],
)
def test_a_write_is_in_doubt_when_work_may_have_been_done(answer, doubt):
    """A read never is: there is nothing to be in doubt of."""
    assert wire.failure(answer, writes=True).outcome_unknown is doubt
    assert wire.failure(answer, writes=False).outcome_unknown is False


def test_retry_after_is_read_in_both_its_forms():
    """Seconds, or an instant by the server's clock."""
    date, until = "Fri, 02 Jan 2026 12:00:00 GMT", "Fri, 02 Jan 2026 12:01:30 GMT"
    seconds = wire.failure(reply(503, retry_after="7"))
    instant = wire.failure(reply(503, retry_after=until, date=date))
    assert seconds.retry_after == timedelta(seconds=7)
    assert instant.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=18/15000", Usage(18, 15000)),
        ("per-app-api-usage=17/250(appName=x), api-usage=18/15000", Usage(18, 15000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("", None),
    ],
)
def test_usage_is_the_orgs_not_the_apps(header, usage):
    """The two counters stand in one header."""
    assert wire.usage(httpx.Headers({"Sforce-Limit-Info": header})) == usage


def test_http_dates_go_both_ways():
    """Conditional headers take whole seconds in GMT."""
    instant = datetime(2026, 1, 2, 12, 0, 7, tzinfo=UTC)
    text = wire.http_date(instant)
    assert text == "Fri, 02 Jan 2026 12:00:07 GMT"
    assert wire.server_time({"date": text}) == instant
    assert wire.server_time({"date": "yesterday"}) is None


def test_gzip_is_inflated_and_broken_gzip_is_noticed():
    """A cut body must not pass for a short one."""
    packed = gzip.compress(b"x" * 100_000)
    assert wire.inflate(packed, "gzip") == b"x" * 100_000
    assert wire.inflate(b"plain", None) == b"plain"
    with pytest.raises(ProtocolError):
        wire.inflate(packed[:-4], "gzip")
