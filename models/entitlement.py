"""Entitlement, a customer's right to support (key prefix 550)."""

from datetime import date
from typing import ClassVar

from models.columns import day, flag, picklist, reference, text, whole
from models.sobject import Writable


class Entitlement(Writable, table=True):
    """What a customer may ask for, and how fast; its status follows the dates without a stamp."""

    __tablename__ = "entitlements"
    sobject: ClassVar[str] = "Entitlement"
    lock_parent: ClassVar[str | None] = "AccountId"
    computed: ClassVar[frozenset[str]] = frozenset({"Status"})
    history: ClassVar[frozenset[str]] = frozenset(
        {"EndDate", "RemainingCases", "StartDate", "Status"}
    )

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    name: str | None = text()
    account_id: str | None = reference("Account")
    asset_id: str | None = reference("Asset")
    asset_warranty_id: str | None = reference("AssetWarranty")
    service_contract_id: str | None = reference("ServiceContract")
    contract_line_item_id: str | None = reference("ContractLineItem")
    sla_process_id: str | None = reference("SlaProcess")
    business_hours_id: str | None = reference("BusinessHours")
    svc_appt_booking_windows_id: str | None = reference("OperatingHours")
    location_id: str | None = reference("Location")
    type: str | None = picklist()
    status: str | None = picklist()
    start_date: date | None = day()
    end_date: date | None = day()
    is_per_incident: bool | None = flag()
    cases_per_entitlement: int | None = whole()
    remaining_cases: int | None = whole()
    work_orders_per_entitlement: int | None = whole()
    remaining_work_orders: int | None = whole()
