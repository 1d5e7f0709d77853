"""What the store says of all processes, as gauges: a few looks, cheap however much there is."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from typing import NamedTuple

from models.event import EventState
from models.finding import FindingKind
from models.incident import IncidentKind
from models.linked_account import AccountState, LinkedAccount
from models.outbox import FAILED, FINISHED, OPEN, CommandState
from models.process import Role
from pipelines import troubles
from pipelines.budget import DAY
from pipelines.overview import ObjectStatus, Overview
from pipelines.verdict import judge
from store import accounts, events, incidents, outbox, processes, tallies
from worker.app import App

Samples = Sequence[tuple[tuple[str, ...], float]]
_OWN = ()
_AGEING = (*OPEN, *FAILED)


class Gauge(NamedTuple):
    """One name, what it means, its labels, and its figures by their values."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    samples: Samples
    is_total: bool = False


def read(parts: App) -> Iterator[Gauge]:
    """Read all gauges; raises `StoreError` when there is no reading the store."""
    found = parts.overview(parts.counts)
    yield _one("scsync_ready", "1 when nothing needs a person.", judge(found).is_ready)
    said = [((version("scsync"),), 1.0)]
    yield Gauge("scsync_build_info", "1; the version is the label's.", ("version",), said)
    yield from _objects(found, is_verified=bool(parts.cadence("verify")))
    yield from _findings(found)
    yield from _budget(found)
    yield from _stored(found, parts)


def _one(name: str, meaning: str, value: float) -> Gauge:
    return Gauge(name, meaning, (), [(_OWN, float(value))])


def _objects(found: Overview, *, is_verified: bool) -> Iterator[Gauge]:
    now, label = found.at, ("object",)

    def by(value: Callable[[ObjectStatus], float | None]) -> Samples:
        values = ((one.sobject, value(one)) for one in found.objects)
        return [((sobject,), float(number)) for sobject, number in values if number is not None]

    def since(moment: datetime | None) -> float | None:
        return (now - moment).total_seconds() if moment else None

    def verified(one: ObjectStatus) -> float | None:
        is_due = is_verified and not one.skipped
        return since(one.verified_through or (one.tried_at if is_due else None))

    yield Gauge(
        "scsync_rows", "Rows in the store, without tombstones.", label, by(lambda one: one.rows)
    )
    yield Gauge(
        "scsync_tombstones",
        "Rows whose record is deleted in the org.",
        label,
        by(lambda one: one.tombstones),
    )
    yield Gauge(
        "scsync_watermark_age_seconds",
        "Lag: how far the watermark is behind now, the settle time included.",
        label,
        by(lambda one: since(one.watermark)),
    )
    yield Gauge(
        "scsync_freshness_seconds",
        "Since the last pull that ended well; of what was never read, since the first attempt.",
        label,
        by(lambda one: since(one.fresh_as_of or one.tried_at)),
    )
    yield Gauge(
        "scsync_verified_age_seconds",
        "How far verification is behind now; before the first one, since the first pull.",
        label,
        by(verified),
    )
    yield Gauge(
        "scsync_settle_seconds",
        "How far behind now is read again, by how late rows were seen to appear.",
        label,
        by(lambda one: one.settle),
    )
    yield Gauge(
        "scsync_interval_seconds",
        "How long after its last pull an object is due at present.",
        label,
        by(lambda one: one.interval),
    )
    yield Gauge(
        "scsync_silent_seconds",
        "How long an object has been without a good pull, once that is too long; else 0.",
        label,
        by(lambda one: one.silent_for.total_seconds() if one.silent_for else 0),
    )


def _findings(found: Overview) -> Iterator[Gauge]:
    kinds = Counter(one.kind for one in found.findings)
    open_: Samples = [((str(kind),), float(kinds[kind])) for kind in FindingKind]
    yield Gauge("scsync_findings", "Open findings by kind.", ("kind",), open_)
    states = found.commands
    counted: Samples = [((str(state),), float(states.get(state, 0))) for state in CommandState]
    yield Gauge("scsync_commands", "Commands in the outbox by state.", ("state",), counted)
    loading = {one.sobject: one.rows for one in found.loading}
    rows: Samples = [((one.sobject,), float(loading.get(one.sobject, 0))) for one in found.objects]
    meaning = "Rows that a backfill under way has read."
    yield Gauge("scsync_backfill_rows", meaning, ("object",), rows)


def _budget(found: Overview) -> Iterator[Gauge]:
    calls: Samples = [((name,), float(n)) for name, n in found.calls.items()]
    yield Gauge(
        "scsync_api_calls", "API calls of ours in 24 hours by purpose.", ("purpose",), calls
    )
    budget, now = found.budget, found.at
    if budget is None:
        return
    yield _one("scsync_api_calls_used", "API calls of the org's last 24 hours.", budget.used)
    yield _one("scsync_api_calls_limit", "API calls the org may make in 24 hours.", budget.limit)
    yield _one(
        "scsync_api_calls_stop",
        "Calls used from which on pulls wait, so that the reserve stays for writes.",
        budget.stops_at,
    )
    yield _one("scsync_api_pace", "By what factor intervals are stretched.", budget.pace)
    yield _one(
        "scsync_api_calls_per_hour",
        "By how much the figure grows an hour; 0 while too little was seen.",
        budget.per_hour or 0,
    )
    left = budget.reached_at - now if budget.reached_at else DAY
    yield _one(
        "scsync_api_left_seconds",
        "Until pulls will have to wait, if it goes on like this; a day: not within one.",
        max(left.total_seconds(), 0),
    )


def _stored(found: Overview, parts: App) -> Iterator[Gauge]:
    now = found.at
    with parts.store.read() as tx:
        account = accounts.get(tx, parts.name)
        oldest, purged = outbox.oldest(tx), tallies.totals(tx)
        kinds, told = incidents.open_by_kind(tx), events.counts(tx)
        waiting_since = events.waiting_since(tx)
        running = processes.every(tx)
    yield from _account(account, now)
    ages: Samples = [
        ((str(state),), (now - oldest.get(state, now)).total_seconds()) for state in _AGEING
    ]
    yield Gauge(
        "scsync_commands_oldest_seconds",
        "Age of the oldest command by state, of failed ones since it failed; 0: there is none.",
        ("state",),
        ages,
    )
    yield Gauge(
        "scsync_commands_purged",
        "Finished commands that were cleared away, by state.",
        ("state",),
        [((str(state),), float(purged.get(state, 0))) for state in FINISHED],
        is_total=True,
    )
    yield _by("scsync_incidents_open", "Open incidents by kind.", "kind", IncidentKind, kinds)
    yield _by("scsync_events", "Events of a month by state.", "state", EventState, told)
    age = (now - waiting_since).total_seconds() if waiting_since else 0
    yield _one("scsync_events_oldest_seconds", "Age of the oldest event not delivered.", age)
    living = Counter(one.role for one in troubles.alive(running, now))
    yield _by("scsync_processes", "Processes that are alive, by role.", "role", Role, living)
    beats: Samples = [
        ((one.process, one.role), (now - one.beat_at).total_seconds()) for one in running
    ]
    yield Gauge(
        "scsync_process_beat_age_seconds",
        "Since each process was heard of; one that was killed is forgotten after an hour.",
        ("process", "role"),
        beats,
    )


def _account(account: LinkedAccount | None, now: datetime) -> Iterator[Gauge]:
    own: Samples = [
        ((str(state),), float(bool(account and account.state == state))) for state in AccountState
    ]
    yield Gauge("scsync_account_state", "1 at the state that the account is in.", ("state",), own)
    if account is None:
        return
    yield Gauge(
        "scsync_token_refreshes",
        "Tokens stored since the account was first linked, by links and refreshes.",
        (),
        [(_OWN, float(account.version))],
        is_total=True,
    )
    if renewed := account.refreshed_at or account.linked_at:
        age = (now - renewed).total_seconds()
        yield _one("scsync_token_age_seconds", "Since the token was last renewed.", age)


def _by(
    name: str, meaning: str, label: str, known: type[StrEnum], found: Mapping[str, int]
) -> Gauge:
    samples: Samples = [((str(one),), float(found.get(one, 0))) for one in known]
    return Gauge(name, meaning, (label,), samples)
