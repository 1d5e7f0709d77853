"""Objects that the org answers for out of its state, since no table holds them.

`UserPermissionAccess` has one row, of whoever asks; `OauthToken` one for each grant of whoever
asks, and of everybody for an administrator. Tokens themselves are not shown. `ObjectPermissions`
has what profile and permission sets of one user come to, object by object, for whoever has View
Setup and Configuration; `EntityDefinition` the sharing model of each object. Each is asked in the
plainest form of query only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.errors import bad, no_such_column
from emulator.rights import GOVERNORS, OPEN, READ
from emulator.stamps import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.instance import Instance
    from emulator.schema.sobject import SObject

Row = dict[str, Any]

ASKED = re.compile(
    r"\s*SELECT\s+(?P<fields>[\w\s,]+?)"
    r"\s+FROM\s+(?P<object>UserPermissionAccess|OauthToken|ObjectPermissions|EntityDefinition)"
    r"(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+LIMIT\s+\d+)?\s*",
    re.IGNORECASE | re.DOTALL,
)
CONDITION = re.compile(
    r"(?P<field>\w+)\s*(?:=\s*(?P<value>'\w+')|IN\s*\((?P<values>['\w\s,]+)\))", re.IGNORECASE
)
ASSIGNED = re.compile(
    r"ParentId\s+IN\s*\(\s*SELECT\s+PermissionSetId\s+FROM\s+PermissionSetAssignment\s+WHERE\s+"
    r"(AssigneeId\s*=\s*'\w+')\s*\)",
    re.IGNORECASE,
)
_ASSIGNEE = "AssigneeId"
"""Whose permissions a row holds: asked for by the assignment, and not shown."""


def answer(instance: Instance, soql: str, user_id: str) -> dict[str, Any] | None:
    """Answer a query of such an object, or None for one of any other."""
    asked = ASKED.fullmatch(soql)
    if asked is None:
        return None
    wanted = CONDITION.fullmatch(ASSIGNED.sub(r"\1", asked["where"] or ""))
    if asked["where"] and wanted is None:
        raise bad("MALFORMED_QUERY", f"the emulated org does not take this of {asked['object']}")
    name = asked["object"].lower()
    rows = [row for row in _ROWS[name](instance, user_id) if wanted is None or _fits(row, wanted)]
    names = [one.strip() for one in asked["fields"].split(",")]
    records = [_record(asked["object"], row, names) for row in rows]
    return {"totalSize": len(records), "done": True, "records": records}


def _fits(row: Row, wanted: re.Match[str]) -> bool:
    found = row.get(wanted["field"])
    return found in re.findall(r"'(\w+)'", wanted["value"] or wanted["values"])


def _record(name: str, row: Row, names: list[str]) -> Row:
    lowered = {key.lower(): value for key, value in row.items() if key != _ASSIGNEE}
    if unknown := next((one for one in names if one.lower() not in lowered), None):
        raise no_such_column(unknown, name)
    values = {one: lowered[one.lower()] for one in names}
    return {"attributes": {"type": name, "url": ""}, **values}


def _access(instance: Instance, user_id: str) -> Iterator[Row]:
    yield {
        "UserId": user_id,
        "PermissionsApiEnabled": True,
        "PermissionsViewAllData": instance.directory.sees_all(user_id),
        "PermissionsViewSetup": instance.directory.views_setup(user_id),
    }


def _tokens(instance: Instance, user_id: str) -> Iterator[Row]:
    registry, sees_all = instance.registry, instance.directory.is_administrator(user_id)
    for grant in registry.grants:
        app = registry.apps.get(grant.client_id)
        if app is not None and (sees_all or grant.user_id == user_id):
            used = wire(grant.used) if grant.used else None
            yield {"UserId": grant.user_id, "AppName": app.name, "LastUsedDate": used}


def _permissions(instance: Instance, user_id: str) -> Iterator[Row]:
    """Lay out what everybody may, for objects that have permissions of their own."""
    if not instance.directory.views_setup(user_id):
        raise bad("INVALID_TYPE", "sObject type 'ObjectPermissions' is not supported.")
    names = [one.name for one in instance.org.objects() if one.name not in {*OPEN, *GOVERNORS}]
    for user in instance.directory.users():
        sight = instance.directory.sight(user["id"])
        for name in names:
            if sight is None or READ in sight.verbs(name):
                yield {
                    _ASSIGNEE: user["id"],
                    "SobjectType": name,
                    "PermissionsRead": True,
                    "PermissionsViewAllRecords": sight is None or sight.sees_all_of(name),
                }


def _entities(instance: Instance, _user_id: str) -> Iterator[Row]:
    for one in instance.org.objects():
        yield {"QualifiedApiName": one.name, "InternalSharingModel": _sharing(one)}


def _sharing(sobject: SObject) -> str:
    if sobject.name in OPEN:
        return "Read"
    if "OwnerId" in sobject.fields:
        return "Private"
    cascades = any(one.cascade for one in sobject.stored)
    return "ControlledByParent" if cascades else "ReadWrite"


_ROWS: dict[str, Callable[[Instance, str], Iterator[Row]]] = {
    "userpermissionaccess": _access,
    "oauthtoken": _tokens,
    "objectpermissions": _permissions,
    "entitydefinition": _entities,
}
