"""User, who works in the org (key prefix 005)."""

from datetime import datetime
from typing import ClassVar

from models.address import Address
from models.columns import flag, instant, picklist, reference, text
from models.sobject import SObject


class User(Address, SObject, table=True):
    """An agent, an administrator, an integration or a portal member; users are never deleted."""

    __tablename__ = "users"
    sobject: ClassVar[str] = "User"
    absent: ClassVar[frozenset[str]] = frozenset({"IsDeleted"})

    username: str | None = text()
    name: str | None = text()
    first_name: str | None = text()
    last_name: str | None = text()
    alias: str | None = text()
    community_nickname: str | None = text()
    email: str | None = text()
    phone: str | None = text()
    mobile_phone: str | None = text()
    extension: str | None = text()
    fax: str | None = text()
    title: str | None = text()
    company_name: str | None = text()
    department: str | None = text()
    division: str | None = text()
    employee_number: str | None = text()
    federation_identifier: str | None = text()
    is_active: bool | None = flag()
    user_type: str | None = picklist()
    user_permissions_knowledge_user: bool | None = flag()
    profile_id: str | None = reference("Profile")
    user_role_id: str | None = reference("UserRole")
    manager_id: str | None = reference("User")
    contact_id: str | None = reference("Contact")
    account_id: str | None = reference("Account")
    time_zone_sid_key: str | None = picklist()
    locale_sid_key: str | None = picklist()
    language_locale_key: str | None = picklist()
    email_encoding_key: str | None = picklist()
    default_currency_iso_code: str | None = picklist()
    currency_iso_code: str | None = picklist()
    last_login_date: datetime | None = instant()
