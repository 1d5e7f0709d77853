"""One emulated org, pulled once into each database, with what reports are about happening in it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from emulator.server import Emulator
from models import CATALOG, by_name
from store import records
from store.engine import Store
from tests.pipelines.reading import Reader
from tests.store.reports.truth import Truth
from tests.store.shared import database


@pytest.fixture(scope="session")
def busy_org() -> Iterator[Emulator]:
    """A desk where rights are used up, contracts lapse and cases come back."""
    with Emulator(cases=400) as org:
        yield org


@pytest.fixture(scope="session")
def sqlite_desk(
    busy_org: Emulator, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Desk"]:
    path = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("reports") / "store.db")
    yield from _desk(busy_org, f"sqlite:///{path}")


@pytest.fixture(scope="session")
def postgres_desk(
    busy_org: Emulator, shared_postgres: URL, migrated_postgres: str
) -> Iterator["Desk"]:
    with database(shared_postgres, template=migrated_postgres) as url:
        yield from _desk(busy_org, url.render_as_string(hide_password=False))


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest) -> "Desk":
    """The org's truth beside a store that was pulled three times from it."""
    found: Desk = request.getfixturevalue(f"{request.param}_desk")
    return found


_DUE = "FROM CaseMilestone WHERE IsCompleted = false ORDER BY TargetDate"
NAMED_TWICE = "Schmidt & Sons"


class Desk:
    """A store, what the org holds, and which cases came back."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.store = reader, reader.store
        self._prepare()
        self.truth = Truth(reader.org, without=self.buried)
        self.truth.reopened, self.truth.escalated = self.reopened, self.escalated

    def _prepare(self) -> None:
        org = self.reader.org
        cases = org.run(lambda it: it.query_rows("SELECT Id, IsClosed, IsEscalated FROM Case"))
        closed = [case["Id"] for case in cases if case["IsClosed"]]
        opened = [case["Id"] for case in cases if not case["IsClosed"]]
        self._upset(org, opened)
        self._pull(*(model.sobject for model in CATALOG))
        self.returned, self.settled = closed[-1], closed[-2]
        self.settled_closed_at = self._told(org, self.settled, "ClosedDate")
        calm = [case["Id"] for case in cases if not (case["IsClosed"] or case["IsEscalated"])]
        for case in (self.returned, self.settled):
            self._act("update", "Case", id=case, fields={"Status": "Working"})
        self._act("update", "Case", id=calm[-2], fields={"IsEscalated": True})
        self._pull("Case")
        stamps = {one: self._told(org, one) for one in (self.returned, self.settled, calm[-2])}
        self.escalated = {calm[-2]: stamps.pop(calm[-2])}
        self.reopened = stamps
        self._act("update", "Case", id=self.settled, fields={"Status": "Closed"})
        self._act("delete", "Case", id=opened[-1])
        self.deleted = opened[-1]
        self._pull("Case", "CaseComment", "CaseMilestone", "WorkOrder")
        self.buried = self._bury(org, [case for case in closed if case not in stamps])

    def _upset(self, org: Emulator, opened: list[str]) -> None:
        rights, lapsed = self._agreements(org)
        used_up: dict[str, Any] = {"IsPerIncident": True, "RemainingCases": 0}
        self._act("update", "Entitlement", id=rights[0], fields=used_up)
        served = {"Subject": "Served all the same", "ServiceContractId": lapsed}
        self._act("create", "Case", fields=served)
        asked = {"Subject": "New", "EntitlementId": rights[1]}
        self._promise(org, self._act("create", "Case", fields=asked))
        early = {"StartDate": str(datetime.now(UTC).date() + timedelta(days=9)), "EndDate": None}
        self._act("update", "Entitlement", id=rights[5], fields=early)
        self._act("create", "Case", fields={"Subject": "Early", "EntitlementId": rights[5]})
        self._act("update", "Case", id=opened[0], fields={"IsEscalated": True})
        self._answer(org, opened[1])
        self._name_alike(org, opened[:-1])
        orders = self._ids(org, "SELECT Id FROM WorkOrder WHERE IsClosed = false", 5)
        (ending,) = self._ids(org, "SELECT Id FROM ServiceContract", 1)
        for order, contract in zip(orders, (ending, *[lapsed] * 4), strict=True):
            fields = {"ServiceContractId": contract, "EndDate": "2030-01-01T00:00:00.000+0000"}
            self._act("update", "WorkOrder", id=order, fields=fields)

    def _answer(self, org: Emulator, case: str) -> None:
        """Have a customer say something on a case, and an agent only an hour later."""
        customer = self._column(org, "Id FROM User ORDER BY Id")[-1]
        self._act("recompute", "User", id=customer, fields={"UserType": "CspLitePortal"})
        said = {"ParentId": case, "CommentBody": "Soon.", "IsPublished": True}
        self._act("create", "CaseComment", fields=said)
        theirs = self._act("create", "CaseComment", fields=said, user_id=customer)
        earlier = {"CreatedDate": _hours(-1, datetime.now(UTC).isoformat())}
        self._act("recompute", "CaseComment", id=theirs, fields=earlier)

    def _bury(self, org: Emulator, closed: list[str]) -> set[str]:
        """Make a tombstone of one record of each kind, such as others name; give their Ids."""
        shown = "PublishStatus IN ('Draft', 'Online')"
        owners = self._column(org, "OwnerId FROM Case WHERE IsClosed = false ORDER BY OwnerId")
        order = "FROM WorkOrder WHERE IsClosed = false ORDER BY Id"
        gone = {
            "User": owners[0],
            "Group": owners[-1],
            "Account": self._column(org, "AccountId FROM Entitlement ORDER BY Id")[2],
            "Entitlement": self._column(org, "Id FROM Entitlement ORDER BY Id")[1],
            "ServiceContract": self._column(org, "Id FROM ServiceContract ORDER BY Id")[0],
            "ContractLineItem": self._column(org, "Id FROM ContractLineItem ORDER BY Id")[-1],
            "Case": self._column(org, f"CaseId {order}")[1],
            "WorkOrder": self._column(org, f"Id {order}")[-1],
            "ServiceTerritory": self._column(org, f"ServiceTerritoryId {order}")[0],
            "MilestoneType": self._column(org, "Id FROM MilestoneType ORDER BY Id")[0],
            "CaseMilestone": self._column(org, f"Id {_DUE}")[2],
            "CaseComment": self._only_answer(org, closed),
            "Knowledge__kav": self._column(org, f"Id FROM Knowledge__kav WHERE {shown}")[0],
        }
        with self.store.begin() as tx:
            for sobject, one in gone.items():
                assert records.bury(tx, by_name(sobject), [one], at=datetime.now(UTC)) == 1
        return set(gone.values())

    def _only_answer(self, org: Emulator, closed: list[str]) -> str:
        """Find the one thing that was said on a case: without it that has no answer at all."""
        said = "FROM CaseComment WHERE IsPublished = true ORDER BY CreatedDate DESC"
        cases, ids = (self._column(org, f"{name} {said}") for name in ("ParentId", "Id"))
        found = zip(cases, ids, strict=True)
        return next(one for case, one in found if case in closed and cases.count(case) == 1)

    def _column(self, org: Emulator, query: str) -> list[str]:
        rows = org.run(lambda it: it.query_rows(f"SELECT {query}"))
        return [row[query.partition(" ")[0]] for row in rows]

    def _promise(self, org: Emulator, case: str) -> None:
        """Have this case near one of its targets, and another be stopped between its two."""
        rows = org.run(lambda it: it.query_rows(f"SELECT Id, CaseId, TargetDate {_DUE}"))
        stopped = {"IsStopped": True, "StopStartDate": _hours(1, rows[0]["TargetDate"])}
        self._act("recompute", "Case", id=rows[0]["CaseId"], fields=stopped)
        now = datetime.now(UTC).isoformat()
        mine = [one["Id"] for one in rows if one["CaseId"] == case]
        for milestone, hours in zip(mine, (2, 6), strict=True):
            fields = {"StartDate": _hours(-10, now), "TargetDate": _hours(hours, now)}
            self._act("recompute", "CaseMilestone", id=milestone, fields=fields)

    def _agreements(self, org: Emulator) -> tuple[list[str], str]:
        """Have some rights and contracts end in days to come; give those rights, and a lapsed contract."""
        rights = self._ids(org, "SELECT Id FROM Entitlement", 6)
        contracts = self._ids(org, "SELECT Id FROM ServiceContract", 6)
        for place, days in enumerate((300, 20, 50, 80, 100)):
            fields = {"EndDate": str(datetime.now(UTC).date() + timedelta(days=days))}
            self._act("update", "Entitlement", id=rights[place], fields=fields)
            self._act("update", "ServiceContract", id=contracts[place], fields=fields)
        return rights, contracts[5]

    def _name_alike(self, org: Emulator, opened: list[str]) -> None:
        """Have two customers with open cases bear one name."""
        cases = org.run(lambda it: it.query_rows("SELECT Id, AccountId FROM Case"))
        customers = sorted({case["AccountId"] for case in cases if case["Id"] in opened} - {None})
        for customer in customers[:2]:
            self._act("update", "Account", id=customer, fields={"Name": NAMED_TWICE})

    def _ids(self, org: Emulator, query: str, most: int) -> list[str]:
        rows = org.run(lambda it: it.query_rows(f"{query} ORDER BY Id LIMIT {most}"))
        return [next(row[name] for name in ("Id", "CaseId") if name in row) for row in rows]

    def _told(self, org: Emulator, case: str, field: str = "SystemModstamp") -> datetime:
        query = f"SELECT {field} FROM Case WHERE Id = '{case}'"  # noqa: S608
        (row,) = org.run(lambda it: it.query_rows(query))
        return datetime.fromisoformat(row[field])

    def _act(self, act: str, sobject: str, **details: Any) -> Any:
        return self.reader.org.act(act, sobject=sobject, **details)

    def _pull(self, *sobjects: str) -> None:
        self.reader.later(60)
        for sobject in sobjects:
            assert self.reader.pull(sobject).outcome == "ok"


def _hours(hours: int, moment: str) -> str:
    """Give the instant so many hours later."""
    later = datetime.fromisoformat(moment) + timedelta(hours=hours)
    return f"{later:%Y-%m-%dT%H:%M:%S}.000+0000"


def _desk(org: Emulator, url: str) -> Iterator[Desk]:
    with closing(Store(url)) as store, closing(Reader(org, store)) as reader:
        yield Desk(reader)
