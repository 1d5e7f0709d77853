"""Whose rows the linked user sees: what is not shared with it is missing, and no error tells.

A describe does not say. `UserPermissionAccess` tells anybody about View All Data; View All Records,
object by object, stands in `ObjectPermissions`, which only View Setup and Configuration opens.
Sources: Object Reference, "UserPermissionAccess", "ObjectPermissions", "EntityDefinition".
"""

from collections.abc import Collection, Iterator, Mapping

from pipelines.verdicts import Finding, Verdict
from salesforce import soql
from salesforce.client import Client
from salesforce.errors import SalesforceError

TOPIC = "View All Data"
_MAY = "SELECT PermissionsViewAllData, PermissionsViewSetup FROM UserPermissionAccess LIMIT 1"
_PUBLIC = frozenset({"Read", "ReadSelect", "ReadWrite", "ReadWriteTransfer", "FullAccess"})
_BY_PARENT = frozenset({None, "ControlledByParent"})
_PARENTS = {
    "Asset": "Account",
    "CaseComment": "Case",
    "CaseMilestone": "Case",
    "Contact": "Account",
    "Contract": "Account",
    "ContractLineItem": "ServiceContract",
    "Entitlement": "Account",
    "WorkOrderLineItem": "WorkOrder",
}
"""Whose sharing counts for an object that has none of its own."""

_UNSEEN = (
    "Look in Setup, the user's profile and permission sets: without View All Data, rows that are "
    "not shared with the user are missing, and nothing tells which."
)
_CLOSED = (
    "Look in Setup whether a permission set of the user has View All Records on these objects, as "
    "that of scsync guide; or give the user View Setup and Configuration, and scsync looks."
)
_NARROW = (
    "Give the user View All Records on them (the permission set of scsync guide has it), or View "
    "All Data; then run scsync verify --repair, since rows that come into sight keep old stamps."
)


def sight(client: Client, sobjects: Collection[str], user_id: str | None) -> Finding:
    """Say whether the user sees every row of these objects, where that can be known."""
    try:
        may = next(iter(client.query_page(_MAY).records), {})
        if may.get("PermissionsViewAllData"):
            return Finding(TOPIC, Verdict.OK, "the user sees every row")
        sharing = _sharing(client, sobjects)
        opened = _opened(client, user_id) if user_id and may.get("PermissionsViewSetup") else None
    except SalesforceError:
        return Finding(TOPIC, Verdict.OK, "unknown: the org does not say", _UNSEEN)
    narrow = [name for name in sobjects if not _sees_all(name, sharing, opened or ())]
    if not narrow:
        how = "the user sees every row of what is pulled, by View All Records or public sharing"
        return Finding(TOPIC, Verdict.OK, how)
    names = ", ".join(narrow)
    if opened is not None:
        evidence = f"this user may not see all of {names}: only what is shared with it is copied"
        return Finding(TOPIC, Verdict.WARNING, evidence, _NARROW)
    evidence = f"unknown: whether this user, who has no View All Data, sees all of {names}"
    return Finding(TOPIC, Verdict.WARNING, evidence, _CLOSED)


def _sees_all(name: str, sharing: Mapping[str, str | None], opened: Collection[str]) -> bool:
    if name in opened or sharing.get(name) in _PUBLIC:
        return True
    parent = _PARENTS.get(name)
    if parent is None or sharing.get(name) not in _BY_PARENT:
        return False
    return _sees_all(parent, sharing, opened)


def _sharing(client: Client, sobjects: Collection[str]) -> dict[str, str | None]:
    """Ask what everybody is shown of these objects, and of their parents."""
    parents = [_PARENTS[name] for name in sobjects if name in _PARENTS]
    wanted = soql.in_("QualifiedApiName", sorted({*sobjects, *parents}))
    fields = ["QualifiedApiName", "InternalSharingModel"]
    found = client.query_page(soql.select(fields, "EntityDefinition", where=wanted)).records
    return {one["QualifiedApiName"]: one.get("InternalSharingModel") for one in found}


def _opened(client: Client, user_id: str) -> frozenset[str]:
    """Name the objects of which profile or permission sets show every row; Modify All needs it."""
    own = soql.eq("AssigneeId", user_id)
    assigned = f"ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE {own})"  # noqa: S608 - quoted by eq
    fields = ["SobjectType", "PermissionsViewAllRecords"]
    asked = soql.select(fields, "ObjectPermissions", where=assigned)
    return frozenset(_open_names(client, asked))


def _open_names(client: Client, asked: str) -> Iterator[str]:
    for page in client.query(asked):
        for one in page.records:
            if one.get("PermissionsViewAllRecords"):
                yield str(one["SobjectType"])
