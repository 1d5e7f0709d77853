"""Asset, a product a customer owns (key prefix 02i)."""

from datetime import date, datetime
from typing import ClassVar

from models.address import Address
from models.columns import day, flag, instant, number, picklist, reference, text, whole
from models.sobject import Writable


class Asset(Address, Writable, table=True):
    """A product in a customer's hands; it hangs on an account, a contact, or both."""

    __tablename__ = "assets"
    sobject: ClassVar[str] = "Asset"
    lock_parent: ClassVar[str | None] = "AccountId"

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    name: str | None = text()
    account_id: str | None = reference("Account")
    contact_id: str | None = reference("Contact")
    parent_id: str | None = reference("Asset")
    root_asset_id: str | None = reference("Asset")
    asset_level: int | None = whole()
    product2_id: str | None = reference("Product2")
    product_code: str | None = text()
    product_family: str | None = picklist()
    product_description: str | None = text()
    owner_id: str | None = reference("User", "Group")
    asset_provided_by_id: str | None = reference("Account")
    asset_serviced_by_id: str | None = reference("Account")
    location_id: str | None = reference("Location")
    serial_number: str | None = text()
    stock_keeping_unit: str | None = text()
    unique_identifier: str | None = text()
    external_identifier: str | None = text()
    status: str | None = picklist()
    status_reason: str | None = picklist()
    digital_asset_status: str | None = picklist()
    consequence_of_failure: str | None = picklist()
    is_internal: bool | None = flag()
    is_competitor_product: bool | None = flag()
    manufacture_date: date | None = day()
    purchase_date: date | None = day()
    install_date: date | None = day()
    usage_end_date: date | None = day()
    price: float | None = number()
    quantity: float | None = number()
    description: str | None = text()
    has_lifecycle_management: bool | None = flag()
    lifecycle_start_date: datetime | None = instant()
    lifecycle_end_date: datetime | None = instant()
    current_lifecycle_end_date: datetime | None = instant()
    current_mrr: float | None = number()
    current_amount: float | None = number()
    current_quantity: float | None = number()
    total_lifecycle_amount: float | None = number()
