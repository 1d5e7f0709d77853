"""Contact, the person who asks (key prefix 003)."""

from datetime import date, datetime
from typing import ClassVar

from models.address import MailingAddress, OtherAddress
from models.columns import day, flag, instant, picklist, reference, text
from models.sobject import Writable


class Contact(OtherAddress, MailingAddress, Writable, table=True):
    """A person at a customer."""

    __tablename__ = "contacts"
    sobject: ClassVar[str] = "Contact"
    lock_parent: ClassVar[str | None] = "AccountId"

    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    name: str | None = text()
    first_name: str | None = text()
    last_name: str | None = text()
    salutation: str | None = picklist()
    account_id: str | None = reference("Account")
    reports_to_id: str | None = reference("Contact")
    master_record_id: str | None = reference("Contact")
    owner_id: str | None = reference("User")
    email: str | None = text()
    phone: str | None = text()
    mobile_phone: str | None = text()
    home_phone: str | None = text()
    other_phone: str | None = text()
    assistant_name: str | None = text()
    assistant_phone: str | None = text()
    fax: str | None = text()
    title: str | None = text()
    department: str | None = text()
    lead_source: str | None = picklist()
    birthdate: date | None = day()
    description: str | None = text()
    photo_url: str | None = text()
    is_email_bounced: bool | None = flag()
    email_bounced_reason: str | None = text()
    email_bounced_date: datetime | None = instant()
    last_activity_date: date | None = day()
