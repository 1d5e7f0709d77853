"""Group, of which the queues are read (key prefix 00G)."""

from datetime import timedelta
from typing import ClassVar

from models.columns import flag, picklist, reference, text
from models.sobject import SObject


class Group(SObject, table=True):
    """A queue, which may own cases as a user does; groups of other types own no records."""

    __tablename__ = "groups"
    sobject: ClassVar[str] = "Group"
    where: ClassVar[str | None] = "Type = 'Queue'"
    freshness: ClassVar[timedelta] = timedelta(hours=1)  # made by administrators, now and then
    absent: ClassVar[frozenset[str]] = frozenset({"IsDeleted"})

    name: str | None = text()
    developer_name: str | None = text()
    type: str | None = picklist()
    email: str | None = text()
    owner_id: str | None = reference("User")
    does_send_email_to_members: bool | None = flag()
