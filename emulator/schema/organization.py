"""The org itself: its people, queues, hours and record types."""

from emulator.schema.case import LANGUAGES
from emulator.schema.field import (
    Field,
    boolean,
    each,
    email,
    moment,
    pick,
    reference,
    sync_key,
    text,
)
from emulator.schema.sobject import SObject

_FULL_NAME = "trim(coalesce({t}.FirstName || ' ', '') || {t}.LastName)"
_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_ZONES = "America/Los_Angeles|America/New_York|Europe/Berlin|Europe/London|GMT"

USER = SObject(
    "User",
    "005",
    (
        text("Username", "cu", 80, unique=True, id_lookup=True),
        text("LastName", "cu", 80),
        text("FirstName", length=40),
        text("Name", "", 121, expression=_FULL_NAME, name_field=True),
        email("Email", "cu", 128, id_lookup=True),
        text("Alias", "cu", 8),
        boolean("IsActive"),
        pick("UserType", "", "Standard|CspLitePortal|Guest", 40, default="Standard"),
        reference("ProfileId", "ncu"),
        reference("UserRoleId"),
        reference("ManagerId", to="User", children="ManagedUsers"),
        pick("TimeZoneSidKey", "cu", _ZONES, 40, default="GMT"),
        pick("LocaleSidKey", "cu", "en_US|de_DE|fr_FR|ja_JP", 40, default="en_US"),
        pick("LanguageLocaleKey", "cu", LANGUAGES, 40, default="en_US"),
        text("FederationIdentifier", length=512),
        reference("ContactId"),
        boolean("UserPermissionsKnowledgeUser"),
        moment("LastLoginDate", "n"),
        sync_key(),
    ),
    allows="create update",
    has_bin=False,
)

GROUP = SObject(
    "Group",
    "00G",
    (
        text("Name", "cu", 40, name_field=True),
        text("DeveloperName", length=80),
        pick("Type", "c", "Queue|Regular", 40),
        email("Email", length=255),
        boolean("DoesSendEmailToMembers"),
    ),
    allows="create update",
    has_bin=False,
)

BUSINESS_HOURS = SObject(
    "BusinessHours",
    "01m",
    (
        text("Name", "cu", 80, name_field=True),
        *each(boolean, "IsActive IsDefault"),
        pick("TimeZoneSidKey", "cu", _ZONES, 40, default="GMT"),
        *(Field(name=f"{d}{e}Time", type="time") for d in _DAYS for e in ("Start", "End")),
    ),
    allows="create update",
    label="Business Hours",
    plural="Business Hours",
    has_bin=False,
)

RECORD_TYPE = SObject(
    "RecordType",
    "012",
    (
        text("Name", "cu", 80, name_field=True),
        text("DeveloperName", "cu", 80),
        text("NamespacePrefix", "n", 15),
        text("Description", length=255),
        pick("SobjectType", "c", "Case|Knowledge__kav", 40),
        boolean("IsActive"),
        boolean("IsPersonType", ""),
    ),
    allows="create update",
    has_bin=False,
)

ORGANIZATION = SObject(
    "Organization",
    "00D",
    (
        text("Name", "u", 80, name_field=True),
        text("NamespacePrefix", "n", 15),
        boolean("IsSandbox", ""),
        pick("OrganizationType", "", "Developer Edition|Enterprise Edition|Unlimited Edition", 40),
        text("InstanceName", "n", 5),
        pick("LanguageLocaleKey", "u", LANGUAGES, 40),
        pick("TimeZoneSidKey", "nu", _ZONES, 40),
        moment("TrialExpirationDate", "n"),
    ),
    allows="",
    has_bin=False,
)
