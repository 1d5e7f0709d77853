"""Overview: how fresh and how complete the store is, where the commands stand, what is amiss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from models.backfill import Backfill, BackfillState
from models.finding import Finding
from models.incident import Incident
from models.linked_account import LinkedAccount
from models.run import Run
from models.sobject import SObject
from pipelines import policy
from pipelines.budget import DAY, Budget, Outlook
from pipelines.health import Interval, Signs, signs, silent_for
from store import (
    accounts,
    api_calls,
    backfills,
    findings,
    incidents,
    outbox,
    records,
    reports,
    runs,
)
from store.engine import Store

Count = Callable[[Connection, type[SObject]], tuple[int, int]]
"""Counts live rows and tombstones."""
Locked = Callable[[LinkedAccount | None], str | None]
"""Says why an account's tokens cannot be opened."""


@dataclass(frozen=True)
class ObjectStatus:
    """One sObject: rows, how far it is read and verified, how its last run ended."""

    sobject: str
    rows: int
    tombstones: int
    watermark: datetime | None
    verified_through: datetime | None
    computed_through: datetime | None
    fresh_as_of: datetime | None
    settle: float | None
    last_outcome: str | None
    last_error: str | None
    skipped: str | None
    missing_fields: int
    silent_for: timedelta | None
    tried_at: datetime | None
    """Of one never read, or never verified: the first attempt that is known."""
    interval: float
    """Seconds between its pulls, as things are."""


@dataclass(frozen=True)
class Loading:
    """A backfill under way: rows read of rows there are."""

    sobject: str
    reason: str
    mode: str | None
    rows: int
    total: int | None


@dataclass(frozen=True)
class Overview:
    """Everything that `scsync status` and the console judge by: see `pipelines.verdict`."""

    account: LinkedAccount | None
    objects: tuple[ObjectStatus, ...]
    commands: dict[str, int]
    findings: tuple[Finding, ...]
    loading: tuple[Loading, ...]
    budget: Outlook | None
    calls: dict[str, int]
    """API calls of ours in the last 24 hours, by what they were made for."""
    at: datetime
    incidents: tuple[Incident, ...] = ()
    """Those that are open, the oldest first."""
    notices: tuple[str, ...] = ()
    """What will need a person before long."""
    locked: str | None = None
    """Why the key of this process does not open the account's tokens, if it does not."""
    unreadable: tuple[str, ...] = ()
    """Fields, like Case.IsClosed, that figures of reports hang on and the org does not show."""


def overview(
    models: Sequence[type[SObject]],
    *,
    store: Store,
    clock: Callable[[], datetime],
    account: str,
    interval: Interval,
    budget: Budget,
    locked: Locked,
    refresh_policy: str | None = None,
    count: Count = records.count,
) -> Overview:
    """Read it all in one transaction, so that the figures fit together."""
    outlook, now = budget.outlook(), clock()
    with store.read() as tx:
        found = signs(tx, models)
        latest = runs.latest(tx, [model.sobject for model in models])
        planned = [one for one in found.plans.values() if one.state != BackfillState.DONE]
        linked = accounts.get(tx, account)
        soon = policy.notice(refresh_policy, linked, now)
        return Overview(
            account=linked,
            locked=locked(linked),
            notices=(soon,) if soon else (),
            objects=tuple(
                _object(
                    model,
                    count(tx, model),
                    found,
                    latest.get(model.sobject),
                    silent=silent_for(model, found, interval=interval, now=now),
                    interval=interval(model, found.mark(model.sobject), now),
                )
                for model in models
            ),
            commands=outbox.counts(tx),
            findings=tuple(findings.every(tx)),
            incidents=tuple(incidents.still_open(tx)),
            loading=tuple(_loading(one, backfills.progress(tx, one.sobject)) for one in planned),
            budget=outlook,
            calls=api_calls.by_purpose(tx, since=now - DAY),
            unreadable=tuple(reports.unreadable(tx)),
            at=now,
        )


def short(span: timedelta) -> str:
    """Write a span as a person would say it."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _loading(found: Backfill, at: backfills.Progress) -> Loading:
    return Loading(
        sobject=found.sobject,
        reason=found.reason,
        mode=found.mode,
        rows=at.rows,
        total=found.job_records or found.total,
    )


def _object(
    model: type[SObject],
    rows: tuple[int, int],
    found: Signs,
    run: Run | None,
    *,
    silent: timedelta | None,
    interval: timedelta,
) -> ObjectStatus:
    mark = found.mark(model.sobject)
    return ObjectStatus(
        sobject=model.sobject,
        rows=rows[0],
        tombstones=rows[1],
        watermark=mark.since,
        verified_through=mark.verified_through,
        computed_through=mark.computed_through,
        fresh_as_of=mark.finished_at,
        settle=mark.settle,
        last_outcome=(run.outcome or "running") if run else None,
        last_error=run.error_message if run else None,
        skipped=mark.skipped,
        missing_fields=len(mark.missing_fields or ()),
        silent_for=silent,
        tried_at=found.tried.get(model.sobject),
        interval=interval.total_seconds(),
    )
