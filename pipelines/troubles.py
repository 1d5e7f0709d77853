"""Troubles that no single event begins or ends: looked for now and then, kept as incidents."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.incident import IncidentKind
from models.linked_account import AccountState, LinkedAccount
from models.process import Process, Role
from pipelines.budget import Outlook
from store import dead_letters, incidents, processes
from store.engine import Store

SILENT = timedelta(minutes=1)
"""A process that has not been heard of for so long is taken for dead."""
_WORKING = frozenset({Role.DAEMON, Role.WORKER})


def look(
    *, store: Store, account: LinkedAccount | None, budget: Outlook | None, now: datetime
) -> None:
    """Open an incident for each trouble there is, and close those that are over."""
    with store.begin() as tx:
        found = {
            IncidentKind.GRANT_DEAD: _dead_grant(account),
            IncidentKind.BUDGET_HELD: _held(budget),
            IncidentKind.NO_WORKER: _no_worker(processes.every(tx), now),
        }
        for kind, message in found.items():
            incidents.set_(tx, kind, message, now=now)
        dead_letters.clear(tx, now=now)


def alive(found: Sequence[Process], now: datetime) -> list[Process]:
    """Choose the processes that have been heard of lately."""
    return [one for one in found if now - one.beat_at <= SILENT]


def _dead_grant(account: LinkedAccount | None) -> str | None:
    if account is None or account.state != AccountState.DEAD:
        return None
    return account.reason or "the grant is dead"


def _held(budget: Outlook | None) -> str | None:
    if budget is None or not budget.is_held:
        return None
    return (
        f"{budget.used:,} of {budget.limit:,} daily API calls are used; pulls stop at "
        f"{budget.stops_at:,}"
    )


def _no_worker(found: Sequence[Process], now: datetime) -> str | None:
    if any(one.role in _WORKING for one in alive(found, now)):
        return None
    return f"no worker has been heard of for {SILENT.total_seconds():.0f} seconds"
