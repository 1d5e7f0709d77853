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


def _seconds(instant: str) -> str:
    """Count an instant's seconds; SQLite reads no zone that is written +0000."""
    return f"strftime('%s', substr({instant}, 1, 19))"


_ELAPSED = (
    f"(({_seconds('coalesce({t}.CompletionDate, :now)')} - {_seconds('{t}.StartDate')}) / 60)"
)
_LEFT = f"({_seconds('{t}.TargetDate')} - {_seconds(':now')})"
_CLOCK = (
    "CASE WHEN {t}.IsCompleted = 0 AND %s > 0 THEN printf('%%02d:%%02d', %s / 60, %s %% 60) END"
)
_OVER = f"(-{_LEFT})"

CASE_MILESTONE = SObject(
    "CaseMilestone",
    "555",
    (
        reference("CaseId", "", "Case", cascade=True, children="CaseMilestones"),
        *each(moment, "StartDate CompletionDate", "nu"),
        moment("TargetDate", ""),
        *each(reference, "MilestoneTypeId BusinessHoursId", "n"),
        *each(boolean, "IsCompleted IsViolated", ""),
        integer("TargetResponseInMins", "n"),
        *each(double, "TargetResponseInHrs TargetResponseInDays", "n"),
        integer("ElapsedTimeInMins", "n", expression=_ELAPSED, filterable=False),
        double("ElapsedTimeInHrs", "n", expression=f"{_ELAPSED} / 60.0", filterable=False),
        integer("StoppedTimeInMins", "n"),
        integer("ActualElapsedTimeInMins", "n", expression=_ELAPSED, filterable=False),
        text(
            "TimeRemainingInMins",
            "n",
            10,
            expression=_CLOCK % (_LEFT, _LEFT, _LEFT),
            filterable=False,
        ),
        text(
            "TimeSinceTargetInMins",
            "n",
            10,
            expression=_CLOCK % (_OVER, _OVER, _OVER),
            filterable=False,
        ),
    ),
    allows="update",
    searchable=False,
)
