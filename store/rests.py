"""Rests: where each session is refused as soon as it is granted, others are asked for seldom.

One row tells which grant's session was refused; the incident tells since when, and a rest lasts as
long as that has lasted.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from models.incident import IncidentKind
from store import incidents, leases

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(minutes=30)
_NAME = "session"


def noted(tx: Connection) -> int | None:
    """Give the version of the grant whose session was refused last; None: all is well."""
    version = leases.holder(tx, _NAME)
    return int(version) if version else None


def until(tx: Connection, version: int) -> datetime | None:
    """Say until when a grant rests, be that over or not; None: its session was not refused."""
    return leases.until(tx, _NAME) if noted(tx) == version else None


def begin(tx: Connection, version: int, reason: str, *, now: datetime) -> None:
    """Note that a fresh session was refused; the account rests if the one before was, too."""
    before = noted(tx)
    if before is not None and before >= version:
        return  # another caller met the same
    span = timedelta(0)
    if before is not None:
        incidents.open_(tx, IncidentKind.LOGIN_REFUSED, reason, now=now)
        lasted = max(now - since for since in _opened(tx))
        span = min(max(lasted, SHORTEST), LONGEST)
        leases.drop(tx, _NAME, owner=str(before))
    leases.hold(tx, _NAME, owner=str(version), now=now, span=span)


def end(tx: Connection, *, now: datetime) -> None:
    """Have it over: a fresh session was taken, or there is another grant."""
    version = noted(tx)
    if version is not None:
        leases.drop(tx, _NAME, owner=str(version))
        incidents.close(tx, IncidentKind.LOGIN_REFUSED, now=now)


def _opened(tx: Connection) -> list[datetime]:
    found = incidents.still_open(tx)
    return [one.opened_at for one in found if one.kind == IncidentKind.LOGIN_REFUSED]
