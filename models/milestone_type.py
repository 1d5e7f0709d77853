"""MilestoneType, the name of a promise (key prefix 557)."""

from datetime import timedelta
from typing import ClassVar

from models.columns import picklist, text
from models.sobject import SObject


class MilestoneType(SObject, table=True):
    """What a milestone is called and how it recurs, as administrators set it up."""

    __tablename__ = "milestone_types"
    sobject: ClassVar[str] = "MilestoneType"
    freshness: ClassVar[timedelta] = timedelta(hours=1)
    absent: ClassVar[frozenset[str]] = frozenset({"IsDeleted"})

    name: str | None = text()
    description: str | None = text()
    recurrence_type: str | None = picklist()
