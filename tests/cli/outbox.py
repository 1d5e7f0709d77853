"""Rows of the outbox as they may be found, put there without an org."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select

from models.outbox import Attempt, Dependency, OutboxEntry
from store import migrate
from store.engine import Store
from tests.cli.conftest import Desk

ENDED = ("applied", "rejected", "dead", "discarded")


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def store_of(desk: Desk) -> Store:
    """Open the store that the desk's settings name, made if need be."""
    store = Store(desk.settings.get("DATABASE_URL", f"sqlite:///{desk.folder / 'scsync.db'}"))
    migrate.upgrade(store)
    return store


def command(**columns: Any) -> dict[str, Any]:
    """Lay out one command; what is finished was so when `at` says."""
    at = columns.pop("at", ago(minutes=1))
    state = columns.get("state", "pending")
    id_ = str(uuid4())
    return {
        "id": id_,
        "op": "update",
        "sobject": "Case",
        "record_id": "500RM0000000037YAA",
        "fields": {"Priority": "High"},
        "state": state,
        "submitted_at": at,
        "finished_at": at if state in ENDED else None,
        "lane": f"Case/{id_}",
        "ready": 2 if state == "pending" else 0,
        "error_code": None,
        "error_message": None,
        "idempotency_key": None,
        "depends_on": None,
        "not_before": None,
        "stands": None,
        "carrier": None,
        "waits_for": 0,
        **columns,
    }


def put(desk: Desk, *commands: dict[str, Any]) -> list[str]:
    """Store commands, with an attempt for each that is finished."""
    store = store_of(desk)
    with store.begin() as tx:
        for start in range(0, len(commands), 1_000):
            some = commands[start : start + 1_000]
            tx.execute(insert(OutboxEntry), some)
            tries = [attempt(one) for one in some if one["state"] in ENDED]
            if tries:
                tx.execute(insert(Attempt), tries)
    store.close()
    return [one["id"] for one in commands]


def attempt(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "command_id": one["id"],
        "number": 1,
        "started_at": one["submitted_at"],
        "finished_at": one["finished_at"],
        "outcome": one["state"],
        "error_code": one["error_code"],
        "error_message": one["error_message"],
    }


def link(desk: Desk, *pairs: tuple[str, str]) -> None:
    """Have the second of each pair wait for the first."""
    store = store_of(desk)
    with store.begin() as tx:
        rows = [{"depends_on": parent, "command_id": child} for parent, child in pairs]
        tx.execute(insert(Dependency), rows)
    store.close()


def states(desk: Desk) -> dict[str, str]:
    """Say how every command stands."""
    store = store_of(desk)
    with store.read() as tx:
        found = dict(tx.execute(select(OutboxEntry.id, OutboxEntry.state)).all())
    store.close()
    return found
