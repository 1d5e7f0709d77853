"""Repointing: an account moves to another org, as after the refresh of a sandbox.

Ids of the old org may name other records in the new one, or none, and its stamps mean nothing
there. So rows go, commands that could still be sent are given up, and the account waits for a link
to the new org alone. One transaction does it, while nobody is at work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from salesforce.errors import Misconfigured
from salesforce.ids import to_18
from store import accounts, audit, orgs
from store.engine import Store

log = structlog.get_logger()


class AtWork(Exception):  # noqa: N818 - an outcome, not an error
    """Some process works for the account; nothing was changed."""


class CommandsOpen(Exception):  # noqa: N818 - an outcome, not an error
    """Commands wait that were meant for the old org; nothing was changed."""


@dataclass(frozen=True)
class Move:
    """From which org to which, and what that costs."""

    account: str
    org_id: str
    to: str
    rows: dict[str, int]
    open_commands: int


def look(store: Store, name: str, to: str) -> Move:
    """Say what repointing would do; raises `Misconfigured` where there is nothing to repoint."""
    try:
        wanted = to_18(to)
    except ValueError as error:
        raise Misconfigured(str(error), remedy="An org's id looks like 00D… .") from None
    if not wanted.startswith("00D"):
        raise Misconfigured(f"{to} is not the id of an org", remedy="It looks like 00D… .")
    with store.read() as tx:
        org_id = accounts.org(tx, name)
        if org_id is None:
            raise Misconfigured(f"account {name} was never linked", remedy="Run scsync link.")
        if org_id == wanted:
            raise Misconfigured(f"account {name} belongs to org {wanted} already")
        return Move(name, org_id, wanted, orgs.rows(tx), orgs.open_commands(tx))


def repoint(
    store: Store, move: Move, *, operator: str, discard: bool, clock: Callable[[], datetime]
) -> None:
    """Do it; raises `AtWork` or `CommandsOpen`, and then has changed nothing."""
    now = clock()
    with store.begin() as tx:
        if orgs.is_at_work(tx, now):
            raise AtWork
        given_up = orgs.open_commands(tx)
        if given_up and not discard:
            raise CommandsOpen
        message = f"meant for org {move.org_id}; the account was repointed to {move.to}"
        orgs.let_go(tx, message, now=now)
        accounts.repoint(tx, move.account, move.to)
        audit.note(
            tx,
            operator=operator,
            act="account.repoint",
            subject=move.account,
            detail={"to": move.to, "before": move.org_id, "discarded": given_up},
            now=now,
        )
    log.info("account.repointed", account=move.account, org=move.to, before=move.org_id)
