"""Work orders with their lines, and the territories where they are done."""

from emulator.schema.field import (
    address,
    area,
    auto_number,
    boolean,
    double,
    each,
    integer,
    moment,
    money,
    percent,
    pick,
    reference,
    sync_key,
    text,
)
from emulator.schema.sobject import SObject

STATUS_CATEGORIES = {
    "New": "New",
    "In Progress": "InProgress",
    "On Hold": "OnHold",
    "Completed": "Completed",
    "Cannot Complete": "CannotComplete",
    "Closed": "Closed",
    "Canceled": "Canceled",
}
_STATUSES = "|".join(STATUS_CATEGORIES)
_CATEGORIES = "|".join((*STATUS_CATEGORIES.values(), "None"))
_PRIORITIES = "Low|Medium|High|Critical"

SERVICE_TERRITORY = SObject(
    "ServiceTerritory",
    "0Hh",
    (
        text("Name", "cu", name_field=True),
        reference("OwnerId", "cu", "User Group", default_picked=True),
        area("Description"),
        boolean("IsActive"),
        reference("ParentTerritoryId", to="ServiceTerritory", children="ChildServiceTerritories"),
        double("TypicalInTerritoryTravelTime"),
        integer("AvgTravelTime"),
        *address(),
    ),
    label="Service Territory",
    plural="Service Territories",
)

WORK_ORDER = SObject(
    "WorkOrder",
    "0WO",
    (
        auto_number("WorkOrderNumber", "{:08d}", 255, name_field=True),
        reference("OwnerId", "cu", "User Group", default_picked=True),
        *each(reference, "AccountId ContactId CaseId EntitlementId", children="WorkOrders"),
        *each(reference, "ServiceContractId AssetId", children="WorkOrders"),
        *each(reference, "Pricebook2Id BusinessHoursId"),
        reference("ParentWorkOrderId", to="WorkOrder", children="ChildWorkOrders"),
        reference("RootWorkOrderId", "n", "WorkOrder"),
        reference("ServiceTerritoryId", children="WorkOrders"),
        text("Subject"),
        area("Description"),
        pick("Status", values=_STATUSES, default="New"),
        pick("Priority", values=_PRIORITIES, length=40),
        pick("DurationType", values="Hours|Minutes", length=40),
        pick("StatusCategory", "n", _CATEGORIES, 40),
        *each(moment, "StartDate EndDate SlaStartDate"),
        *each(moment, "SlaExitDate StopStartDate", "n"),
        boolean("IsStopped"),
        boolean("IsClosed", ""),
        money("Tax"),
        double("Duration", precision=12),
        *each(money, "Subtotal TotalPrice GrandTotal", "n"),
        percent("Discount", "n"),
        integer("LineItemCount", "n"),
        double("DurationInMinutes", "n", 12),
        integer("ServiceAppointmentCount", "n"),
        text("MilestoneStatus", "n", 30),
        *address(),
        sync_key(),
    ),
)

WORK_ORDER_LINE_ITEM = SObject(
    "WorkOrderLineItem",
    "1WL",
    (
        reference("WorkOrderId", "c", cascade=True, children="WorkOrderLineItems"),
        auto_number("LineItemNumber", "{:08d}", 255, name_field=True),
        reference("ParentWorkOrderLineItemId", to="WorkOrderLineItem", children="ChildLineItems"),
        *each(reference, "Product2Id AssetId", children="WorkOrderLineItems"),
        reference("OrderId"),
        reference("PricebookEntryId"),
        reference("RootWorkOrderLineItemId", "n", "WorkOrderLineItem"),
        reference("ServiceTerritoryId", children="WorkOrderLineItems"),
        pick("Status", values=_STATUSES, length=40, default="New"),
        pick("Priority", values=_PRIORITIES, length=40),
        pick("DurationType", values="Hours|Minutes", length=40),
        *each(double, "Quantity Duration", "ncu", 12),
        money("UnitPrice"),
        percent("Discount"),
        text("Subject"),
        area("Description"),
        *each(moment, "StartDate EndDate"),
        *address(),
        *each(money, "ListPrice Subtotal TotalPrice", "n"),
        double("DurationInMinutes", "n", 12),
        pick("StatusCategory", "n", _CATEGORIES, 40),
        boolean("IsClosed", ""),
        integer("ServiceAppointmentCount", "n"),
        sync_key(),
    ),
)
