"""CaseComment, a remark on a case (key prefix 00a)."""

from typing import ClassVar

from models.columns import flag, picklist, reference, text
from models.sobject import Writable


class CaseComment(Writable, table=True):
    """A remark on a case, for the customer's eyes only when published."""

    __tablename__ = "case_comments"
    sobject: ClassVar[str] = "CaseComment"
    lock_parent: ClassVar[str | None] = "ParentId"

    currency_iso_code: str | None = picklist()
    parent_id: str | None = reference("Case")
    comment_body: str | None = text()
    comment_body_richtext: str | None = text()
    is_published: bool | None = flag()
    is_notification_selected: bool | None = flag()
