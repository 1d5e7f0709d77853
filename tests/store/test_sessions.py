"""Ended sessions on both databases: known until their cookies are too old to be shown."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from models.ended_session import EndedSession
from store import sessions
from store.engine import Store

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_ended_sessions_are_kept_for_as_long_as_they_could_be_shown(store_url: str) -> None:
    """Ended twice is ended; the table does not grow with the years; no row holds an id."""
    with closing(Store(store_url)) as store:
        for _ in range(2):
            with store.begin() as tx:
                sessions.end(tx, "ada", until=NOW + HOUR, now=NOW)
        with store.begin() as tx:
            assert sessions.has_ended(tx, "ada")
            assert not sessions.has_ended(tx, "bob")
            assert "ada" not in tx.execute(select(EndedSession.digest)).scalars().all()
            sessions.end(tx, "bob", until=NOW + 3 * HOUR, now=NOW + 2 * HOUR)
            assert tx.execute(select(func.count()).select_from(EndedSession)).scalar_one() == 1
            assert sessions.has_ended(tx, "bob")
