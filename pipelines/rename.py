"""Renaming: an account, and with it the place of its store, gets another name while it rests."""

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from pipelines.repoint import AtWork
from salesforce.errors import Misconfigured
from store import accounts, audit, orgs, places
from store.engine import Store
from store.places import StillOpen

log = structlog.get_logger()


def rename(
    store: Store, url: str, old: str, new: str, *, operator: str, clock: Callable[[], datetime]
) -> None:
    """Do it; raises `AtWork`, and then has changed nothing. The store is closed afterwards.

    Where a file had to be moved and the machine died before, the same call finishes the work.
    """
    _refuse(url, old, new)
    with store.begin() as tx:
        if orgs.is_at_work(tx, clock()):
            raise AtWork
        if not accounts.rename(tx, old, new) and accounts.org(tx, new) is None:
            raise Misconfigured(f"account {old} was never linked", remedy="Run scsync link.")
        _note(tx, old, new, operator=operator, now=clock())
        places.rename_schema(tx, old, new)  # the last: no table is found by the old name after it
    store.close()
    try:
        places.move_file(url, old, new)
    except StillOpen:
        with store.begin() as tx:
            accounts.rename(tx, new, old)
            _note(tx, new, old, operator=operator, now=clock())
        raise AtWork from None
    log.info("account.renamed", account=new, before=old)


def _note(tx: Connection, before: str, name: str, *, operator: str, now: datetime) -> None:
    detail = {"before": before}
    audit.note(tx, operator=operator, act="account.rename", subject=name, detail=detail, now=now)


def _refuse(url: str, old: str, new: str) -> None:
    for name in (old, new):
        if name == accounts.DEFAULT:
            raise Misconfigured(
                f"the account {name} has the store that SCSYNC_DATABASE_URL names, and its name",
                remedy="Only accounts that were made by scsync link --account NAME are renamed.",
            )
    if new in places.known(url):
        raise Misconfigured(f"there is an account {new} already", remedy="Choose another name.")
