"""Turns: slow feeds and slices of backfills, each a lease that says who works and when again.

Whoever rings takes the lease for the one who will answer; a bell that nobody answers, or whose
worker died, runs out and is rung anew. A feed that was tended keeps its lease until it is due.
"""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from pipelines.keeper import SPAN, kept
from salesforce.errors import SalesforceError
from store import backfills, leases, watermarks
from worker.app import App

HELPERS = 2
"""How many workers are asked to share a backfill."""
UNANSWERED = timedelta(minutes=2)
AGAIN = timedelta(minutes=1)
"""How long a feed that met trouble waits."""
_AT_WORK = max(SPAN, UNANSWERED)
"""A lease that lasts no longer belongs to one who works, or is asked to; a longer one rests."""

log = structlog.get_logger()


class Feed(StrEnum):
    """What looks after a pull, at a pace of its own."""

    DELETES = "deletes"
    COMPUTED = "computed"
    VERIFY = "verify"


class Turns:
    """One account's feeds and shared backfills."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._is_fitted = False

    def ring_feeds(self, send: Callable[[str, str, str], object]) -> int:
        """Ring for each feed that is due; what was never read needs none."""
        now = self._app.clock()
        with self._app.store.read() as tx:
            marks = watermarks.every(tx)
            read = {name for name, mark in marks.items() if mark.since}
            read -= set(backfills.unfinished(tx))
        wanted = [
            (feed, model.sobject)
            for feed in Feed
            for model in self._app.models
            if self._app.cadence(feed) and model.sobject in read
        ]
        rung = []
        with self._app.store.begin() as tx:
            for feed, sobject in wanted:
                bell = uuid4().hex
                name = f"{feed}/{sobject}"
                if feed is Feed.VERIFY and marks[sobject].verified_at is None:
                    # Asked for, as by a gap in the delete log: the last one no longer counts.
                    leases.cut(tx, name, now=now, beyond=now + _AT_WORK)
                elif not self._is_fitted:  # it may rest since a start with a longer pace
                    rest = max(_AT_WORK, timedelta(seconds=self._app.cadence(feed)))
                    leases.cut(tx, name, now=now, beyond=now + rest)
                if leases.hold(tx, name, owner=bell, now=now, span=UNANSWERED):
                    rung.append((feed, sobject, bell))
        self._is_fitted = True
        for feed, sobject, bell in rung:
            send(feed, sobject, bell)
        return len(rung)

    def ask(self, tx: Connection, feed: Feed, sobject: str) -> None:
        """Make a feed due at once, unless it is being tended; the next tick rings for it."""
        now = self._app.clock()
        leases.cut(tx, f"{feed}/{sobject}", now=now, beyond=now + _AT_WORK)

    def is_tended(self, tx: Connection, feed: Feed, sobject: str) -> bool:
        """Tell whether somebody tends a feed, or has been asked to."""
        until, now = leases.until(tx, f"{feed}/{sobject}"), self._app.clock()
        return until is not None and now < until <= now + _AT_WORK

    def ring_backfills(self, send: Callable[[str, str], object]) -> int:
        """Ring for helpers while there is a backfill to share."""
        now = self._app.clock()
        with self._app.store.read() as tx:
            loading = backfills.unfinished(tx)
        if not loading:
            return 0
        rung = []
        with self._app.store.begin() as tx:
            for sobject in loading:
                for helper in range(HELPERS):
                    name = f"backfill/{sobject}/{helper}"
                    bell = uuid4().hex
                    if leases.hold(tx, name, owner=bell, now=now, span=UNANSWERED):
                        rung.append((sobject, f"{name}#{bell}"))
        for sobject, bell in rung:
            send(sobject, bell)
        return len(rung)

    def tend(self, feed: Feed, sobject: str, bell: str) -> None:
        """Tend a feed while holding its lease, and keep that until the feed is due again."""
        name = f"{feed}/{sobject}"
        if not self._renew(name, bell, SPAN):
            return
        again = AGAIN
        try:
            with kept(lambda: self._renew(name, bell, SPAN)):
                (model,) = self._app.chosen([sobject])
                self._app.tend(feed, model)
            again = timedelta(seconds=self._app.cadence(feed))
        except SalesforceError as error:
            log.warning("feed.held_up", error=str(error))
        finally:
            self._renew(name, bell, again)

    def backfill(self, sobject: str, bell: str) -> None:
        """Work slices of a backfill until none is free."""
        name, _, owner = bell.partition("#")
        if not self._renew(name, owner, SPAN):
            return
        try:
            with kept(lambda: self._renew(name, owner, SPAN)):
                (model,) = self._app.chosen([sobject])
                self._app.backfiller().join(model)
        finally:
            # Not dropped: where there was nothing to do, it is not asked again at once.
            self._renew(name, owner, timedelta(seconds=5))

    def _renew(self, name: str, owner: str, span: timedelta) -> bool:
        with self._app.store.begin() as tx:
            return leases.renew(tx, name, owner=owner, now=self._app.clock(), span=span)
