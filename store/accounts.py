"""Accounts: the grant as ciphertext, who may renew it, and whether it still lives."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.linked_account import AccountState, LinkedAccount
from store.errors import LeaseLost

DEFAULT = "default"

_table = LinkedAccount.__table__  # type: ignore[attr-defined]


# What an unlinked account leaves is a row that says whose data the store holds.
_is_known = _table.c.state != AccountState.UNLINKED
_NO_GRANT: Mapping[str, Any] = dict.fromkeys(
    (
        "access_token",
        "refresh_token",
        "username",
        "audience",
        "private_key",
        "linked_from",
        "reason",
        "lease_owner",
        "lease_until",
    )
)


def get(tx: Connection, name: str) -> LinkedAccount | None:
    """Find an account that is linked, dead or suspended; one that was unlinked is none."""
    query = select(_table).where(_table.c.name == name, _is_known)
    row = tx.execute(query).mappings().one_or_none()
    return LinkedAccount(**row) if row else None


def every(tx: Connection) -> list[LinkedAccount]:
    rows = tx.execute(select(_table).where(_is_known).order_by(_table.c.name)).mappings()
    return [LinkedAccount(**row) for row in rows]


def org(tx: Connection, name: str) -> str | None:
    """Tell which org the store's rows are of, even if the account was unlinked."""
    found: str | None = tx.execute(
        select(_table.c.org_id).where(_table.c.name == name)
    ).scalar_one_or_none()
    return found


def link(tx: Connection, name: str, values: Mapping[str, Any], *, now: datetime) -> None:
    """Link the account, or link it anew: what it held before is replaced as a whole."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    content = {
        "access_token": None,
        "username": None,
        "audience": None,
        "private_key": None,
        "reason": None,
        "lease_owner": None,
        "lease_until": None,
        "state": AccountState.LINKED,
        "linked_at": now,
        **values,
    }
    statement = insert(_table).values(name=name, version=1, **content)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={**content, "version": _table.c.version + 1}
        )
    )


def lease(
    tx: Connection, name: str, *, seen: int, owner: str, now: datetime, span: timedelta
) -> bool:
    """Take the sole right to renew the grant, if it is still the one that was seen."""
    free = or_(_table.c.lease_owner.is_(None), _table.c.lease_until < now)
    taken = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.version == seen, free)
        .values(lease_owner=owner, lease_until=now + span)
    )
    return taken.rowcount == 1


def renew(
    tx: Connection, name: str, values: Mapping[str, Any], *, owner: str, now: datetime
) -> int:
    """Store a renewed grant; raises `LeaseLost` when the right to do so has passed on."""
    renewed = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.lease_owner == owner)
        .values(
            version=_table.c.version + 1,
            lease_owner=None,
            lease_until=None,
            refreshed_at=now,
            **values,
        )
        .returning(_table.c.version)
    ).scalar_one_or_none()
    if renewed is None:
        raise LeaseLost(f"another process renews the grant of account {name} by now")
    return int(renewed)


def release(tx: Connection, name: str, *, owner: str) -> None:
    """Give the right to renew back."""
    tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.lease_owner == owner)
        .values(lease_owner=None, lease_until=None)
    )


def bury(tx: Connection, name: str, reason: str, *, owner: str) -> None:
    """Mark the grant dead, unless somebody else is renewing it."""
    tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.lease_owner == owner)
        .values(state=AccountState.DEAD, reason=reason, lease_owner=None, lease_until=None)
    )


def move(tx: Connection, name: str, state: AccountState, reason: str | None = None) -> bool:
    """Change the account's state; False when there is no such account."""
    moved = tx.execute(
        update(_table)
        .where(_table.c.name == name, _is_known)
        .values(state=state, reason=reason, lease_owner=None, lease_until=None)
    )
    return moved.rowcount == 1


def forget(tx: Connection, name: str, **values: Any) -> None:
    """Delete the grant; rows and commands stay, and so does the org that they belong to."""
    tx.execute(
        update(_table)
        .where(_table.c.name == name)
        .values(
            state=AccountState.UNLINKED,
            version=_table.c.version + 1,
            **{**_NO_GRANT, **values},
        )
    )


def repoint(tx: Connection, name: str, org_id: str) -> None:
    """Unlink the account, and have it belong to another org: only that one's tokens will do."""
    forget(tx, name, org_id=org_id, **dict.fromkeys(("api_used", "api_limit", "api_seen_at")))


def rename(tx: Connection, old: str, new: str) -> bool:
    """Give the account another name; False when there is none of the old one."""
    renamed = tx.execute(update(_table).where(_table.c.name == old).values(name=new))
    return renamed.rowcount == 1


def note_usage(tx: Connection, name: str, used: int, limit: int, *, now: datetime) -> None:
    """Note what the org last said of our API calls."""
    tx.execute(
        update(_table)
        .where(_table.c.name == name)
        .values(api_used=used, api_limit=limit, api_seen_at=now)
    )
