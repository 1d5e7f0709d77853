"""Objects that the org answers for out of its state, since no table holds them.

`UserPermissionAccess` has one row, of whoever asks; `OauthToken` one for each grant of whoever
asks, and of everybody for an administrator. Tokens themselves are not shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.errors import no_such_column
from emulator.stamps import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.instance import Instance

Row = dict[str, Any]

ASKED = re.compile(
    r"\s*SELECT\s+(?P<fields>[\w\s,]+?)\s+FROM\s+(?P<object>UserPermissionAccess|OauthToken)"
    r"(?:\s+WHERE\s+UserId\s*=\s*'(?P<user>\w+)')?(?:\s+LIMIT\s+\d+)?\s*",
    re.IGNORECASE,
)


def answer(instance: Instance, soql: str, user_id: str) -> dict[str, Any] | None:
    """Answer a query of such an object, or None for one of any other."""
    asked = ASKED.fullmatch(soql)
    if asked is None:
        return None
    name = asked["object"].lower()
    rows = [row for row in _ROWS[name](instance, user_id) if asked["user"] in {None, row["UserId"]}]
    names = [one.strip() for one in asked["fields"].split(",")]
    records = [_record(asked["object"], row, names) for row in rows]
    return {"totalSize": len(records), "done": True, "records": records}


def _record(name: str, row: Row, names: list[str]) -> Row:
    lowered = {key.lower(): value for key, value in row.items()}
    if unknown := next((one for one in names if one.lower() not in lowered), None):
        raise no_such_column(unknown, name)
    values = {one: lowered[one.lower()] for one in names}
    return {"attributes": {"type": name, "url": ""}, **values}


def _access(instance: Instance, user_id: str) -> Iterator[Row]:
    sees_all = instance.directory.sees_all(user_id)
    yield {
        "UserId": user_id,
        "PermissionsApiEnabled": True,
        "PermissionsViewAllData": sees_all,
    }


def _tokens(instance: Instance, user_id: str) -> Iterator[Row]:
    registry, sees_all = instance.registry, instance.directory.is_administrator(user_id)
    for grant in registry.grants:
        app = registry.apps.get(grant.client_id)
        if app is not None and (sees_all or grant.user_id == user_id):
            used = wire(grant.used) if grant.used else None
            yield {"UserId": grant.user_id, "AppName": app.name, "LastUsedDate": used}


_ROWS: dict[str, Callable[[Instance, str], Iterator[Row]]] = {
    "userpermissionaccess": _access,
    "oauthtoken": _tokens,
}
