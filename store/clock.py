"""The time by which processes on several machines take turns, however wrong their clocks are."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection


def common(tx: Connection, clock: Callable[[], datetime]) -> datetime:
    """Give the time of the store's server; a file is shared on one machine, whose time will do."""
    if tx.dialect.name == "sqlite":
        return clock()
    theirs: datetime = tx.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return clock() + (theirs - _ours())


def _ours() -> datetime:
    return datetime.now(UTC)
