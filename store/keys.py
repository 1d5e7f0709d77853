"""API keys: made, found by what a caller shows, revoked.

A key is drawn, not thought up: 256 random bits, which nobody guesses however quick the hash. So
SHA-256 keeps it well at rest; scrypt, which is for passwords, would cost each request what it costs
a thief who has nothing to guess.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection, Table, insert, select, update

from models.api_key import ApiKey, Scope
from store.engine import Store

_table = cast("Table", ApiKey.__table__)  # type: ignore[attr-defined]
_MARK = "scsync"
_STALE = timedelta(minutes=1)
"""How old `last_used_at` may get while a key is in use: a write for each request is too many."""


class NameTaken(ValueError):  # noqa: N818 - read at the call site
    """A key of this name is or was there: an audit that names it must not mean two."""


def make(
    tx: Connection,
    name: str,
    scopes: Collection[Scope],
    *,
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    """Make a key and give it out: nobody will see it again."""
    if tx.execute(select(_table.c.id).where(_table.c.name == name)).first():
        raise NameTaken(f"there is a key named {name}, in use or revoked: choose another name")
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id,
        name=name,
        digest=_digest(secret),
        scopes=",".join(scope for scope in Scope if scope in scopes),
        made_at=now,
        expires_at=expires_at,
    )
    tx.execute(insert(_table).values(**key.model_dump()))
    return f"{_MARK}_{key_id}_{secret}"


def shown(store: Store, text: str, *, now: datetime) -> ApiKey | None:
    """Find the key that a caller shows; None for one that is unknown, revoked or expired."""
    mark, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    if mark != _MARK:
        return None
    key = by_id(store, key_id, now=now)
    if key is None or not hmac.compare_digest(key.digest, _digest(secret)):
        return None
    return key


def by_id(store: Store, key_id: str, *, now: datetime) -> ApiKey | None:
    """Find a key that is good at this moment."""
    with store.read() as tx:
        row = tx.execute(select(_table).where(_table.c.id == key_id)).mappings().one_or_none()
    key = ApiKey(**row) if row else None
    return key if key and key.is_good(now) else None


def note_use(store: Store, key: ApiKey, *, now: datetime) -> None:
    """Keep when a key was last used, give or take a minute."""
    if key.last_used_at and now - key.last_used_at < _STALE:
        return
    with store.begin(relaxed=True) as tx:
        tx.execute(update(_table).where(_table.c.id == key.id).values(last_used_at=now))


def revoke(tx: Connection, name: str, *, now: datetime) -> bool:
    """End a key at once; False when there is none in use of that name."""
    ended = tx.execute(
        update(_table)
        .where(_table.c.name == name, _table.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return ended.rowcount == 1


def every(tx: Connection) -> list[ApiKey]:
    """List keys, revoked ones among them, oldest first."""
    rows = tx.execute(select(_table).order_by(_table.c.made_at, _table.c.name)).mappings()
    return [ApiKey(**row) for row in rows]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
