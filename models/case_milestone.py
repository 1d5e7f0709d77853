"""CaseMilestone, a promise about a case (key prefix 555)."""

from datetime import datetime
from typing import ClassVar

from models.columns import flag, instant, number, picklist, reference, whole
from models.sobject import SObject


class CaseMilestone(SObject, table=True):
    """A step due by a time; the entitlement engine makes and removes the rows."""

    __tablename__ = "case_milestones"
    sobject: ClassVar[str] = "CaseMilestone"
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "ActualElapsedTimeInDays",
            "ActualElapsedTimeInHrs",
            "ActualElapsedTimeInMins",
            "ElapsedTimeInDays",
            "ElapsedTimeInHrs",
            "ElapsedTimeInMins",
            "IsViolated",
        }
    )
    history: ClassVar[frozenset[str]] = frozenset({"CompletionDate", "TargetDate"})

    currency_iso_code: str | None = picklist()
    case_id: str | None = reference("Case")
    milestone_type_id: str | None = reference("MilestoneType")
    business_hours_id: str | None = reference("BusinessHours")
    start_date: datetime | None = instant()
    target_date: datetime | None = instant()
    completion_date: datetime | None = instant()
    is_completed: bool | None = flag()
    is_violated: bool | None = flag()
    target_response_in_mins: int | None = whole()
    target_response_in_hrs: float | None = number()
    target_response_in_days: float | None = number()
    elapsed_time_in_mins: int | None = whole()
    elapsed_time_in_hrs: float | None = number()
    elapsed_time_in_days: float | None = number()
    stopped_time_in_mins: int | None = whole()
    stopped_time_in_hrs: float | None = number()
    stopped_time_in_days: float | None = number()
    actual_elapsed_time_in_mins: int | None = whole()
    actual_elapsed_time_in_hrs: float | None = number()
    actual_elapsed_time_in_days: float | None = number()
