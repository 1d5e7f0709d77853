"""Deletes that no query shows: what left the recycle bin stands in the org's delete log.

Source: REST API Developer Guide, "sObject Get Deleted"; SOAP API Developer Guide, "getDeleted()"
and "Polling for Changes": 15 days at most, whole minutes, at most 600,000 ids in an answer.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from models.finding import FindingKind
from models.sobject import SObject
from pipelines import drift, merged
from pipelines.describes import Describes
from pipelines.pages import by_ids
from pipelines.plan import Plan
from pipelines.purpose import Purpose, spending
from pipelines.readback import MOST
from pipelines.walk import TOO_LARGE
from salesforce.client import Client
from salesforce.errors import ProtocolError, SalesforceError
from salesforce.ids import to_18
from salesforce.values import Deleted
from store import feeds, findings, records, stamps, watermarks
from store.engine import Store
from store.stamps import Cause, State

REACH = timedelta(days=15)
OVERLAP = timedelta(minutes=5)
"""Read again each time: a page that a pull read before a purge may be stored after it."""
_MINUTE = timedelta(minutes=1)
_TOO_MANY = TOO_LARGE | {"EXCEEDED_ID_LIMIT"}
_OUT_OF_REACH = "INVALID_REPLICATION_DATE"

log = structlog.get_logger()


@dataclass(frozen=True)
class DeletesRead:
    """What one reading of the delete log brought."""

    sobject: str
    named: int = 0
    """How many deletions the log told of."""
    purged: int = 0
    found: int = 0
    """How many of the records it named are in the org after all, in the bin or restored."""
    through: datetime | None = None
    has_gap: bool = False
    skipped: str | None = None


@dataclass(frozen=True)
class Stretch:
    """One answer of the log: deletions by Id, and how far the answer reaches."""

    deaths: Mapping[str, datetime]
    through: datetime
    is_whole: bool = True
    """False: the log does not tell of all of this stretch."""


@dataclass(frozen=True, kw_only=True)
class DeleteLog:
    """The org's delete log, in answers it is willing to give."""

    client: Client

    def stretches(self, sobject: str, since: datetime, until: datetime) -> Iterator[Stretch]:
        """Read [since, until), both whole minutes, in order."""
        span = until - since
        while until - since >= _MINUTE:
            end = min(until, since + max(span, _MINUTE))
            try:
                answer = self.client.deleted(sobject, since, end)
            except SalesforceError as error:
                if error.code == _OUT_OF_REACH:
                    since = self._earliest(sobject, since, until)
                    yield Stretch({}, since, is_whole=False)
                    continue
                if error.code not in _TOO_MANY:
                    raise
                if end - since <= _MINUTE:
                    log.warning("deletes.too_many", object=sobject, minute=since)
                    yield Stretch({}, end, is_whole=False)
                    since = end
                    continue
                span = _whole_minutes((end - since) / 2)
                continue
            through = max(since, min(end, answer.latest_date_covered))
            yield Stretch(_deaths(answer), through, _is_whole(answer, since))
            if through < end:
                return  # a transaction that began then still runs: what it deletes comes later
            since = end

    def named(self, sobject: str, ids: Collection[str], now: datetime) -> dict[str, datetime]:
        """Look these records up in all that the log still holds."""
        until = _minute(now)
        return {
            record_id: at
            for stretch in self.stretches(sobject, until - REACH + _MINUTE, until)
            for record_id, at in stretch.deaths.items()
            if record_id in ids
        }

    def _earliest(self, sobject: str, since: datetime, until: datetime) -> datetime:
        """Ask from where on the log can be read; what it lacks is lost to it for good."""
        try:
            answer = self.client.deleted(sobject, until - _MINUTE, until)
        except SalesforceError as error:
            if error.code != _OUT_OF_REACH:
                raise
            return until
        earliest = _minute(answer.earliest_date_available) + _MINUTE
        return earliest if since < earliest <= until else until


@dataclass(frozen=True, kw_only=True)
class Deletes:
    """One account's readings of the delete log."""

    client: Client
    store: Store
    describes: Describes
    clock: Callable[[], datetime]

    def read(self, model: type[SObject]) -> DeletesRead:
        """Bury what was purged since the last reading.

        Raises `Skip` where the object cannot be read, and what the client raises; each stretch
        that was read until then is noted, and not read again.
        """
        plan = self.describes.plan(model)
        describe = self.describes.get(model.sobject)
        if describe is None or not describe.replicateable:
            return DeletesRead(model.sobject, skipped="the org keeps no delete log for it")
        with spending(Purpose.DELETES, model.sobject):
            result = self._read(plan)
        log.info("deletes.read", **{**vars(result), "object": result.sobject})
        return result

    def _read(self, plan: Plan) -> DeletesRead:
        sobject = plan.model.sobject
        with self.store.read() as tx:
            covered = watermarks.read(tx, sobject).deletes_through
        self.client.versions()
        now = self.client.server_time()
        if now is None:
            raise ProtocolError("the answer bears no Date", code="NO_DATE")
        until, earliest = _minute(now), _minute(now) - REACH + _MINUTE
        since = max(_minute(covered - OVERLAP), earliest) if covered else earliest
        result = DeletesRead(sobject, through=covered)
        if covered and covered < earliest:
            result = self._gap(result, f"it was last read up to {covered:%Y-%m-%d %H:%M} UTC")
        for stretch in DeleteLog(client=self.client).stretches(sobject, since, until):
            result = self._stored(plan, stretch, result)
            if not stretch.is_whole and covered:
                result = self._gap(result, "the org no longer keeps, or will not list, all of it")
        with self.store.begin() as tx:
            through = result.through or since
            feeds.deletes_read(tx, sobject, through=through, now=self.clock())
        return replace(result, through=through)

    def _stored(self, plan: Plan, stretch: Stretch, result: DeletesRead) -> DeletesRead:
        """Settle what a stretch names, then note that it is read."""
        sobject = plan.model.sobject
        with self.store.read() as tx:
            rows = stamps.of(tx, plan.model, stretch.deaths)
        live = sorted(key for key, row in rows.items() if row.state == State.LIVE)
        purged = found = 0
        for some in stamps.chunks(live, MOST):
            shown, buried = self._settled(plan, stretch, list(some))
            found, purged = found + shown, purged + buried
        through = max(stretch.through, result.through or stretch.through)
        gone = [key for key, row in rows.items() if row.state == State.GONE]
        with self.store.begin() as tx:
            # A sweep may have missed the record before the log told of it.
            stamps.relabel(tx, plan.model, gone, Cause.PURGED, instead_of=Cause.UNSEEN)
            feeds.deletes_read(tx, sobject, through=through, now=self.clock())
        return replace(
            result,
            named=result.named + len(stretch.deaths),
            purged=result.purged + purged,
            found=result.found + found,
            through=through,
        )

    def _settled(self, plan: Plan, stretch: Stretch, ids: list[str]) -> tuple[int, int]:
        """Ask the org for rows that the log calls deleted: it shows what is in the bin, or back."""
        batch = by_ids(plan, ids, client=self.client, exact=not self.store.is_sqlite)
        place = [field.column for field in plan.fields].index("id")
        shown = {row[place] for row in batch.rows}
        deaths = [(key, stretch.deaths[key]) for key in ids if key not in shown]
        with self.store.begin() as tx:
            records.upsert(
                tx,
                plan.model,
                batch.fields or plan.fields,
                batch.rows,
                read_at=batch.server_time,
            )
            drift.report_misfits(tx, plan.model.sobject, batch.misfits, now=self.clock())
            merged.follow(tx, plan, batch)
            buried = stamps.bury(
                tx, plan.model, deaths, cause=Cause.PURGED, read_at=batch.server_time
            )
        return len(shown), buried

    def _gap(self, result: DeletesRead, why: str) -> DeletesRead:
        message = (
            f"the delete log has a gap ({why}): what was purged meanwhile shows only when org and "
            f"store are compared; that is due now, or at once by: scsync verify {result.sobject}"
        )
        now = self.clock()
        with self.store.begin() as tx:
            findings.raise_(tx, result.sobject, FindingKind.DELETE_LOG_GAP, message, now=now)
            feeds.ask_for_comparison(tx, result.sobject)
        return replace(result, has_gap=True)


def _deaths(answer: Deleted) -> dict[str, datetime]:
    try:
        return {to_18(one.id): one.deleted_date for one in answer.deleted_records}
    except ValueError as error:
        raise ProtocolError(f"the delete log: {error}", code="BROKEN_BODY") from error


def _is_whole(answer: Deleted, since: datetime) -> bool:
    return _minute(answer.earliest_date_available) <= since


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _whole_minutes(span: timedelta) -> timedelta:
    return max(_MINUTE, timedelta(minutes=span // _MINUTE))
