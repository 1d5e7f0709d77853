"""Verify: org and store compared without trusting any watermark, and cheaply where they agree.

Buckets of time are compared by what aggregates say of them; only those that differ are looked into,
down to (Id, SystemModstamp) pairs. Some rows drawn by lot are compared field by field.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from models.finding import FindingKind
from models.sobject import SObject
from pipelines import drift, merged, spotcheck
from pipelines.census import Census
from pipelines.comparison import Comparison
from pipelines.describes import Describes
from pipelines.pages import by_ids
from pipelines.plan import Plan, Skip
from pipelines.purpose import Purpose, spending
from pipelines.readback import MOST
from pipelines.sweep import Sweep, is_suspicious
from pipelines.walk import Progress
from salesforce.client import Client
from salesforce.errors import Drifted, Forbidden, NotFound
from store import feeds, findings, records, stamps
from store.engine import Store

SETTLE = timedelta(minutes=5)

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a comparison of one sObject found; ids by cause of difference."""

    sobject: str
    compared: int
    calls: int
    through: datetime | None
    """Up to where org and store agree."""
    missing: list[str] = field(default_factory=list)
    """In the org, not in the store."""
    stale: list[str] = field(default_factory=list)
    """In both, with another stamp or another word on whether it is deleted."""
    unread: list[str] = field(default_factory=list)
    """Missing or stale, but changed after the last pull looked: the next one brings them."""
    surplus: list[str] = field(default_factory=list)
    """Live in the store, unknown to the org."""
    content: list[str] = field(default_factory=list)
    """With the stamp of the org and other contents; found by a sample."""
    has_more: bool = False
    """Whether there are more differences than were looked for."""
    is_hidden: bool = False
    """So many are surplus at once that access may have been lost: nothing was buried."""
    aged: int = 0
    """Tombstones that left the recycle bin since, and say so now."""
    mended: dict[str, int] = field(default_factory=dict)
    """What was repaired before, by cause; surplus rows by the cause of their tombstones."""

    @property
    def differences(self) -> list[str]:
        return [*self.missing, *self.stale, *self.unread, *self.surplus, *self.content]

    @property
    def drifted(self) -> bool:
        """Whether there is a difference that no pull will mend by itself."""
        return bool(self.missing or self.stale or self.surplus or self.content)

    @property
    def causes(self) -> dict[str, int]:
        """Count the differences by cause."""
        names = ("missing", "stale", "unread", "surplus", "content")
        return {name: len(getattr(self, name)) for name in names if getattr(self, name)}


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """One account's comparisons."""

    client: Client
    store: Store
    describes: Describes
    clock: Callable[[], datetime]
    settle: timedelta = SETTLE
    on_progress: Callable[[Progress], None] | None = None
    dice: random.Random = field(default_factory=random.Random)

    def compare(self, model: type[SObject]) -> Verified:
        """Compare, and say through when both agree; raises `Skip` where the org shows nothing.

        Records that change while we look are asked for again by Id before they count.
        """
        return self._noted(self._compared(model))

    def verify(self, model: type[SObject]) -> Verified:
        """Compare, mend what differs, and compare again; what looks like lost access stays."""
        found = self._compared(model)
        if found.differences and not found.is_hidden:
            mended = self.repair(model, found)
            calls = found.calls
            found = self._compared(model)
            found = replace(found, mended=mended, calls=found.calls + calls)
        return self._noted(found)

    def repair(self, model: type[SObject], found: Verified) -> dict[str, int]:
        """Read again what differs, and bury what the org does not show; count what was mended."""
        with spending(Purpose.VERIFY, model.sobject):
            census = self._census(self.describes.plan(model))
            mended = {
                cause: sum(self._read_again(census, some) for some in stamps.chunks(ids, MOST))
                for cause in ("missing", "stale", "unread", "content")
                if (ids := getattr(found, cause))
            }
            mended |= self._sweep(census).bury(found.surplus)
        log.info("verify.repaired", object=model.sobject, **mended)
        return mended

    def _compared(self, model: type[SObject]) -> Verified:
        with spending(Purpose.VERIFY, model.sobject):
            try:
                try:
                    return self._by_plan(self.describes.plan(model))
                except (Drifted, NotFound, Forbidden) as error:
                    log.info("schema.changed", object=model.sobject, error=str(error))
                    return self._by_plan(self.describes.plan(model, max_age=timedelta(0)))
            except Skip as reason:
                self._skipped(model, reason)
                raise

    def _by_plan(self, plan: Plan) -> Verified:
        census = self._census(plan)
        comparison = Comparison(census=census, store=self.store, on_progress=self.on_progress)
        comparison.run(self.dice)
        content = spotcheck.differing(census, self.store, until=comparison.now)
        found, first = comparison.found, comparison.first
        if content:
            with self.store.read() as tx:
                at = [row.stamp for row in stamps.of(tx, plan.model, content).values()]
            first = min([first, *at]) if first is not None else min(at, default=None)
        settled = comparison.now - self.settle
        return Verified(
            sobject=plan.model.sobject,
            compared=comparison.compared,
            calls=census.calls,
            through=settled if first is None else min(settled, stamps.moment(first)),
            content=content,
            has_more=comparison.is_cut,
            is_hidden=self._is_hidden(comparison),
            aged=comparison.aged,
            missing=found["missing"],
            stale=found["stale"],
            unread=found["unread"],
            surplus=found["surplus"],
        )

    def _is_hidden(self, comparison: Comparison) -> bool:
        """Tell whether so much is gone at once that we may have lost the right to see it."""
        gone = comparison.found["surplus"]
        number = max(len(gone), comparison.deficit if comparison.is_cut else 0)
        if not is_suspicious(number, comparison.ours):
            return False
        return is_suspicious(
            number - len(self._sweep(comparison.census).named(gone)), comparison.ours
        )

    def _read_again(self, census: Census, ids: Sequence[str]) -> int:
        plan = census.plan
        batch = by_ids(plan, list(ids), client=self.client, exact=not self.store.is_sqlite)
        with self.store.begin(relaxed=True) as tx:
            written = records.upsert(
                tx,
                plan.model,
                batch.fields or plan.fields,
                batch.rows,
                read_at=batch.server_time,
            )
            drift.report_misfits(tx, plan.model.sobject, batch.misfits, now=self.clock())
            merged.follow(tx, plan, batch)
        return written

    def _census(self, plan: Plan) -> Census:
        return Census(plan=plan, client=self.client)

    def _sweep(self, census: Census) -> Sweep:
        return Sweep(census=census, store=self.store, describes=self.describes)

    def _skipped(self, model: type[SObject], reason: Skip) -> None:
        """Say that what we hold can no longer be seen: nothing of it is buried."""
        with self.store.begin() as tx:
            live, _ = records.count(tx, model)
            if live:
                findings.raise_(
                    tx,
                    model.sobject,
                    FindingKind.NO_ACCESS,
                    f"{reason}; the {live:,} rows here stay as they are: give the user access "
                    f"again, or take {model.sobject} out of SCSYNC_OBJECTS",
                    now=self.clock(),
                )

    def _noted(self, found: Verified) -> Verified:
        """Keep what was found: how far both agree, and what a person should know."""
        sobject, now = found.sobject, self.clock()
        with self.store.begin() as tx:
            feeds.verified(tx, sobject, through=found.through, now=now)
            for kind, message in _messages(found).items():
                if message:
                    findings.raise_(tx, sobject, kind, message, now=now)
                else:
                    findings.clear(tx, sobject, kind, now=now)
            if not found.surplus and not found.has_more:
                findings.clear(tx, sobject, FindingKind.DELETE_LOG_GAP, now=now)
        level = log.warning if found.drifted else log.info
        level("verify.finished", object=sobject, compared=found.compared, **found.causes)
        return found


def _messages(found: Verified) -> dict[FindingKind, str | None]:
    hidden = drifted = None
    remedy = f"scsync verify {found.sobject} --repair"
    if found.is_hidden:
        hidden = (
            f"{len(found.surplus):,}{' or more' * found.has_more} live rows are not shown by the "
            "org, and its delete log does not name them: hidden from this user, or deleted beyond "
            'the log\'s reach; give the user "View All Data", or, if they are gone, bury them '
            f"with: {remedy}"
        )
    elif found.drifted:
        causes = ", ".join(f"{n:,} {cause}" for cause, n in found.causes.items())
        more = " or more" * found.has_more
        drifted = f"org and store differ: {causes}{more}; mend it with: {remedy}"
    return {
        FindingKind.VANISHED: hidden,
        FindingKind.DRIFT: drifted,
        FindingKind.NO_ACCESS: None,
    }
