"""ServiceContract, what support a customer has bought (key prefix 810)."""

from datetime import date, datetime
from typing import ClassVar

from models.address import BillingAddress, ShippingAddress
from models.columns import day, instant, number, picklist, reference, text, whole
from models.sobject import Writable


class ServiceContract(ShippingAddress, BillingAddress, Writable, table=True):
    """A support agreement; the org computes its status from the dates and moves no stamp for it."""

    __tablename__ = "service_contracts"
    sobject: ClassVar[str] = "ServiceContract"
    lock_parent: ClassVar[str | None] = "AccountId"
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "Discount",
            "GrandTotal",
            "LineItemCount",
            "Status",
            "Subtotal",
            "TotalPrice",
        }
    )
    history: ClassVar[frozenset[str]] = frozenset(
        {"ApprovalStatus", "EndDate", "OwnerId", "StartDate", "Status"}
    )

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    contract_number: str | None = text()
    name: str | None = text()
    account_id: str | None = reference("Account")
    contact_id: str | None = reference("Contact")
    owner_id: str | None = reference("User", "Group")
    pricebook2_id: str | None = reference("Pricebook2")
    parent_service_contract_id: str | None = reference("ServiceContract")
    root_service_contract_id: str | None = reference("ServiceContract")
    status: str | None = picklist()
    approval_status: str | None = picklist()
    start_date: date | None = day()
    end_date: date | None = day()
    activation_date: datetime | None = instant()
    term: int | None = whole()
    description: str | None = text()
    special_terms: str | None = text()
    shipping_handling: float | None = number()
    tax: float | None = number()
    discount: float | None = number()
    subtotal: float | None = number()
    total_price: float | None = number()
    grand_total: float | None = number()
    line_item_count: int | None = whole()
