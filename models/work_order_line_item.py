"""WorkOrderLineItem, one task of a work order (key prefix 1WL)."""

from datetime import date, datetime
from typing import ClassVar

from models.address import Address
from models.columns import day, flag, instant, number, picklist, reference, text, whole
from models.sobject import Writable


class WorkOrderLineItem(Address, Writable, table=True):
    """A task within a work order, fixed to it at creation."""

    __tablename__ = "work_order_line_items"
    sobject: ClassVar[str] = "WorkOrderLineItem"
    lock_parent: ClassVar[str | None] = "WorkOrderId"

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    line_item_number: str | None = text()
    work_order_id: str | None = reference("WorkOrder")
    parent_work_order_line_item_id: str | None = reference("WorkOrderLineItem")
    root_work_order_line_item_id: str | None = reference("WorkOrderLineItem")
    product2_id: str | None = reference("Product2")
    asset_id: str | None = reference("Asset")
    asset_warranty_id: str | None = reference("AssetWarranty")
    order_id: str | None = reference("Order")
    pricebook_entry_id: str | None = reference("PricebookEntry")
    work_type_id: str | None = reference("WorkType")
    service_territory_id: str | None = reference("ServiceTerritory")
    location_id: str | None = reference("Location")
    maintenance_plan_id: str | None = reference("MaintenancePlan")
    maintenance_work_rule_id: str | None = reference("MaintenanceWorkRule")
    product_service_campaign_id: str | None = reference("ProductServiceCampaign")
    product_service_campaign_item_id: str | None = reference("ProductServiceCampaignItem")
    return_order_id: str | None = reference("ReturnOrder")
    return_order_line_item_id: str | None = reference("ReturnOrderLineItem")
    service_report_template_id: str | None = reference("ServiceReportLayout")
    service_report_language: str | None = picklist()
    subject: str | None = text()
    description: str | None = text()
    status: str | None = picklist()
    status_category: str | None = picklist()
    priority: str | None = picklist()
    is_closed: bool | None = flag()
    is_generated_from_maintenance_plan: bool | None = flag()
    start_date: datetime | None = instant()
    end_date: datetime | None = instant()
    suggested_maintenance_date: date | None = day()
    duration: float | None = number()
    duration_type: str | None = picklist()
    duration_in_minutes: float | None = number()
    minimum_crew_size: int | None = whole()
    recommended_crew_size: int | None = whole()
    service_appointment_count: int | None = whole()
    quantity: float | None = number()
    unit_price: float | None = number()
    discount: float | None = number()
    list_price: float | None = number()
    subtotal: float | None = number()
    total_price: float | None = number()
