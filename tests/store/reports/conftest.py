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
from models import CATALOG
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


NAMED_TWICE = "Schmidt & Sons"


class Desk:
    """A store, what the org holds, and which cases came back."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.store = reader, reader.store
        self._prepare()
        self.truth = Truth(reader.org)
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

    def _upset(self, org: Emulator, opened: list[str]) -> None:
        rights, lapsed = self._agreements(org)
        used_up: dict[str, Any] = {"IsPerIncident": True, "RemainingCases": 0}
        self._act("update", "Entitlement", id=rights[0], fields=used_up)
        served = {"Subject": "Served all the same", "ServiceContractId": lapsed}
        self._act("create", "Case", fields=served)
        asked = {"Subject": "New", "EntitlementId": rights[1]}
        self._promise(org, self._act("create", "Case", fields=asked))
        self._act("update", "Case", id=opened[0], fields={"IsEscalated": True})
        said = {"ParentId": opened[1], "CommentBody": "Soon.", "IsPublished": True}
        self._act("create", "CaseComment", fields=said)
        self._name_alike(org, opened[:-1])
        for order in self._ids(org, "SELECT Id FROM WorkOrder WHERE IsClosed = false", 4):
            fields = {"ServiceContractId": lapsed, "EndDate": "2030-01-01T00:00:00.000+0000"}
            self._act("update", "WorkOrder", id=order, fields=fields)

    def _promise(self, org: Emulator, case: str) -> None:
        """Have this case near one of its targets, and another be stopped between its two."""
        due = "SELECT Id, CaseId, TargetDate FROM CaseMilestone WHERE IsCompleted = false"
        rows = org.run(lambda it: it.query_rows(f"{due} ORDER BY TargetDate"))
        stopped = {"IsStopped": True, "StopStartDate": _hours(1, rows[0]["TargetDate"])}
        self._act("recompute", "Case", id=rows[0]["CaseId"], fields=stopped)
        now = datetime.now(UTC).isoformat()
        mine = [one["Id"] for one in rows if one["CaseId"] == case]
        for milestone, hours in zip(mine, (2, 6), strict=True):
            fields = {"StartDate": _hours(-10, now), "TargetDate": _hours(hours, now)}
            self._act("recompute", "CaseMilestone", id=milestone, fields=fields)

    def _agreements(self, org: Emulator) -> tuple[list[str], str]:
        """Have some rights and contracts end in days to come; give those rights, and a lapsed contract."""
        rights = self._ids(org, "SELECT Id FROM Entitlement", 5)
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
