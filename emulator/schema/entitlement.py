"""Entitlement, its process and the milestone types a process is made of."""

from emulator.schema.field import (
    area,
    boolean,
    day,
    each,
    integer,
    pick,
    reference,
    sync_key,
    text,
)
from emulator.schema.sobject import SObject

# Status follows the calendar, not the record: it changes at midnight and moves no stamp.
STATUS_BY_DATE = (
    "CASE WHEN {t}.StartDate IS NULL OR {t}.StartDate > :today THEN 'Inactive'"
    " WHEN {t}.EndDate < :today THEN 'Expired' ELSE 'Active' END"
)

ENTITLEMENT = SObject(
    "Entitlement",
    "550",
    (
        text("Name", "cu", name_field=True),
        reference("AccountId", "cu", "Account", cascade=True, children="Entitlements"),
        pick("Type", values="Phone Support|Web Support|Premium Support", length=40),
        pick("Status", "n", "Active|Expired|Inactive", expression=STATUS_BY_DATE),
        *each(day, "StartDate EndDate"),
        reference("SlaProcessId", children="Entitlements"),
        reference("BusinessHoursId"),
        reference("ServiceContractId", children="Entitlements"),
        reference("ContractLineItemId", children="Entitlements"),
        reference("AssetId", children="Entitlements"),
        boolean("IsPerIncident"),
        *each(integer, "CasesPerEntitlement RemainingCases"),
        *each(integer, "WorkOrdersPerEntitlement RemainingWorkOrders"),
        sync_key(),
    ),
)

SLA_PROCESS = SObject(
    "SlaProcess",
    "552",
    (
        text("Name", "", 120, name_field=True),
        text("NameNorm", "n", 240),
        text("Description", "n", 255),
        *each(boolean, "IsActive IsVersionDefault", ""),
        text("StartDateField", "n", 255),
        pick("SobjectType", "", "Case|WorkOrder", 40),
        integer("VersionNumber", ""),
        text("VersionMaster", "n", 15),
        text("VersionNotes", "n", 255),
        reference("BusinessHoursId", "n"),
    ),
    allows="",
    label="Entitlement Process",
    plural="Entitlement Processes",
)

MILESTONE_TYPE = SObject(
    "MilestoneType",
    "557",
    (
        text("Name", "cu", 80, name_field=True),
        area("Description", "ncu", 255),
        pick("RecurrenceType", "cu", "none|recursIndependently|recursChained", 40, default="none"),
    ),
    has_bin=False,
)
