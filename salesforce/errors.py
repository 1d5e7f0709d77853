"""What Salesforce may answer instead of a value, and whether to ask again.

SalesforceError
├── Transient             the same request may succeed by itself
│   ├── SessionExpired    the access token is no longer accepted
│   ├── Unavailable       the org, the network or a part of it is down or overloaded
│   ├── LimitExceeded     a quota is spent
│   ├── RowLocked         somebody else holds the record or its parent
│   ├── Unclear           a write was sent and its reply was lost
│   └── ProtocolError     the answer is not what the protocol promises
├── Permanent             the same request will never succeed
│   ├── NotFound          no such record, or not visible to us
│   ├── Rejected          the values were refused
│   ├── Duplicate         another record already bears this key
│   ├── Forbidden         a permission is missing
│   ├── MalformedQuery    the query text is wrong
│   ├── Drifted           an object or field is gone, hidden or read-only: describe again
│   ├── TooMuch           ask for less: a smaller window, fewer rows, fewer fields
│   ├── Outdated          the record changed since it was read
│   ├── BulkRefused       the Bulk API will not do this: read it by REST
│   └── Misconfigured     a setting of ours is wrong; carries the remedy
└── GrantDead             a person has to authorise again; carries the remedy

Codes: the StatusCode and ExceptionCode enums of the partner WSDL, and "Status Codes and Error
Responses" in the REST API Developer Guide.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta


class Consequence(StrEnum):
    """When the same thing may be tried again."""

    AFTER_REFRESH = "after_refresh"
    SOON = "soon"
    LATER = "later"
    CHANGED = "changed"
    NEVER = "never"


class SalesforceError(Exception):
    """Anything but the value that was asked for."""

    default: ClassVar[Consequence] = Consequence.NEVER

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        fields: Sequence[str] = (),
        consequence: Consequence | None = None,
        outcome_unknown: bool = False,
        retry_after: timedelta | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.fields = tuple(fields)
        self.consequence = consequence or self.default
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after
        self.server_time: datetime | None = None
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}" if self.code else self.message
        return f"{text.rstrip('.')}. {self.remedy}" if self.remedy else text


class Transient(SalesforceError):  # noqa: N818 - answers "again?"
    """The same request may succeed by itself."""

    default = Consequence.SOON


class SessionExpired(Transient):
    """The access token is no longer accepted."""

    default = Consequence.AFTER_REFRESH


class Unavailable(Transient):
    """The org, the network or a part of it is down or overloaded."""


class LimitExceeded(Transient):
    """A quota is spent."""

    default = Consequence.LATER


class RowLocked(Transient):
    """Somebody else holds the record or its parent."""


class Unclear(Transient):
    """A write was sent and its reply was lost: it may have been applied."""


class ProtocolError(Transient):
    """The answer is not what the protocol promises."""


class Permanent(SalesforceError):  # noqa: N818 - answers "again?"
    """The same request will never succeed."""


class NotFound(Permanent):
    """No such record, or not visible to us."""


class Rejected(Permanent):
    """The values were refused."""


class Duplicate(Permanent):
    """Another record already bears this key; `record_ids` names those that Salesforce named."""

    record_ids: tuple[str, ...] = ()


class Forbidden(Permanent):
    """A permission is missing."""


class MalformedQuery(Permanent):
    """The query text is wrong."""


class Drifted(Permanent):
    """An object or field is gone, hidden or read-only: describe again."""

    default = Consequence.CHANGED


class TooMuch(Permanent):
    """More was asked for than one answer can carry: ask for less."""

    default = Consequence.CHANGED


class Outdated(Permanent):
    """The record changed since it was read."""

    default = Consequence.CHANGED


class BulkRefused(Permanent):
    """The Bulk API will not do this, or not today: read it by REST."""

    default = Consequence.CHANGED


class Misconfigured(Permanent):
    """A setting of ours is wrong; `remedy` says which."""


class GrantDead(SalesforceError):  # noqa: N818 - says what happened
    """A person has to authorise again; `remedy` says how."""


class Verdict(NamedTuple):
    """What a code means to us."""

    kind: type[SalesforceError]
    consequence: Consequence


_SOON, _LATER = Consequence.SOON, Consequence.LATER
_CHANGED, _NEVER = Consequence.CHANGED, Consequence.NEVER

_ROWS: tuple[tuple[type[SalesforceError], Consequence, str], ...] = (
    (SessionExpired, Consequence.AFTER_REFRESH, "INVALID_SESSION_ID"),
    (Unavailable, _SOON, "SERVER_UNAVAILABLE UNKNOWN_EXCEPTION REQUEST_RUNNING_TOO_LONG"),
    (Unavailable, _SOON, "TXN_SECURITY_METERING_ERROR TXN_SECURITY_RUNTIME_ERROR"),
    (Unavailable, _LATER, "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE ORG_LOCKED ORG_IN_MAINTENANCE"),
    (Unavailable, _LATER, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"),
    (Unavailable, _LATER, "TERRITORY_REALIGN_IN_PROGRESS"),
    (LimitExceeded, _LATER, "REQUEST_LIMIT_EXCEEDED TOO_MANY_APEX_REQUESTS EXCEEDED_QUOTA"),
    (LimitExceeded, _LATER, "LIMIT_EXCEEDED TOO_MANY_JOBS STORAGE_LIMIT_EXCEEDED"),
    (RowLocked, _SOON, "UNABLE_TO_LOCK_ROW RECORD_IN_USE_BY_WORKFLOW"),
    # The innocent neighbours of a failed item: alone, they may well succeed.
    (Transient, _CHANGED, "PROCESSING_HALTED BATCH_PROCESSING_HALTED"),
    (Transient, _CHANGED, "ALL_OR_NONE_OPERATION_ROLLED_BACK"),
    (NotFound, _NEVER, "NOT_FOUND ENTITY_IS_DELETED"),
    (Rejected, _CHANGED, "INVALID_CROSS_REFERENCE_KEY MIXED_DML_OPERATION"),
    (Rejected, _NEVER, "ENTITY_IS_LOCKED MALFORMED_ID INVALID_ID_FIELD MISSING_ARGUMENT"),
    (Rejected, _NEVER, "ID_REQUIRED REQUIRED_FIELD_MISSING FIELD_CUSTOM_VALIDATION_EXCEPTION"),
    (Rejected, _NEVER, "FIELD_INTEGRITY_EXCEPTION FIELD_FILTER_VALIDATION_EXCEPTION"),
    (Rejected, _NEVER, "STRING_TOO_LONG NUMBER_OUTSIDE_VALID_RANGE INVALID_EMAIL_ADDRESS"),
    (Rejected, _NEVER, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST INVALID_CURRENCY_ISO"),
    (Rejected, _NEVER, "JSON_PARSER_ERROR INACTIVE_OWNER_OR_USER DELETE_FAILED"),
    (Rejected, _NEVER, "DEPENDENCY_EXISTS CANNOT_DELETE_ENTITY METHOD_NOT_ALLOWED"),
    (Rejected, _NEVER, "UNSUPPORTED_MEDIA_TYPE"),
    (Duplicate, _CHANGED, "DUPLICATE_VALUE"),
    (Duplicate, _NEVER, "DUPLICATE_EXTERNAL_ID MULTIPLE_RECORDS_FOUND DUPLICATES_DETECTED"),
    (Forbidden, _NEVER, "INVALID_AUTH_HEADER API_DISABLED_FOR_ORG API_CURRENTLY_DISABLED"),
    (Forbidden, _NEVER, "CLIENT_NOT_ACCESSIBLE_FOR_USER FUNCTIONALITY_NOT_ENABLED"),
    (Forbidden, _NEVER, "TXN_SECURITY_NO_ACCESS TXN_SECURITY_TWO_FA_REQUIRED"),
    (Forbidden, _NEVER, "TXN_SECURITY_END_A_SESSION TXN_SECURITY_FAIL_CLOSE"),
    (Forbidden, _NEVER, "TXN_SECURITY_APEX_ERROR INSUFFICIENT_ACCESS"),
    (Forbidden, _NEVER, "INSUFFICIENT_ACCESS_OR_READONLY"),
    (Forbidden, _NEVER, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"),
    (MalformedQuery, _NEVER, "MALFORMED_QUERY INVALID_QUERY_FILTER_OPERATOR MALFORMED_SEARCH"),
    (Drifted, _CHANGED, "INVALID_FIELD INVALID_TYPE INVALID_TYPE_FOR_OPERATION"),
    (Drifted, _CHANGED, "ENTITY_NOT_QUERYABLE INVALID_FIELD_FOR_INSERT_UPDATE"),
    (Drifted, _CHANGED, "FIELD_NOT_UPDATABLE"),
    (TooMuch, _CHANGED, "QUERY_TIMEOUT QUERY_TOO_COMPLICATED EXCEEDED_ID_LIMIT"),
    (TooMuch, _CHANGED, "OPERATION_TOO_LARGE EXCEEDED_MAX_SIZE_REQUEST"),
    (Permanent, _CHANGED, "INVALID_QUERY_LOCATOR INVALID_REPLICATION_DATE"),
    (Outdated, _CHANGED, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE"),
    (Misconfigured, _NEVER, "UNSUPPORTED_API_VERSION"),
)
_CODES = {code: Verdict(kind, when) for kind, when, codes in _ROWS for code in codes.split()}

_STATUSES: dict[int, Verdict] = {
    **dict.fromkeys((401, 403), Verdict(Forbidden, _NEVER)),
    **dict.fromkeys((404, 410), Verdict(NotFound, _NEVER)),
    **dict.fromkeys((412, 428), Verdict(Outdated, _CHANGED)),
    **dict.fromkeys((413, 414, 431), Verdict(TooMuch, _CHANGED)),
    **dict.fromkeys((420, 429), Verdict(Unavailable, _SOON)),  # 420: Salesforce Edge, routing
    300: Verdict(Duplicate, _NEVER),
    **dict.fromkeys((301, 302, 303, 307, 308), Verdict(ProtocolError, _SOON)),
}

# (code, words of the message) → what it is in truth; looked at before the table.
_WORDS: tuple[tuple[str, str, Verdict], ...] = (
    ("INVALID_SESSION_ID", "not valid for use with", Verdict(Forbidden, _NEVER)),
    ("REQUEST_LIMIT_EXCEEDED", "concurrent", Verdict(LimitExceeded, _SOON)),
    # Triggers and flows wrap whatever struck them.
    *(
        (wrapper, words, verdict)
        for wrapper in ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER")
        for words, verdict in (
            ("unable_to_lock_row", Verdict(RowLocked, _SOON)),
            ("unable to obtain exclusive access", Verdict(RowLocked, _SOON)),
            ("timeout", Verdict(Unavailable, _SOON)),
            ("timed out", Verdict(Unavailable, _SOON)),
        )
    ),
)

_OUTCOME_UNKNOWN = frozenset({"UNKNOWN_EXCEPTION", "REQUEST_RUNNING_TOO_LONG"})
_SERVER_ERROR = 500


def classify(code: str, message: str, status: int) -> Verdict:
    """Say what a code means; unknown ones go by the HTTP status."""
    lowered = message.lower()
    for known, words, verdict in _WORDS:
        if code == known and words in lowered:
            return verdict
    if code in _CODES:
        return _CODES[code]
    fallback = Verdict(Unavailable, _SOON) if status >= _SERVER_ERROR else Verdict(Rejected, _NEVER)
    return _STATUSES.get(status, fallback)


def leaves_doubt(code: str) -> bool:
    """Whether a write that ended in this code may have been applied."""
    return code in _OUTCOME_UNKNOWN
