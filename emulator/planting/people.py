"""The org's own people: an integration user, agents, queues, hours and record types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.ids import record_id
from emulator.planting.words import FIRST_NAMES, LAST_NAMES

if TYPE_CHECKING:
    from emulator.planting.bed import Bed

DOMAIN = "emulated.example"
QUEUES = ("Billing Desk", "Field Service", "First Line", "Second Line")
_PROFILES = {"integration": 1, "agent": 2}
_MOST_AGENTS = 150
_CASES_PER_AGENT = 100
_LEAVES_EVERY = 25


@dataclass(frozen=True)
class People:
    """Who can own a record."""

    organization_id: str
    user_id: str
    agents: list[str]
    queues: list[str]
    hours_id: str


def sow_people(bed: Bed) -> People:
    born = bed.stamp(0)
    bed.user_id = record_id("005", 1)
    organization = bed.sow(
        "Organization",
        "Name IsSandbox OrganizationType InstanceName LanguageLocaleKey TimeZoneSidKey",
        [
            (
                born,
                born,
                bed.user_id,
                "Emulated Support",
                1,
                "Enterprise Edition",
                "EMU1",
                "en_US",
                "GMT",
            )
        ],
    )
    users = _sow_users(bed, born)
    groups = ((born, born, bed.user_id, name, name.replace(" ", "_"), "Queue") for name in QUEUES)
    queues = bed.sow("Group", "Name DeveloperName Type", groups)
    types = ((born, born, bed.user_id, "Support", "Support", "Case", 1),)
    bed.sow("RecordType", "Name DeveloperName SobjectType IsActive", types)
    return People(organization[0], users[0], users[1:], queues, _sow_hours(bed, born))


def _sow_users(bed: Bed, born: str) -> list[str]:
    count = min(_MOST_AGENTS, 8 + bed.cases // _CASES_PER_AGENT)
    columns = (
        "Username LastName FirstName Email Alias IsActive UserType ProfileId TimeZoneSidKey "
        "LocaleSidKey LanguageLocaleKey UserPermissionsKnowledgeUser"
    )
    tail = ("GMT", "en_US", "en_US", 1)
    profiles = {kind: record_id("00e", number) for kind, number in _PROFILES.items()}
    address = f"integration@{DOMAIN}"
    me = (address, "User", "Integration", address, "integ", 1, "Standard", profiles["integration"])
    rows = [(born, born, bed.user_id, *me, *tail)]
    firsts, lasts = bed.deal(FIRST_NAMES), bed.deal(LAST_NAMES)
    for n in range(count):
        first, last = next(firsts), next(lasts)
        name = f"{first}.{last}.{n}".lower()
        active = int(bool((n + 1) % _LEAVES_EVERY))  # people leave
        who = (f"{name}@{DOMAIN}", last, first, f"{name}@{DOMAIN}", name[:8], active)
        rows.append((born, born, bed.user_id, *who, "Standard", profiles["agent"], *tail))
    return bed.sow("User", columns, rows)


def _sow_hours(bed: Bed, born: str) -> str:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    times = " ".join(f"{day}StartTime {day}EndTime" for day in days)
    office = ("08:00:00.000Z", "18:00:00.000Z") * len(days)
    rows = [(born, born, bed.user_id, "Default", 1, 1, "GMT", *office)]
    return bed.sow("BusinessHours", f"Name IsActive IsDefault TimeZoneSidKey {times}", rows)[0]
