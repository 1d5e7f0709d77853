"""Case, the customer's question (key prefix 500)."""

from datetime import datetime
from typing import ClassVar

from models.columns import flag, instant, picklist, reference, text
from models.sobject import Writable


class Case(Writable, table=True):
    """A customer's question, from the first word to the last."""

    __tablename__ = "cases"
    sobject: ClassVar[str] = "Case"
    lock_parent: ClassVar[str | None] = "AccountId"
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "ContactEmail",
            "ContactFax",
            "ContactMobile",
            "ContactPhone",
            "MilestoneStatus",
        }
    )
    history: ClassVar[frozenset[str]] = frozenset(
        {"ClosedDate", "EntitlementId", "IsClosed", "IsEscalated", "OwnerId", "Priority", "Status"}
    )

    case_number: str | None = text()
    record_type_id: str | None = reference("RecordType")
    currency_iso_code: str | None = picklist()
    owner_id: str | None = reference("User", "Group")
    contact_id: str | None = reference("Contact")
    account_id: str | None = reference("Account")
    asset_id: str | None = reference("Asset")
    product_id: str | None = reference("Product2")
    entitlement_id: str | None = reference("Entitlement")
    service_contract_id: str | None = reference("ServiceContract")
    parent_id: str | None = reference("Case")
    master_record_id: str | None = reference("Case")
    business_hours_id: str | None = reference("BusinessHours")
    source_id: str | None = reference("EmailMessage", "SocialPost")
    status: str | None = picklist()
    origin: str | None = picklist()
    type: str | None = picklist()
    reason: str | None = picklist()
    priority: str | None = picklist()
    language: str | None = picklist()
    subject: str | None = text()
    description: str | None = text()
    comments: str | None = text()
    supplied_name: str | None = text()
    supplied_company: str | None = text()
    supplied_phone: str | None = text()
    supplied_email: str | None = text()
    contact_phone: str | None = text()
    contact_mobile: str | None = text()
    contact_fax: str | None = text()
    contact_email: str | None = text()
    is_closed: bool | None = flag()
    is_closed_on_create: bool | None = flag()
    is_escalated: bool | None = flag()
    is_stopped: bool | None = flag()
    is_visible_in_self_service: bool | None = flag()
    is_self_service_closed: bool | None = flag()
    has_comments_unread_by_owner: bool | None = flag()
    has_self_service_comments: bool | None = flag()
    closed_date: datetime | None = instant()
    sla_start_date: datetime | None = instant()
    sla_exit_date: datetime | None = instant()
    stop_start_date: datetime | None = instant()
    milestone_status: str | None = text()
