"""Contract, the agreement behind the service (key prefix 800)."""

from datetime import date, datetime
from typing import ClassVar

from models.address import BillingAddress, ShippingAddress
from models.columns import day, instant, picklist, reference, text, whole
from models.sobject import Writable


class Contract(ShippingAddress, BillingAddress, Writable, table=True):
    """A sales contract; it becomes inactive rather than being deleted."""

    __tablename__ = "contracts"
    sobject: ClassVar[str] = "Contract"
    lock_parent: ClassVar[str | None] = "AccountId"

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    contract_number: str | None = text()
    name: str | None = text()
    account_id: str | None = reference("Account")
    owner_id: str | None = reference("User")
    pricebook2_id: str | None = reference("Pricebook2")
    status: str | None = picklist()
    status_code: str | None = picklist()
    start_date: date | None = day()
    end_date: date | None = day()
    contract_term: int | None = whole()
    owner_expiration_notice: str | None = picklist()
    special_terms: str | None = text()
    description: str | None = text()
    company_signed_id: str | None = reference("User")
    company_signed_date: date | None = day()
    customer_signed_id: str | None = reference("Contact")
    customer_signed_title: str | None = text()
    customer_signed_date: date | None = day()
    activated_by_id: str | None = reference("User")
    activated_date: datetime | None = instant()
    last_approved_date: datetime | None = instant()
    last_activity_date: date | None = day()
