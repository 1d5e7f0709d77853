"""WorkOrder, work promised to a customer (key prefix 0WO)."""

from datetime import date, datetime
from typing import ClassVar

from models.address import Address
from models.columns import day, flag, instant, number, picklist, reference, text, whole
from models.sobject import Writable


class WorkOrder(Address, Writable, table=True):
    """Work to be done for a customer, in the field or at a desk."""

    __tablename__ = "work_orders"
    sobject: ClassVar[str] = "WorkOrder"
    lock_parent: ClassVar[str | None] = "AccountId"
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "Discount",
            "GrandTotal",
            "LineItemCount",
            "MilestoneStatus",
            "Subtotal",
            "TotalPrice",
        }
    )
    history: ClassVar[frozenset[str]] = frozenset(
        {"EndDate", "IsClosed", "OwnerId", "Priority", "StartDate", "Status"}
    )

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    work_order_number: str | None = text()
    owner_id: str | None = reference("User", "Group")
    account_id: str | None = reference("Account")
    contact_id: str | None = reference("Contact")
    case_id: str | None = reference("Case")
    entitlement_id: str | None = reference("Entitlement")
    service_contract_id: str | None = reference("ServiceContract")
    asset_id: str | None = reference("Asset")
    asset_warranty_id: str | None = reference("AssetWarranty")
    pricebook2_id: str | None = reference("Pricebook2")
    parent_work_order_id: str | None = reference("WorkOrder")
    root_work_order_id: str | None = reference("WorkOrder")
    business_hours_id: str | None = reference("BusinessHours")
    work_type_id: str | None = reference("WorkType")
    service_territory_id: str | None = reference("ServiceTerritory")
    location_id: str | None = reference("Location")
    maintenance_plan_id: str | None = reference("MaintenancePlan")
    maintenance_work_rule_id: str | None = reference("MaintenanceWorkRule")
    product_service_campaign_id: str | None = reference("ProductServiceCampaign")
    product_service_campaign_item_id: str | None = reference("ProductServiceCampaignItem")
    return_order_id: str | None = reference("ReturnOrder")
    service_report_template_id: str | None = reference("ServiceReportLayout")
    service_report_language: str | None = picklist()
    subject: str | None = text()
    description: str | None = text()
    status: str | None = picklist()
    status_category: str | None = picklist()
    priority: str | None = picklist()
    is_closed: bool | None = flag()
    is_stopped: bool | None = flag()
    is_generated_from_maintenance_plan: bool | None = flag()
    milestone_status: str | None = text()
    start_date: datetime | None = instant()
    end_date: datetime | None = instant()
    sla_start_date: datetime | None = instant()
    sla_exit_date: datetime | None = instant()
    stop_start_date: datetime | None = instant()
    suggested_maintenance_date: date | None = day()
    duration: float | None = number()
    duration_type: str | None = picklist()
    duration_in_minutes: float | None = number()
    minimum_crew_size: int | None = whole()
    recommended_crew_size: int | None = whole()
    service_appointment_count: int | None = whole()
    line_item_count: int | None = whole()
    tax: float | None = number()
    discount: float | None = number()
    subtotal: float | None = number()
    total_price: float | None = number()
    grand_total: float | None = number()
