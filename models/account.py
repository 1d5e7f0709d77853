"""Account, the customer (key prefix 001)."""

from datetime import date
from typing import ClassVar

from models.address import BillingAddress, ShippingAddress
from models.columns import day, flag, number, picklist, reference, text, whole
from models.sobject import Writable


class Account(ShippingAddress, BillingAddress, Writable, table=True):
    """A company, or a person where person accounts are on."""

    __tablename__ = "accounts"
    sobject: ClassVar[str] = "Account"

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    name: str | None = text()
    type: str | None = picklist()
    account_number: str | None = text()
    parent_id: str | None = reference("Account")
    master_record_id: str | None = reference("Account")
    owner_id: str | None = reference("User")
    phone: str | None = text()
    fax: str | None = text()
    website: str | None = text()
    photo_url: str | None = text()
    industry: str | None = picklist()
    annual_revenue: float | None = number()
    number_of_employees: int | None = whole()
    ownership: str | None = picklist()
    rating: str | None = picklist()
    site: str | None = text()
    sic: str | None = text()
    sic_desc: str | None = text()
    ticker_symbol: str | None = text()
    account_source: str | None = picklist()
    description: str | None = text()
    last_activity_date: date | None = day()
    # Person accounts only.
    is_person_account: bool | None = flag()
    first_name: str | None = text()
    last_name: str | None = text()
    salutation: str | None = picklist()
    person_contact_id: str | None = reference("Contact")
    person_email: str | None = text()
    person_mobile_phone: str | None = text()
    person_home_phone: str | None = text()
    person_title: str | None = text()
    person_birthdate: date | None = day()
