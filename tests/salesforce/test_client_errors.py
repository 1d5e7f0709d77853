"""What a code means: its class, and when to try again."""

import pickle

import pytest

from salesforce.errors import (
    Consequence,
    Drifted,
    Forbidden,
    LimitExceeded,
    MalformedQuery,
    NotFound,
    Outdated,
    Permanent,
    Rejected,
    RowLocked,
    SalesforceError,
    SessionExpired,
    TooMuch,
    Transient,
    Unavailable,
    classify,
)

FLOW = "We can't save this record: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access"


@pytest.mark.parametrize(
    ("code", "message", "status", "kind", "consequence"),
    [
        ("INVALID_SESSION_ID", "expired", 401, SessionExpired, Consequence.AFTER_REFRESH),
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403, LimitExceeded, "later"),
        (
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentPerOrgLongTxn Limit exceeded.",
            403,
            LimitExceeded,
            "soon",
        ),
        ("UNABLE_TO_LOCK_ROW", "", 400, RowLocked, "soon"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", FLOW, 400, RowLocked, "soon"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "Apex CPU timeout", 400, Unavailable, "soon"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "Name is wrong", 400, Rejected, "never"),
        ("ORG_IN_MAINTENANCE", "", 503, Unavailable, "later"),
        ("QUERY_TIMEOUT", "", 400, TooMuch, "changed"),
        ("INVALID_FIELD", "", 400, Drifted, "changed"),
        ("MALFORMED_QUERY", "", 400, MalformedQuery, "never"),
        ("ENTITY_IS_DELETED", "", 404, NotFound, "never"),
        ("PROCESSING_HALTED", "", 400, Transient, "changed"),
        ("TXN_SECURITY_METERING_ERROR", "", 403, Unavailable, "soon"),
        ("NEVER_SEEN", "", 500, Unavailable, "soon"),
        ("NEVER_SEEN", "", 400, Rejected, "never"),
        ("NEVER_SEEN", "", 403, Forbidden, "never"),
        ("NEVER_SEEN", "", 412, Outdated, "changed"),
        ("", "", 420, Unavailable, "soon"),
        ("", "", 414, TooMuch, "changed"),
    ],
)
def test_a_code_has_one_meaning(code, message, status, kind, consequence):
    """The table, its exceptions by message, and the rule for codes that nobody knows."""
    assert classify(code, message, status) == (kind, consequence)


def test_an_error_survives_a_process_boundary():
    """Queues carry errors between processes; evidence must not be lost on the way."""
    error = Permanent("no", code="X", fields=["A"], remedy="Do that.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.code, again.fields, str(again)) == ("X", ("A",), "X: no. Do that.")


def test_every_error_answers_the_question():
    """No class may leave open whether to try again."""
    todo = [SalesforceError]
    while todo:
        kind = todo.pop()
        assert isinstance(kind("x").consequence, Consequence)
        todo += kind.__subclasses__()
