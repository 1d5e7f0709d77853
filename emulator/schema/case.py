"""Case, its comments, its history and its milestones."""

from emulator.schema.field import (
    Field,
    area,
    auto_number,
    boolean,
    double,
    each,
    email,
    integer,
    moment,
    money,
    phone,
    pick,
    reference,
    sync_key,
    text,
)
from emulator.schema.sobject import SObject

CASE_STATUSES = "New|Working|Waiting on Customer|Escalated|Closed|Merged"
CLOSED_STATUSES = frozenset({"Closed", "Merged"})
LANGUAGES = "en_US|de|es|fr|it|ja|nl_NL|pt_BR|sv|zh_CN"
PRODUCT_AREAS = "Billing|Hardware|Installation|Mobile App|Network|Reporting|Web Portal"

CASE = SObject(
    "Case",
    "500",
    (
        auto_number("CaseNumber", "{:08d}", name_field=True, id_lookup=True),
        reference("ContactId", to="Contact", restrict=True, tracked=True, children="Cases"),
        reference("AccountId", to="Account", restrict=True, tracked=True, children="Cases"),
        reference("AssetId", to="Asset", children="Cases"),
        reference("ProductId", to="Product2", children="Cases"),
        reference("EntitlementId", restrict=True, children="Cases"),
        reference("ParentId", to="Case", children="Cases"),
        reference("ServiceContractId", children="Cases"),
        reference("OwnerId", "cu", "User Group", default_picked=True, tracked=True),
        reference("BusinessHoursId", "cu", default_picked=True),
        reference("SourceId", to="EmailMessage"),
        reference("MasterRecordId", "n", "Case"),
        pick("Status", values=CASE_STATUSES, default="New", tracked=True),
        pick("Origin", values="Phone|Email|Web|Chat"),
        pick("Type", values="Question|Problem|Feature Request|Return"),
        pick("Reason", values="Installation|Performance|Breakdown|Billing|Feedback|Other"),
        pick("Priority", values="High|Medium|Low", default="Medium", tracked=True),
        text("Subject", tracked=True),
        area("Description"),
        area("Comments", length=4000),
        *each(text, "SuppliedName SuppliedCompany", "ncu", 80),
        text("SuppliedPhone", length=40),
        email("SuppliedEmail"),
        *each(boolean, "IsEscalated IsStopped IsVisibleInSelfService"),
        *each(boolean, "IsClosed IsClosedOnCreate HasCommentsUnreadByOwner", ""),
        *each(boolean, "HasSelfServiceComments IsSelfServiceClosed", ""),
        *each(moment, "ClosedDate SlaExitDate StopStartDate", "n"),
        moment("SlaStartDate"),
        text("MilestoneStatus", "n", 30),
        pick("Language", values=LANGUAGES, length=40),
        *each(phone, "ContactPhone ContactMobile ContactFax", "n"),
        email("ContactEmail", "n"),
        *each(moment, "LastViewedDate LastReferencedDate", "n"),
        pick("Severity__c", values="S1|S2|S3|S4", restricted=True, tracked=True),
        Field(
            name="Product_Area__c",
            type="multipicklist",
            length=4099,
            values=tuple(PRODUCT_AREAS.split("|")),
        ),
        area("Root_Cause__c", length=32768),
        money("Refund_Amount__c", precision=16),
        sync_key(),
    ),
)

CASE_COMMENT = SObject(
    "CaseComment",
    "00a",
    (
        reference("ParentId", "c", "Case", cascade=True, children="CaseComments"),
        area("CommentBody", length=4000),
        area("CommentBodyRichtext", length=10000, html=True),
        *each(boolean, "IsPublished IsNotificationSelected"),
        sync_key(),
    ),
)

CASE_HISTORY = SObject(
    "CaseHistory",
    "017",
    (
        reference("CaseId", "", "Case", cascade=True, children="Histories"),
        pick("Field", ""),
        pick("DataType", "n", "Text|DynamicEnum|EntityId|Boolean|DateTime|Double"),
        *(
            Field(name=n, type="anyType", flags="n", filterable=False)
            for n in ("OldValue", "NewValue")
        ),
    ),
    allows="",
    label="Case History",
    plural="Case History",
    created_only=True,
    searchable=False,
)

# SQLite reads no zone without its colon; every instant is in UTC.
_SECONDS = "CAST(strftime('%s', substr({0}, 1, 19)) AS INT)"
_LEFT = f"({_SECONDS.format('{t}.TargetDate')} - {_SECONDS.format(':now')})"
_OVER = f"(-{_LEFT})"
_IS_VIOLATED = "(coalesce({t}.CompletionDate, :now) > {t}.TargetDate)"
_ACTUAL = "({t}.ElapsedTimeInMins - coalesce({t}.StoppedTimeInMins, 0))"


def _clock(name: str, seconds: str) -> Field:
    """Declare minutes and seconds that run until the milestone is completed."""
    shown = f"printf('%02d:%02d', {seconds} / 60, {seconds} % 60)"
    running = f"CASE WHEN {{t}}.IsCompleted = 0 AND {seconds} > 0 THEN {shown} END"
    return text(name, "n", 10, expression=running, filterable=False)


def _hours_and_days(name: str, minutes: str) -> tuple[Field, ...]:
    return tuple(
        double(f"{name}{unit}", "n", 6, expression=f"round({minutes} / {size}, 2)")
        for unit, size in (("InHrs", 60.0), ("InDays", 1440.0))
    )


CASE_MILESTONE = SObject(
    "CaseMilestone",
    "555",
    (
        reference("CaseId", "", "Case", cascade=True, children="CaseMilestones"),
        *each(moment, "StartDate CompletionDate", "nu"),
        moment("TargetDate", ""),
        *each(reference, "MilestoneTypeId BusinessHoursId", "n"),
        boolean("IsCompleted", ""),
        boolean("IsViolated", "", expression=_IS_VIOLATED),
        integer("TargetResponseInMins", "n"),
        *each(double, "TargetResponseInHrs TargetResponseInDays", "n"),
        *each(integer, "ElapsedTimeInMins StoppedTimeInMins", "n"),
        *_hours_and_days("ElapsedTime", "{t}.ElapsedTimeInMins"),
        *_hours_and_days("StoppedTime", "{t}.StoppedTimeInMins"),
        integer("ActualElapsedTimeInMins", "n", expression=_ACTUAL),
        *_hours_and_days("ActualElapsedTime", _ACTUAL),
        _clock("TimeRemainingInMins", _LEFT),
        _clock("TimeSinceTargetInMins", _OVER),
    ),
    allows="update",
    searchable=False,
)
