"""What the emulated org refuses, in Salesforce's own codes and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class ApiError(Exception):
    """A refusal with the status, code and text that Salesforce would send."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Iterable[str] = (),
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.extra = extra or {}


def bad(code: str, message: str, *fields: str) -> ApiError:
    return ApiError(400, code, message, fields)


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    return ApiError(404, "NOT_FOUND", message)


def entity_is_deleted() -> ApiError:
    return ApiError(404, "ENTITY_IS_DELETED", "entity is deleted")


def invalid_type(name: str) -> ApiError:
    return bad(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, "
        "be sure to append the '__c' after the entity name. Please reference your WSDL or the "
        "describe call for the appropriate names.",
    )


def not_in_bulk(name: str) -> ApiError:
    return bad("INVALIDENTITY", f"Entity '{name}' is not supported by the Bulk API.")


def no_such_column(column: str, sobject: str, *, marker: str = "") -> ApiError:
    """Name the missing column as a query does: the marker shows where in the text it stands."""
    return bad(
        "INVALID_FIELD",
        f"{marker}No such column '{column}' on entity '{sobject}'. If you are attempting to use a "
        "custom field, be sure to append the '__c' after the custom field name. Please reference "
        "your WSDL or the describe call for the appropriate names.",
    )


def insufficient_access() -> ApiError:
    """Refuse what a permission of the user, or the sharing of a row, does not admit."""
    message = "insufficient access rights on object id"
    return ApiError(403, "INSUFFICIENT_ACCESS_OR_READONLY", message)


def locked(record_id: str) -> ApiError:
    return bad(
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {record_id}",
    )
