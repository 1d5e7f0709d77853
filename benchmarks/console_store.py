"""A store as years of use leave it, filled by plain inserts: rows, commands, runs, watermarks."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert

from models import CATALOG, by_name
from models.linked_account import LinkedAccount
from models.outbox import Attempt, CommandState, OutboxEntry, Ready
from models.run import Run, RunOutcome
from models.watermark import Watermark
from salesforce.ids import to_18
from store.engine import Store
from store.reports import indexes

_CHUNK = 10_000
_ACCOUNTS, _USERS = 20_000, 200
_RUNS = 2_000  # of each object
_OPEN = 0.1  # share of cases
_STATES = {
    CommandState.APPLIED: 0.90,
    CommandState.PENDING: 0.04,
    CommandState.REJECTED: 0.04,
    CommandState.DEAD: 0.01,
    CommandState.DISCARDED: 0.01,
}
_WORDS = (
    "power",
    "heating",
    "pump",
    "invoice",
    "contract",
    "delivery",
    "display",
    "signal",
    "boiler",
)

Rows = Iterator[dict[str, Any]]


def fill(store: Store, *, cases: int, commands: int, now: datetime) -> None:
    """Fill an empty store; the same rows each time."""
    dice = random.Random(7)  # noqa: S311 - repeatable, not secret
    _insert(store, by_name("User").table(), _users(now))
    _insert(store, by_name("Account").table(), _accounts(now))
    _insert(store, by_name("Case").table(), _cases(cases, now, dice))
    _insert(store, _of(OutboxEntry), _commands(commands, cases, now, dice))
    _insert(store, _of(Attempt), _attempts(commands, now))
    _insert(store, _of(Run), _runs(now, dice))
    _insert(store, _of(Watermark), _marks(now))
    _insert(store, _of(LinkedAccount), _linked(now))
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    indexes.build(store)  # as the scheduler does once a first load is over


def _of(model: type) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def _insert(store: Store, table: Table, rows: Rows) -> None:
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(row)
        if len(some) == _CHUNK:
            _write(store, table, some)
            some = []
    if some:
        _write(store, table, some)


def _write(store: Store, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    with store.begin(relaxed=True) as tx:
        tx.execute(insert(table), list(rows))


def _id(prefix: str, number: int) -> str:
    return to_18(f"{prefix}{number:012d}")


def _system(now: datetime) -> dict[str, Any]:
    return {"is_deleted": False, "system_modstamp": now - timedelta(days=1), "synced_at": now}


def _users(now: datetime) -> Rows:
    for n in range(_USERS):
        yield {"id": _id("005", n), "name": f"Agent {n}", "is_active": True, **_system(now)}


def _accounts(now: datetime) -> Rows:
    for n in range(_ACCOUNTS):
        yield {"id": _id("001", n), "name": f"Customer {n}", **_system(now)}


def _cases(number: int, now: datetime, dice: random.Random) -> Rows:
    for n in range(number):
        is_open = dice.random() < _OPEN
        created = now - timedelta(minutes=dice.randrange(60 * 24 * (90 if is_open else 1000)))
        closed = None if is_open else created + timedelta(hours=dice.randrange(1, 200))
        words = " ".join(dice.choices(_WORDS, k=6))
        gone = n % 200 == 0
        yield {
            "id": _id("500", n),
            "case_number": f"{n:08d}",
            "owner_id": _id("005", dice.randrange(_USERS)),
            "account_id": _id("001", dice.randrange(_ACCOUNTS)),
            "status": dice.choice(("New", "Working", "Escalated")) if is_open else "Closed",
            "priority": dice.choice(("High", "Medium", "Low")),
            "origin": dice.choice(("Phone", "Email", "Web")),
            "subject": words,
            "description": f"{words}. " * 6,
            "is_closed": not is_open,
            "is_escalated": dice.random() < 0.05,
            "created_date": created,
            "last_modified_date": closed or created,
            "closed_date": closed,
            **_system(now),
            "is_deleted": gone,
            "deleted_at": now if gone else None,
        }


def _command_id(number: int) -> str:
    return str(UUID(int=number + 1, version=4))


def _commands(number: int, cases: int, now: datetime, dice: random.Random) -> Rows:
    states, shares = list(_STATES), list(_STATES.values())
    for n in range(number):
        state = dice.choices(states, shares)[0]
        record_id = _id("500", dice.randrange(cases))
        at = now - timedelta(seconds=number - n)
        is_open = state is CommandState.PENDING
        failed = state in {CommandState.REJECTED, CommandState.DEAD}
        yield {
            "id": _command_id(n),
            "seq": n + 1,
            "op": "update",
            "sobject": "Case",
            "record_id": record_id,
            "fields": {"Priority": "High", "Subject": f"Changed {n}"},
            "state": state,
            "attempts": 0 if is_open else 1,
            "error_code": dice.choice(("INVALID_FIELD", "CONFLICT")) if failed else None,
            "error_message": f"record {record_id} was refused at {n}" if failed else None,
            "result_id": record_id if state is CommandState.APPLIED else None,
            "submitted_at": at,
            "finished_at": None if is_open else at + timedelta(seconds=2),
            # In the future: nothing that runs beside the pages would take them.
            "not_before": now + timedelta(days=1) if is_open else None,
            "lane": f"Case/{record_id}",
            "ready": int(Ready.TIMED) if is_open else int(Ready.BLOCKED),
        }


def _attempts(number: int, now: datetime) -> Rows:
    for n in range(number):
        at = now - timedelta(seconds=number - n)
        yield {
            "command_id": _command_id(n),
            "number": 1,
            "started_at": at,
            "finished_at": at + timedelta(seconds=1),
            "outcome": "applied",
        }


def _runs(now: datetime, dice: random.Random) -> Rows:
    for place, model in enumerate(CATALOG):
        for n in range(_RUNS):
            at = now - timedelta(minutes=_RUNS - n)
            yield {
                "id": _command_id(10**9 + place * _RUNS + n),
                "sobject": model.sobject,
                "started_at": at,
                "finished_at": at + timedelta(seconds=dice.random()),
                "outcome": RunOutcome.FAILED if n % 500 == 0 else RunOutcome.OK,
                "pages": 1,
                "rows_read": dice.randrange(100),
                "rows_written": dice.randrange(10),
            }


def _marks(now: datetime) -> Rows:
    for model in CATALOG:
        yield {
            "sobject": model.sobject,
            "since": now - timedelta(minutes=5),
            "finished_at": now,
            "ended_at": now,
            "verified_through": now - timedelta(hours=1),
            "verified_at": now - timedelta(hours=1),
            "changed_at": now,
        }


def _linked(now: datetime) -> Rows:
    yield {
        "name": "default",
        "state": "linked",
        "login_url": "https://login.salesforce.com",
        "instance_url": "https://example.my.salesforce.com",
        "org_id": to_18("00D000000000001"),
        "linked_at": now,
        "api_used": 1_000,
        "api_limit": 100_000,
        "api_seen_at": now,
    }
