"""A case closes with its status, copies its contact, keeps its history and runs its milestones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from emulator.schema.case import CLOSED_STATUSES
from emulator.stamps import instant, wire

if TYPE_CHECKING:
    from emulator.changes import Change
    from emulator.engine import Engine
    from emulator.tables import Row

_COPIED = {
    "ContactPhone": "Phone",
    "ContactMobile": "MobilePhone",
    "ContactFax": "Fax",
    "ContactEmail": "Email",
}
_DATA_TYPES = {"reference": "EntityId", "picklist": "DynamicEnum", "boolean": "Boolean"}
_SPECIAL = {"OwnerId": "ownerAssignment"}
MINUTES_TO_TARGET = {"First Response": 60, "Resolution Time": 2 * 24 * 60}


def derive(engine: Engine, before: Row | None, values: Row, stamp: str) -> None:
    """Fill what follows from status, contact and entitlement."""
    values["Comments"] = None  # kept as a CaseComment, never on the case
    if "Status" in values:
        closed = values["Status"] in CLOSED_STATUSES
        was_closed = bool(before and before["IsClosed"])
        values["IsClosed"] = int(closed)
        if closed != was_closed:
            values["ClosedDate"] = stamp if closed else None
        if before is None:
            values["IsClosedOnCreate"] = int(closed)
    if "ContactId" in values:
        _copy_contact(engine, before, values)
    if before is None and values.get("EntitlementId"):
        values.setdefault("SlaStartDate", stamp)


def _copy_contact(engine: Engine, before: Row | None, values: Row) -> None:
    contact: Row = {}
    if values["ContactId"]:
        contact = engine.tables.row(engine.thing("Contact"), values["ContactId"]) or {}
    values |= {mine: contact.get(theirs) for mine, theirs in _COPIED.items()}
    if before is None and not values.get("AccountId"):
        values["AccountId"] = contact.get("AccountId")


def follow(engine: Engine, change: Change) -> None:
    """Write the history, the comment and the milestones that come with a case's change."""
    if change.op in {"create", "update"}:
        _keep_history(engine, change)
        if comment := change.given.get("Comments"):
            engine.add("CaseComment", {"ParentId": change.id, "CommentBody": comment}, change)
    if change.op == "create" and change.values.get("EntitlementId"):
        _start_milestones(engine, change)
    if change.op == "update" and change.values.get("ClosedDate") == change.stamp:
        _complete_milestones(engine, change)


def _keep_history(engine: Engine, change: Change) -> None:
    if change.before is None:
        engine.add("CaseHistory", {"CaseId": change.id, "Field": "created"}, change)
        return
    for field in change.sobject.stored:
        old, new = change.before[field.name], change.after[field.name]
        if field.tracked and old != new:
            row = {
                "CaseId": change.id,
                "Field": _SPECIAL.get(field.name, field.name.removesuffix("Id")),
                "DataType": _DATA_TYPES.get(field.type, "Text"),
                "OldValue": old,
                "NewValue": new,
            }
            engine.add("CaseHistory", row, change)


def _start_milestones(engine: Engine, change: Change) -> None:
    start = instant(change.stamp)
    for kind in engine.tables.rows(engine.thing("MilestoneType"), "1 ORDER BY seq"):
        minutes = MINUTES_TO_TARGET.get(kind["Name"])
        if minutes is not None:
            engine.add("CaseMilestone", milestone(change.id, kind["Id"], start, minutes), change)
    entitlement = engine.tables.row(engine.thing("Entitlement"), change.values["EntitlementId"])
    if entitlement and entitlement["RemainingCases"]:
        left = {"RemainingCases": entitlement["RemainingCases"] - 1}
        engine.amend("Entitlement", entitlement["Id"], left, change)


def milestone(case_id: str, kind_id: str, start: Any, minutes: int) -> Row:
    return {
        "CaseId": case_id,
        "MilestoneTypeId": kind_id,
        "StartDate": wire(start),
        "TargetDate": wire(start + timedelta(minutes=minutes)),
        "TargetResponseInMins": minutes,
        "TargetResponseInHrs": minutes / 60,
        "TargetResponseInDays": round(minutes / 60 / 24, 2),
    }


def _complete_milestones(engine: Engine, change: Change) -> None:
    milestones = engine.thing("CaseMilestone")
    where = '"CaseId" = ? AND "IsCompleted" = 0 AND "IsDeleted" = 0'
    for row in engine.tables.rows(milestones, where, (change.id,)):
        engine.amend("CaseMilestone", row["Id"], {"CompletionDate": change.stamp}, change)


def derive_milestone(_engine: Engine, before: Row | None, values: Row, _stamp: str) -> None:
    if "CompletionDate" in values:
        values["IsCompleted"] = int(values["CompletionDate"] is not None)
    row = (before or {}) | values
    values["ElapsedTimeInMins"] = elapsed(row.get("StartDate"), row.get("CompletionDate"))


def elapsed(start: str | None, completion: str | None) -> int | None:
    """Count the minutes that a milestone took, which is not told before it is completed."""
    if start is None or completion is None:
        return None
    return (instant(completion) - instant(start)) // timedelta(minutes=1)


def follow_contact(engine: Engine, change: Change) -> None:
    """Show a contact's new address on its cases; their stamps stay where they were."""
    if change.op != "update":
        return
    copies = {mine: change.after[theirs] for mine, theirs in _COPIED.items()}
    if any(change.before and change.before[t] != change.after[t] for t in _COPIED.values()):
        cases = engine.thing("Case")
        for row in engine.tables.rows(cases, '"ContactId" = ?', (change.id,)):
            engine.tables.update(cases, row["Id"], copies)
