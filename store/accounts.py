"""Accounts: the grant as ciphertext, who may renew it, and whether it still lives."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.incident import IncidentKind
from models.linked_account import AccountState, LinkedAccount
from store import incidents, rests
from store.errors import LeaseLost

DEFAULT = "default"

_table = LinkedAccount.__table__  # type: ignore[attr-defined]


# What an unlinked account leaves is a row that says whose data the store holds.
_is_known = _table.c.state != AccountState.UNLINKED
SECRETS = ("access_token", "refresh_token", "private_key", "linked_from")
_NO_GRANT: Mapping[str, Any] = dict.fromkeys(
    (
        *SECRETS,
        "username",
        "audience",
        "reason",
        "lease_owner",
        "lease_until",
        "refresh_sent_at",
        "rotates",
        "approved",
    )
)


@dataclass(frozen=True)
class Lease:
    """The sole right to renew; in doubt when an earlier refresh was sent and not answered."""

    owner: str
    in_doubt: bool


def get(tx: Connection, name: str) -> LinkedAccount | None:
    """Find an account that is linked, dead or suspended; one that was unlinked is none."""
    query = select(_table).where(_table.c.name == name, _is_known)
    row = tx.execute(query).mappings().one_or_none()
    return LinkedAccount(**row) if row else None


def every(tx: Connection) -> list[LinkedAccount]:
    rows = tx.execute(select(_table).where(_is_known).order_by(_table.c.name)).mappings()
    return [LinkedAccount(**row) for row in rows]


def is_sealed(tx: Connection) -> bool:
    """Tell whether any account holds what a key has encrypted."""
    held = or_(*(_table.c[name].is_not(None) for name in SECRETS))
    return tx.execute(select(_table.c.name).where(held).limit(1)).first() is not None


def org(tx: Connection, name: str) -> str | None:
    """Tell which org the store's rows are of, even if the account was unlinked."""
    found: str | None = tx.execute(
        select(_table.c.org_id).where(_table.c.name == name)
    ).scalar_one_or_none()
    return found


def presented(tx: Connection, name: str) -> str | None:
    """Give the digest of the refresh token that was sent to make a link, and was not answered."""
    query = select(_table.c.presented).where(_table.c.name == name)
    found: str | None = tx.execute(query).scalar_one_or_none()
    return found


def present(tx: Connection, name: str, digest: str | None, *, login_url: str) -> None:
    """Note which refresh token is about to be sent to make a link; None: it has been answered."""
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    row = {"name": name, "state": AccountState.UNLINKED, "login_url": login_url}
    tx.execute(
        insert(_table)
        .values(**row, version=0, presented=digest)
        .on_conflict_do_update(index_elements=["name"], set_={"presented": digest})
    )


def link(
    tx: Connection, name: str, values: Mapping[str, Any], *, now: datetime, resumes: bool = True
) -> None:
    """Link the account, or link it anew: what it held before is replaced as a whole.

    Unless the link resumes, an account that is suspended stays so.
    """
    insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    content = {
        "access_token": None,
        "username": None,
        "audience": None,
        "private_key": None,
        "reason": None,
        "lease_owner": None,
        "lease_until": None,
        "refresh_sent_at": None,
        "rotates": None,
        "presented": None,
        "state": AccountState.LINKED,
        "linked_at": now,
        **values,
    }
    statement = insert(_table).values(name=name, version=1, **content)
    anew = {**content, "version": _table.c.version + 1}
    if not resumes:
        is_stopped = _table.c.state == AccountState.SUSPENDED
        anew["state"] = case((is_stopped, _table.c.state), else_=AccountState.LINKED)
        anew["reason"] = case((is_stopped, _table.c.reason))
    tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_=anew))
    incidents.close(tx, IncidentKind.GRANT_DEAD, now=now)
    incidents.close(tx, IncidentKind.LOGIN_REFUSED, now=now)
    rests.end(tx, now=now)


def is_free(tx: Connection, name: str, *, seen: int, now: datetime) -> bool:
    """Tell whether `lease` would have it: who waits asks this, and keeps nobody from writing."""
    return tx.execute(select(_table.c.name).where(_is_free(name, seen, now))).first() is not None


def lease(
    tx: Connection, name: str, *, seen: int, owner: str, now: datetime, span: timedelta
) -> Lease | None:
    """Take the sole right to renew the grant, if it is still the one that was seen."""
    taken = tx.execute(
        update(_table)
        .where(_is_free(name, seen, now))
        .values(lease_owner=owner, lease_until=now + span)
        .returning(_table.c.refresh_sent_at)
    ).one_or_none()
    return Lease(owner, in_doubt=taken.refresh_sent_at is not None) if taken else None


def _is_free(name: str, seen: int, now: datetime) -> ColumnElement[bool]:
    unheld = or_(_table.c.lease_owner.is_(None), _table.c.lease_until < now)
    return and_(_table.c.name == name, _table.c.version == seen, unheld)


def sending(tx: Connection, name: str, *, owner: str, now: datetime) -> bool:
    """Note that the refresh token goes out; False when the right to send it has passed on."""
    noted = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.lease_owner == owner, _table.c.lease_until >= now)
        .values(refresh_sent_at=now)
    )
    return noted.rowcount == 1


def renew(tx: Connection, name: str, values: Mapping[str, Any], *, seen: int, now: datetime) -> int:
    """Store a renewed grant; raises `LeaseLost` when a newer one stands there.

    The version is the fence, not the lease: under rotation, who comes late but first has the only
    token that is good, even if the account was given up for dead meanwhile.
    """
    alive = case((_table.c.state == AccountState.DEAD, AccountState.LINKED), else_=_table.c.state)
    reason = case((_table.c.state == AccountState.SUSPENDED, _table.c.reason))
    renewed = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.version == seen)
        .values(
            version=_table.c.version + 1,
            state=alive,
            reason=reason,
            lease_owner=None,
            lease_until=None,
            refresh_sent_at=None,
            refreshed_at=now,
            **values,
        )
        .returning(_table.c.version)
    ).scalar_one_or_none()
    if renewed is None:
        raise LeaseLost(f"another process has renewed the grant of account {name}")
    incidents.close(tx, IncidentKind.GRANT_DEAD, now=now)
    if rests.noted(tx) is None:  # else the session has to be taken, too
        incidents.close(tx, IncidentKind.LOGIN_REFUSED, now=now)
    return int(renewed)


def reseal(tx: Connection, name: str, values: Mapping[str, Any], *, seen: int) -> bool:
    """Replace ciphertext by ciphertext of the same secrets; False if they are others by now."""
    done = tx.execute(
        update(_table).where(_table.c.name == name, _table.c.version == seen).values(**values)
    )
    return done.rowcount == 1


def release(tx: Connection, name: str, *, owner: str) -> None:
    """Give the right to renew back, with nothing spent."""
    _end_lease(tx, name, owner, refresh_sent_at=None)


def lapse(tx: Connection, name: str, *, owner: str) -> None:
    """Give the right to renew back; what was sent stays in doubt."""
    _end_lease(tx, name, owner)


def bury(tx: Connection, name: str, reason: str, *, owner: str, now: datetime) -> None:
    """Mark the grant dead, unless somebody else is renewing it."""
    if _end_lease(tx, name, owner, state=AccountState.DEAD, reason=reason):
        incidents.open_(tx, IncidentKind.GRANT_DEAD, reason, now=now)


def _end_lease(tx: Connection, name: str, owner: str, **values: Any) -> bool:
    ended = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.lease_owner == owner)
        .values(lease_owner=None, lease_until=None, **values)
    )
    return ended.rowcount == 1


def move(tx: Connection, name: str, state: AccountState, reason: str | None = None) -> bool:
    """Change the account's state; False when there is no such account.

    A lease stays with its owner: a refresh under way ends with a token that has to be kept.
    """
    moved = tx.execute(
        update(_table).where(_table.c.name == name, _is_known).values(state=state, reason=reason)
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
