"""Two years of cases, with the comments, history and milestones that came with them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from emulator.behaviour.case import MINUTES_TO_TARGET, elapsed
from emulator.planting.bed import DAY, SPAN
from emulator.planting.customers import CONTACTS_PER_ACCOUNT
from emulator.planting.words import CAUSES, PRODUCTS, REPLIES, SENTENCES, TROUBLES
from emulator.schema.case import PRODUCT_AREAS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.planting.bed import Bed
    from emulator.planting.contracts import Agreements
    from emulator.planting.customers import Customers
    from emulator.planting.people import People

_MOST_COMMENTS = 300_000
_MOST_HISTORY = 400_000
_MOST_MILESTONES = 200_000
_OPEN_DAYS = 30  # older cases are closed
_STILL_OPEN = 0.6
_DELETED_EVERY = 97
_BIN_DAYS = 10  # deleted ones are recent: the bin forgets after fifteen days
_CASE = (
    "IsDeleted CaseNumber ContactId AccountId AssetId EntitlementId ServiceContractId OwnerId "
    "BusinessHoursId Status Origin Type Reason Priority Subject Description IsEscalated IsClosed "
    "ClosedDate SlaStartDate SlaExitDate Language ContactPhone ContactMobile ContactEmail "
    "Severity__c Product_Area__c Root_Cause__c Refund_Amount__c"
)
_AT_STATUS, _AT_DELETED, _AT_ENTITLEMENT = 12, 3, 8

Row = tuple[Any, ...]


def sow_cases(bed: Bed, people: People, customers: Customers, agreements: Agreements) -> list[str]:
    rows = list(_cases(bed, people, customers, agreements))
    ids = bed.sow("Case", _CASE, rows)
    bed.tables.skip_to("Case.CaseNumber", len(ids))
    gone = [(id_, "Case", row[1]) for id_, row in zip(ids, rows, strict=True) if row[_AT_DELETED]]
    bed.tables.connection.executemany("INSERT INTO emulator_deletes VALUES (?, ?, ?, 0)", gone)
    live = [(id_, row) for id_, row in zip(ids, rows, strict=True) if not row[_AT_DELETED]]
    bed.sow("CaseComment", _COMMENT, islice(_comments(bed, live), _MOST_COMMENTS))
    bed.sow("CaseHistory", _HISTORY, islice(_history(live), _MOST_HISTORY))
    milestones = islice(_milestones(bed, live, agreements), _MOST_MILESTONES)
    bed.sow("CaseMilestone", _MILESTONE, milestones)
    return ids


def _lives(bed: Bed) -> Iterator[tuple[int, int, str]]:
    """Return when each case was made, last touched, and how far it got."""
    rng = bed.rng
    for n in range(bed.cases):
        created = int((n + rng.random()) / bed.cases * (SPAN - 60))
        modified = min(created + 60 + int(rng.expovariate(1 / (4 * DAY))), SPAN - 1)
        recent = created > SPAN - _OPEN_DAYS * DAY
        still_open = recent and rng.random() < _STILL_OPEN
        status = _OPEN[n % len(_OPEN)] if still_open else "Closed"
        yield created, modified, status


_OPEN = ("New", "Working", "Waiting on Customer", "Working", "Escalated")


def _cases(bed: Bed, people: People, customers: Customers, agreements: Agreements) -> Iterator[Row]:
    owners = bed.deal([*people.agents, *people.queues])
    chosen = bed.deal(_CHOICES)
    texts = bed.deal(_texts(bed))
    accounts = bed.deal(range(len(customers.accounts)))
    covered = len(agreements.entitlements)
    for n, (created, modified, status) in enumerate(_lives(bed)):
        account = next(accounts)
        contact = account * CONTACTS_PER_ACCOUNT + n % CONTACTS_PER_ACCOUNT
        has_sla = n % 3 == 0 and account < covered
        subject, description, cause = next(texts)
        when, touched, owner = bed.stamp(created), bed.stamp(modified), next(owners)
        closed = status == "Closed"
        deleted = created > SPAN - _BIN_DAYS * DAY and n % _DELETED_EVERY == 0
        email, phone, mobile = customers.reached_by[contact]
        yield (
            *(when, touched, people.user_id),
            *(int(deleted), f"{n + 1:08}", customers.contacts[contact]),
            *(customers.accounts[account], customers.assets[account * 2 + n % 2]),
            agreements.entitlements[account] if has_sla else None,
            agreements.service_contracts[account] if has_sla else None,
            *(owner, people.hours_id, status, *next(chosen)[:4], subject, description),
            *(int(status == "Escalated"), int(closed), touched if closed else None),
            *((when, touched if closed else None) if has_sla else (None, None)),
            *("en_US", phone, mobile, email, *next(chosen)[4:6]),
            *(cause if closed else None, n % 500 + 0.5 if n % 11 == 0 else None),
        )


_AREAS = PRODUCT_AREAS.split("|")
_CHOICES = [
    (origin, kind, reason, priority, severity, area)
    for origin in ("Phone", "Email", "Web", "Chat")
    for kind in ("Question", "Problem", "Problem", "Feature Request", "Return")
    for reason in ("Installation", "Performance", "Breakdown", "Billing", "Other")
    for priority, severity in (("High", "S1"), ("Medium", "S3"), ("Medium", "S2"), ("Low", None))
    for area in (_AREAS[0], _AREAS[4], f"{_AREAS[1]};{_AREAS[4]}", None)
]


def _texts(bed: Bed) -> list[tuple[str, str, str | None]]:
    rng = bed.rng
    return [
        (
            f"{product[0]} {trouble}",
            f"{product[0]} {trouble}.\n\n{' '.join(rng.sample(SENTENCES, 3 + rng.randrange(4)))}",
            rng.choice((*CAUSES, None, None)),
        )
        for product in PRODUCTS
        for trouble in TROUBLES
        for _ in range(4)
    ]


_COMMENT = "ParentId CommentBody IsPublished"


def _comments(bed: Bed, live: list[tuple[str, Row]]) -> Iterator[Row]:
    replies = bed.deal(REPLIES)
    for n, (case_id, row) in enumerate(live):
        for _ in range(n % 4):  # none to three, one and a half on average
            yield (row[1], row[1], row[2], case_id, next(replies), n % 2)


_HISTORY = "CaseId Field DataType OldValue NewValue"


def _history(live: list[tuple[str, Row]]) -> Iterator[Row]:
    for case_id, row in live:
        created, modified, user = row[:3]
        yield (created, created, user, case_id, "created", None, None, None)
        if row[_AT_STATUS] != "New":
            change = ("Status", "DynamicEnum", "New", row[_AT_STATUS])
            yield (modified, modified, user, case_id, *change)


_MILESTONE = (
    "CaseId MilestoneTypeId StartDate TargetDate CompletionDate IsCompleted ElapsedTimeInMins "
    "TargetResponseInMins TargetResponseInHrs TargetResponseInDays"
)


def _milestones(bed: Bed, live: list[tuple[str, Row]], agreements: Agreements) -> Iterator[Row]:
    kinds = list(zip(agreements.milestone_types, MINUTES_TO_TARGET.values(), strict=False))
    for case_id, row in live:
        if row[_AT_ENTITLEMENT] is None:
            continue
        created, modified, user = row[:3]
        completion = modified if row[_AT_STATUS] == "Closed" else None
        took = elapsed(created, completion)
        for kind, minutes in kinds:
            yield (
                *(created, modified, user, case_id, kind, created, bed.after(created, minutes)),
                *(completion, int(completion is not None), took),
                *(minutes, minutes / 60, round(minutes / 1440, 2)),
            )
