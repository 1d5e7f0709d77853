"""What the views should say, reckoned in plain Python from what the emulated org itself holds."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from emulator.server import Emulator

Record = dict[str, Any]
Rows = list[dict[str, Any]]
Side = tuple[str, str | None, str | None]
"""A dimension, a value in it, and the value's Id."""

_ASKED = {
    "User": "Id Name IsActive UserType",
    "Group": "Id Name Type",
    "MilestoneType": "Id Name",
    "ServiceTerritory": "Id Name",
    "Account": "Id Name",
    "Case": "Id CaseNumber Subject Status Priority Origin OwnerId AccountId CreatedDate IsEscalated"
    " IsClosed ClosedDate EntitlementId ServiceContractId IsStopped"
    " StopStartDate",
    "CaseComment": "Id ParentId IsPublished CreatedDate CreatedById",
    "CaseMilestone": "Id CaseId MilestoneTypeId StartDate TargetDate CompletionDate IsCompleted"
    " TargetResponseInMins ElapsedTimeInMins StoppedTimeInMins",
    "Entitlement": "Id Name Type AccountId StartDate EndDate IsPerIncident CasesPerEntitlement"
    " RemainingCases",
    "ServiceContract": "Id ContractNumber Name AccountId OwnerId StartDate EndDate GrandTotal",
    "ContractLineItem": "Id ServiceContractId TotalPrice",
    "WorkOrder": "Id WorkOrderNumber Subject Status Priority OwnerId AccountId CaseId IsClosed"
    " ServiceTerritoryId ServiceContractId StartDate EndDate",
    "Knowledge__kav": "Id ArticleNumber Title Language PublishStatus ValidationStatus OwnerId"
    " ArticleCaseAttachCount CreatedDate LastPublishedDate NextReviewDate",
}
_KNOWLEDGE = " WHERE PublishStatus IN ('Draft', 'Online')"


class Truth:
    """The org's live records by sObject, read once, but for those that count as deleted."""

    def __init__(self, org: Emulator, *, without: Collection[str]) -> None:
        self._tables = {
            name: [one for one in _read(org, name, fields) if one["Id"] not in without]
            for name, fields in _ASKED.items()
        }
        self.users = _by_id(self._tables["User"])
        self.queues = _by_id(one for one in self._tables["Group"] if one["Type"] == "Queue")
        self.kinds = _by_id(self._tables["MilestoneType"])
        self.accounts = _by_id(self._tables["Account"])
        self.cases = _by_id(self._tables["Case"])
        self.reopened: dict[str, datetime] = {}
        """When cases came back, and those below when they were escalated, while history was kept."""
        self.escalated: dict[str, datetime] = {}

    def __getitem__(self, sobject: str) -> list[Record]:
        return self._tables[sobject]

    @property
    def open(self) -> list[Record]:
        return [case for case in self["Case"] if not case["IsClosed"]]

    def owner(self, record: Record) -> str | None:
        owners = self.users | self.queues
        return owners.get(record["OwnerId"], {}).get("Name")

    def kind(self, record: Record) -> str | None:
        return self.kinds.get(record["MilestoneTypeId"], {}).get("Name")

    def account(self, record: Record) -> str | None:
        return self.accounts.get(record["AccountId"], {}).get("Name")

    def find(self, sobject: str, record_id: str | None) -> Record:
        return next((one for one in self[sobject] if one["Id"] == record_id), {})


def _read(org: Emulator, name: str, fields: str) -> list[Record]:
    shown = org.run(lambda it: {field["name"] for field in it.describe(name)["fields"]})
    wanted = fields.split()
    asked = [field for field in wanted if field in shown]
    query = f"SELECT {', '.join(asked)} FROM {name}{_KNOWLEDGE if 'kav' in name else ''}"  # noqa: S608
    found = org.run(lambda it: it.query_rows(query))
    return [{field: _value(field, one.get(field)) for field in wanted} for one in found]


def _value(field: str, value: Any) -> Any:
    if isinstance(value, str) and "T" in value and field.endswith("Date"):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and field in {"StartDate", "EndDate"}:
        return date.fromisoformat(value)
    return value


def _by_id(records: Iterable[Record]) -> dict[str, Record]:
    return {one["Id"]: one for one in records}


def _days(since: datetime | None, until: datetime | None) -> int | None:
    return None if since is None or until is None else int((until - since) / timedelta(days=1))


def _minutes(since: datetime, until: datetime) -> int:
    seconds = int(until.timestamp()) - int(since.timestamp())
    return seconds // 60 if seconds >= 0 else -(-seconds // 60)


def _band(days: int) -> str:
    bands = ((1, "1: under a day"), (7, "2: under a week"), (30, "3: under a month"))
    return next(
        (name for most, name in (*bands, (90, "4: under a quarter")) if days < most), "5: older"
    )


def open_cases(t: Truth, now: datetime) -> Rows:
    return [
        {
            "id": case["Id"],
            "case_number": case["CaseNumber"],
            "subject": case["Subject"],
            "status": case["Status"],
            "priority": case["Priority"],
            "origin": case["Origin"],
            "owner_id": case["OwnerId"],
            "owner": t.owner(case),
            "account_id": case["AccountId"],
            "account": t.account(case),
            "created_date": case["CreatedDate"],
            "age_days": _days(case["CreatedDate"], now),
            "age_band": _band(_days(case["CreatedDate"], now) or 0),
            "is_escalated": case["IsEscalated"],
        }
        for case in t.open
    ]


def open_cases_by(t: Truth, now: datetime) -> Rows:
    groups: dict[Side, list[Record]] = defaultdict(list)
    for case in t.open:
        groups["age", _band(_days(case["CreatedDate"], now) or 0), None].append(case)
        groups["status", case["Status"], None].append(case)
        groups["priority", case["Priority"], None].append(case)
        groups["owner", t.owner(case) or case["OwnerId"], case["OwnerId"]].append(case)
        groups["account", t.account(case) or case["AccountId"], case["AccountId"]].append(case)
    return [
        {
            "dimension": dimension,
            "value": value,
            "value_id": value_id,
            "cases": len(cases),
            "escalated": sum(case["IsEscalated"] for case in cases),
            "oldest_days": max(_days(case["CreatedDate"], now) or 0 for case in cases),
        }
        for (dimension, value, value_id), cases in groups.items()
    ]


def cases_by_day(t: Truth, now: datetime) -> Rows:
    del now
    created = Counter(case["CreatedDate"].date() for case in t["Case"])
    closed = Counter(case["ClosedDate"].date() for case in t["Case"] if case["ClosedDate"])
    days = sorted({*created, *closed})
    return [
        {
            "day": day,
            "created": created[day],
            "closed": closed[day],
            "backlog": sum(created[one] - closed[one] for one in days if one <= day),
        }
        for day in days
    ]


def response_times(t: Truth, now: datetime) -> Rows:
    begin = f"{now - timedelta(days=400):%Y-%m}"
    answers: dict[str, datetime] = {}
    for one in t["CaseComment"]:
        author = t.users.get(one["CreatedById"], {})
        if one["IsPublished"] and author.get("UserType", "Standard") == "Standard":
            when = one["CreatedDate"]
            answers[one["ParentId"]] = min(answers.get(one["ParentId"], when), when)
    groups: dict[tuple[str, str, str | None], list[tuple[datetime, datetime]]] = defaultdict(list)
    for case in t["Case"]:
        made, closed, answered = case["CreatedDate"], case["ClosedDate"], answers.get(case["Id"])
        if closed:
            groups["resolution", f"{closed:%Y-%m}", case["Priority"]].append((made, closed))
        if answered:
            groups["first response", f"{made:%Y-%m}", case["Priority"]].append((made, answered))
    return [
        {
            "metric": metric,
            "month": month,
            "priority": priority,
            "cases": len(spans),
            "average_hours": sum((b - a).total_seconds() for a, b in spans) / 3600 / len(spans),
            "same_day": sum(a.date() == b.date() for a, b in spans),
        }
        for (metric, month, priority), spans in groups.items()
        if month >= begin
    ]


def milestones(t: Truth, now: datetime) -> Rows:
    found = []
    for one in t["CaseMilestone"]:
        case = t.cases.get(one["CaseId"])
        if one["IsCompleted"] or case is None or case["IsClosed"]:
            continue
        left = _minutes(now, one["TargetDate"])
        state = "on time"
        if _is_broken(t, one, now):
            state = "violated"
        elif case["IsStopped"]:
            state = "paused"
        elif left * 4 <= _minutes(one["StartDate"], one["TargetDate"]):
            state = "at risk"
        found.append(
            {
                "id": one["Id"],
                "case_id": case["Id"],
                "case_number": case["CaseNumber"],
                "subject": case["Subject"],
                "priority": case["Priority"],
                "owner_id": case["OwnerId"],
                "owner": t.owner(case),
                "account_id": case["AccountId"],
                "account": t.account(case),
                "milestone": t.kind(one),
                "milestone_type_id": one["MilestoneTypeId"],
                "start_date": one["StartDate"],
                "target_date": one["TargetDate"],
                "state": state,
                "minutes_left": left,
            }
        )
    return found


def milestones_by_month(t: Truth, now: datetime) -> Rows:
    groups: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for one in t["CaseMilestone"]:
        kind = one["MilestoneTypeId"], t.kind(one), one["TargetResponseInMins"]
        groups[f"{one['TargetDate']:%Y-%m}", *kind].append(one)
    return [
        {
            "month": month,
            "milestone": called,
            "milestone_type_id": kind,
            "target_minutes": minutes,
            "milestones": len(ones),
            "met": sum(
                (one["CompletionDate"] or now) <= one["TargetDate"]
                for one in ones
                if one["CompletionDate"]
            ),
            "violated": sum(_is_broken(t, one, now) for one in ones),
            "working_minutes": _mean([_worked(one) for one in ones if one["CompletionDate"]]),
        }
        for (month, kind, called, minutes), ones in groups.items()
    ]


def _is_broken(t: Truth, one: Record, now: datetime) -> bool:
    """A promise is broken when its time ran out: not while the clock of its case stood still."""
    if one["CompletionDate"]:
        return bool(one["CompletionDate"] > one["TargetDate"])
    case = t.cases.get(one["CaseId"], {})
    stopped_at = case.get("StopStartDate") if case.get("IsStopped") else None
    return bool(one["TargetDate"] < (stopped_at or now))


def _worked(one: Record) -> int:
    return int(one["ElapsedTimeInMins"]) - int(one["StoppedTimeInMins"] or 0)


def _mean(values: list[int]) -> float | None:
    return sum(values) / len(values) if values else None


def _right(one: Record, today: date) -> str:
    if one["StartDate"] is None or one["StartDate"] > today:
        return "not begun"
    if one["EndDate"] and one["EndDate"] < today:
        return "expired"
    used_up = one["IsPerIncident"] and one["RemainingCases"] is not None
    return "exhausted" if used_up and one["RemainingCases"] <= 0 else "active"


def _within(left: int | None) -> int | None:
    if left is None or left < 0:
        return None
    return next((days for days in (30, 60, 90) if left <= days), None)


def _left(one: Record, now: datetime) -> int | None:
    return (one["EndDate"] - now.date()).days if one["EndDate"] else None


def entitlements(t: Truth, now: datetime) -> Rows:
    return [
        {
            "id": one["Id"],
            "name": one["Name"],
            "type": one["Type"],
            "account_id": one["AccountId"],
            "account": t.account(one),
            "start_date": one["StartDate"],
            "end_date": one["EndDate"],
            "state": _right(one, now.date()),
            "days_left": _left(one, now),
            "ends_within": _within(_left(one, now)),
            "remaining_cases": one["RemainingCases"],
            "cases_per_entitlement": one["CasesPerEntitlement"],
        }
        for one in t["Entitlement"]
    ]


def entitlements_by_account(t: Truth, now: datetime) -> Rows:
    groups: dict[str, list[Record]] = defaultdict(list)
    for one in t["Entitlement"]:
        groups[one["AccountId"]].append(one)
    found = []
    for account_id, ones in groups.items():
        states = Counter(_right(one, now.date()) for one in ones)
        lefts = [_left(one, now) for one in ones if _right(one, now.date()) == "active"]
        ending = {
            f"expiring_{most}": sum(left is not None and left <= most for left in lefts)
            for most in (30, 60, 90)
        }
        found.append(
            {
                "account_id": account_id,
                "account": t.accounts.get(account_id, {}).get("Name"),
                "entitlements": len(ones),
                **{state: states[state] for state in ("active", "exhausted", "expired")},
                **ending,
            }
        )
    return found


def cases_without_entitlement(t: Truth, now: datetime) -> Rows:
    found = []
    for case in t.open:
        right = t.find("Entitlement", case["EntitlementId"])
        reason = "none" if not case["EntitlementId"] else "gone"
        if right:
            reason = _right(right, now.date())
        if reason in {"active", "exhausted"}:
            continue
        found.append(
            {
                "id": case["Id"],
                "case_number": case["CaseNumber"],
                "subject": case["Subject"],
                "status": case["Status"],
                "priority": case["Priority"],
                "owner_id": case["OwnerId"],
                "owner": t.owner(case),
                "account_id": case["AccountId"],
                "account": t.account(case),
                "created_date": case["CreatedDate"],
                "reason": reason,
                "entitlement_id": case["EntitlementId"],
                "entitlement": right.get("Name"),
            }
        )
    return found


def service_contracts(t: Truth, now: datetime) -> Rows:
    found = []
    for one in t["ServiceContract"]:
        mine = [case for case in t["Case"] if case["ServiceContractId"] == one["Id"]]
        lines = [line for line in t["ContractLineItem"] if line["ServiceContractId"] == one["Id"]]
        lapsed = one["EndDate"] is not None and one["EndDate"] < now.date()
        begun = one["StartDate"] is not None and one["StartDate"] <= now.date()
        found.append(
            {
                "id": one["Id"],
                "contract_number": one["ContractNumber"],
                "name": one["Name"],
                "account_id": one["AccountId"],
                "account": t.account(one),
                "owner_id": one["OwnerId"],
                "owner": t.owner(one),
                "start_date": one["StartDate"],
                "end_date": one["EndDate"],
                "state": "lapsed" if lapsed else "active" if begun else "not begun",
                "days_left": _left(one, now),
                "renewal_within": _within(_left(one, now)),
                "grand_total": one["GrandTotal"],
                "lines": len(lines),
                "lines_total": sum(line["TotalPrice"] for line in lines),
                "open_cases": sum(not case["IsClosed"] for case in mine),
                "served_since": sum(case["CreatedDate"].date() > one["EndDate"] for case in mine)
                if lapsed
                else 0,
            }
        )
    return found


def _is_overdue(order: Record, now: datetime) -> bool:
    return order["EndDate"] is not None and order["EndDate"] < now


def work_orders(t: Truth, now: datetime) -> Rows:
    return [
        {
            "id": one["Id"],
            "work_order_number": one["WorkOrderNumber"],
            "subject": one["Subject"],
            "status": one["Status"],
            "priority": one["Priority"],
            "owner_id": one["OwnerId"],
            "owner": t.owner(one),
            "account_id": one["AccountId"],
            "account": t.account(one),
            "case_id": one["CaseId"],
            "case_number": t.cases.get(one["CaseId"], {}).get("CaseNumber"),
            "territory_id": one["ServiceTerritoryId"],
            "territory": t.find("ServiceTerritory", one["ServiceTerritoryId"]).get(
                "Name", one["ServiceTerritoryId"]
            ),
            "contract_id": one["ServiceContractId"],
            "contract": t.find("ServiceContract", one["ServiceContractId"]).get("Name"),
            "start_date": one["StartDate"],
            "end_date": one["EndDate"],
            "is_overdue": _is_overdue(one, now),
            "overdue_days": _days(one["EndDate"], now) if _is_overdue(one, now) else None,
        }
        for one in t["WorkOrder"]
        if not one["IsClosed"]
    ]


def work_orders_by(t: Truth, now: datetime) -> Rows:
    groups: dict[Side, list[Record]] = defaultdict(list)
    for one in (order for order in t["WorkOrder"] if not order["IsClosed"]):
        territory_id, contract_id = one["ServiceTerritoryId"], one["ServiceContractId"]
        territory = t.find("ServiceTerritory", territory_id).get("Name")
        contract = t.find("ServiceContract", contract_id).get("Name")
        groups["status", one["Status"], None].append(one)
        groups["territory", territory or territory_id, territory_id].append(one)
        groups["contract", contract or contract_id, contract_id].append(one)
        groups["owner", t.owner(one) or one["OwnerId"], one["OwnerId"]].append(one)
    return [
        {
            "dimension": dimension,
            "value": value,
            "value_id": value_id,
            "open": len(ones),
            "overdue": sum(_is_overdue(one, now) for one in ones),
        }
        for (dimension, value, value_id), ones in groups.items()
    ]


def articles(t: Truth, now: datetime) -> Rows:
    return [
        {
            "id": one["Id"],
            "article_number": one["ArticleNumber"],
            "title": one["Title"],
            "language": one["Language"],
            "publish_status": one["PublishStatus"],
            "validation_status": one["ValidationStatus"],
            "owner_id": one["OwnerId"],
            "owner": t.owner(one),
            "cases": one["ArticleCaseAttachCount"],
            "created_date": one["CreatedDate"],
            "last_published_date": one["LastPublishedDate"],
            "next_review_date": one["NextReviewDate"],
            "days_waiting": _days(
                one["CreatedDate"] if one["PublishStatus"] == "Draft" else one["LastPublishedDate"],
                now,
            ),
            "needs": _needs(one, now),
        }
        for one in t["Knowledge__kav"]
    ]


def _needs(one: Record, now: datetime) -> str | None:
    if one["PublishStatus"] == "Draft":
        return "publishing"
    if one["NextReviewDate"]:
        return "review" if one["NextReviewDate"] <= now else None
    year_ago = now - timedelta(days=365)
    return "review" if one["LastPublishedDate"] and one["LastPublishedDate"] < year_ago else None


def agents_load(t: Truth, now: datetime) -> Rows:
    def closed(user_id: str, days: int) -> int:
        since = now - timedelta(days=days)
        mine = (case for case in t["Case"] if case["OwnerId"] == user_id)
        return sum(bool(case["ClosedDate"] and case["ClosedDate"] >= since) for case in mine)

    found = []
    for user_id, user in t.users.items():
        mine = [case for case in t.open if case["OwnerId"] == user_id]
        orders = [
            one for one in t["WorkOrder"] if one["OwnerId"] == user_id and not one["IsClosed"]
        ]
        if not (mine or orders or closed(user_id, 30)):
            continue
        ages = [_days(case["CreatedDate"], now) or 0 for case in mine]
        found.append(
            {
                "user_id": user_id,
                "agent": user["Name"],
                "is_active": user["IsActive"],
                "open_cases": len(mine),
                "escalated": sum(case["IsEscalated"] for case in mine),
                "oldest_days": max(ages, default=None),
                "open_work_orders": len(orders),
                "closed_7": closed(user_id, 7),
                "closed_30": closed(user_id, 30),
            }
        )
    return found


def reopened_escalated(t: Truth, now: datetime) -> Rows:
    del now
    return [
        {
            "id": case["Id"],
            "case_number": case["CaseNumber"],
            "subject": case["Subject"],
            "status": case["Status"],
            "priority": case["Priority"],
            "owner_id": case["OwnerId"],
            "owner": t.owner(case),
            "account_id": case["AccountId"],
            "account": t.account(case),
            "created_date": case["CreatedDate"],
            "is_closed": case["IsClosed"],
            "is_escalated": case["IsEscalated"],
            "escalated_at": t.escalated.get(case["Id"]),
            "reopened": int(case["Id"] in t.reopened),
            "reopened_at": t.reopened.get(case["Id"]),
        }
        for case in t["Case"]
        if case["IsEscalated"] or case["Id"] in t.reopened
    ]


ENDLESS = datetime(9999, 12, 31, tzinfo=UTC)


def open_spells(t: Truth, now: datetime) -> Rows:
    """Those of cases that were never opened again; the others have tests of their own."""
    reach = now - timedelta(days=100)
    return [
        {
            "id": case["Id"],
            "case_number": case["CaseNumber"],
            "priority": case["Priority"],
            "owner_id": case["OwnerId"],
            "owner": t.owner(case),
            "account_id": case["AccountId"],
            "account": t.account(case),
            "since": case["CreatedDate"],
            "until": case["ClosedDate"] if case["IsClosed"] else ENDLESS,
        }
        for case in t["Case"]
        if case["Id"] not in t.reopened and (not case["IsClosed"] or case["ClosedDate"] >= reach)
    ]


REPORTS: dict[str, Callable[[Truth, datetime], Rows]] = {
    function.__name__: function
    for function in (
        open_cases,
        open_cases_by,
        cases_by_day,
        open_spells,
        response_times,
        reopened_escalated,
        milestones,
        milestones_by_month,
        entitlements,
        entitlements_by_account,
        cases_without_entitlement,
        service_contracts,
        work_orders,
        work_orders_by,
        articles,
        agents_load,
    )
}
