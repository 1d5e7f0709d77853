"""Many rows in one call: each stands alone, unless all or none was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from emulator.org import Org

Result = dict[str, Any]
RowAct = Callable[[], Result]

ROLLED_BACK = {
    "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "message": "Record rolled back because not all records were valid and the request was using "
    "AllOrNone header",
    "fields": [],
}


class _UndoneError(Exception):
    """Leaves the savepoint so that nothing of the call stays."""


def saved(record_id: str, **more: Any) -> Result:
    return {"id": record_id, "success": True, "errors": [], **more}


def failed(error: ApiError) -> Result:
    """Return a row's refusal: collections say `statusCode` where all else says `errorCode`."""
    reason = {"statusCode": error.code, "message": error.message, "fields": list(error.fields)}
    return {"success": False, "errors": [reason | error.extra]}


def apply_rows(
    org: Org, acts: Sequence[RowAct], *, all_or_none: bool, locked: Collection[int]
) -> list[Result]:
    """Do the rows in request order; `locked` names, counted from 1, those another user holds."""
    results: list[Result] = []
    try:
        with org.savepoint():
            results = [_apply(org, act, number in locked) for number, act in enumerate(acts, 1)]
            _keep_or_undo(results, all_or_none=all_or_none)
    except _UndoneError:
        return [_undone(result) for result in results]
    return results


def _keep_or_undo(results: list[Result], *, all_or_none: bool) -> None:
    if all_or_none and not all(result["success"] for result in results):
        raise _UndoneError


def _apply(org: Org, act: RowAct, is_locked: bool) -> Result:  # noqa: FBT001 - one private caller
    try:
        with org.savepoint():
            if is_locked:
                raise row_lock()
            return act()
    except ApiError as error:
        return failed(error)


def _undone(result: Result) -> Result:
    return {"success": False, "errors": [ROLLED_BACK]} if result["success"] else result


def row_lock() -> ApiError:
    message = "unable to obtain exclusive access to this record or 1 records"
    return ApiError(400, "UNABLE_TO_LOCK_ROW", message)
