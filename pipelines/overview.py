"""Overview: how fresh and how complete the store is, where the commands stand, what is amiss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from models.backfill import Backfill, BackfillState
from models.finding import Finding, FindingKind
from models.incident import Incident, IncidentKind
from models.linked_account import AccountState, LinkedAccount
from models.outbox import CommandState
from models.run import Run
from models.sobject import SObject
from models.watermark import Watermark
from pipelines import policy
from pipelines.budget import DAY, Budget, Outlook
from pipelines.health import Interval, silent_for
from store import (
    accounts,
    api_calls,
    backfills,
    findings,
    incidents,
    outbox,
    records,
    runs,
    watermarks,
)
from store.engine import Store

Count = Callable[[Connection, type[SObject]], tuple[int, int]]
"""Counts live rows and tombstones."""
_RED = frozenset({FindingKind.ZERO_ROWS, FindingKind.VANISHED, FindingKind.DRIFT})
"""Findings that a person should look at, rather than know of."""


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
    """Everything `scsync status` shows."""

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

    @property
    def reasons(self) -> list[str]:
        """Name what needs a person, worst first; none: all is well."""
        reasons = []
        if self.account is None:
            reasons.append("no account is linked: run scsync link")
        elif self.account.state == AccountState.DEAD:
            why = self.account.reason or "its grant is dead. Run scsync link."
            reasons.append(f"account {self.account.name} cannot work: {why}")
        reasons += [
            f"the login is refused: {one.message}"
            for one in self.incidents
            if one.kind == IncidentKind.LOGIN_REFUSED
        ]
        silent = [one for one in self.objects if one.silent_for]
        if silent and self.account and self.account.state == AccountState.LINKED:
            longest = max(one.silent_for for one in silent if one.silent_for)
            names = ", ".join(one.sobject for one in silent[:3])
            more = f" and {len(silent) - 3} more" if len(silent) > 3 else ""  # noqa: PLR2004
            reasons.append(
                f"no good run of {names}{more} for {short(longest)}: does scsync up run?"
            )
        if dead := self.commands.get(CommandState.DEAD):
            reasons.append(f"{dead:,} commands are dead: scsync commands list --state dead")
        return reasons + [
            f"{one.sobject}: {one.message}" for one in self.findings if one.kind in _RED
        ]


def overview(
    models: Sequence[type[SObject]],
    *,
    store: Store,
    clock: Callable[[], datetime],
    account: str,
    interval: Interval,
    budget: Budget,
    refresh_policy: str | None = None,
    count: Count = records.count,
) -> Overview:
    """Read it all in one transaction, so that the figures fit together."""
    outlook, now = budget.outlook(), clock()
    with store.read() as tx:
        marks = watermarks.every(tx)
        latest = runs.latest(tx, [model.sobject for model in models])
        planned = [one for one in backfills.every(tx).values() if one.state != BackfillState.DONE]
        loading = tuple(_loading(one, backfills.progress(tx, one.sobject)) for one in planned)
        busy = {one.sobject for one in loading}
        linked = accounts.get(tx, account)
        soon = policy.notice(refresh_policy, linked, now)
        return Overview(
            account=linked,
            notices=(soon,) if soon else (),
            objects=tuple(
                _object(
                    model,
                    count(tx, model),
                    mark := marks.get(model.sobject) or Watermark(sobject=model.sobject),
                    latest.get(model.sobject),
                    silent=None
                    if model.sobject in busy
                    else silent_for(model, mark, interval=interval, now=now),
                    interval=interval(model, mark, now),
                )
                for model in models
            ),
            commands=outbox.counts(tx),
            findings=tuple(findings.every(tx)),
            incidents=tuple(incidents.still_open(tx)),
            loading=loading,
            budget=outlook,
            calls=api_calls.by_purpose(tx, since=now - DAY),
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
    mark: Watermark,
    run: Run | None,
    *,
    silent: timedelta | None,
    interval: timedelta,
) -> ObjectStatus:
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
        interval=interval.total_seconds(),
    )
