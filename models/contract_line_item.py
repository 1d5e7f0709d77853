"""ContractLineItem, one product of a service contract (key prefix 811)."""

from datetime import date
from typing import ClassVar

from models.columns import day, number, picklist, reference, text
from models.sobject import Writable


class ContractLineItem(Writable, table=True):
    """A covered product; its status changes with the calendar, without a stamp."""

    __tablename__ = "contract_line_items"
    sobject: ClassVar[str] = "ContractLineItem"
    lock_parent: ClassVar[str | None] = "ServiceContractId"
    computed: ClassVar[frozenset[str]] = frozenset({"Status"})

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    line_item_number: str | None = text()
    service_contract_id: str | None = reference("ServiceContract")
    pricebook_entry_id: str | None = reference("PricebookEntry")
    product2_id: str | None = reference("Product2")
    asset_id: str | None = reference("Asset")
    parent_contract_line_item_id: str | None = reference("ContractLineItem")
    root_contract_line_item_id: str | None = reference("ContractLineItem")
    status: str | None = picklist()
    start_date: date | None = day()
    end_date: date | None = day()
    description: str | None = text()
    quantity: float | None = number()
    unit_price: float | None = number()
    discount: float | None = number()
    list_price: float | None = number()
    subtotal: float | None = number()
    total_price: float | None = number()
