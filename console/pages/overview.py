"""The overview: is all well, in one sentence, then what it rests on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.pages.frame import show, standing
from models.api_key import Scope
from models.finding import FindingKind
from models.incident import Incident
from models.outbox import FAILED, OPEN
from pipelines.budget import Outlook
from pipelines.causes import blanked
from pipelines.overview import Overview
from pipelines.prose import cause, stamp
from pipelines.verdict import judge, names, never_read
from store import listing, runs
from store.incidents import recent
from store.listing import Choice
from worker.app import App

_MOST = 6
_LOOKED_AT = 100
"""Failures that are sorted by their causes: the page is asked for every five seconds."""
_LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Failure:
    """What failed lately by one cause, runs or commands: when last, and how often."""

    at: datetime
    what: str
    why: str
    address: str
    times: int = 1


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /."""

    def overview(request: Request) -> Response:
        found = parts.overview(parts.counts)
        verdict, new = judge(found), never_read(found)
        with parts.store.read() as tx:
            failures = by_cause(_failures(tx, found))[:_MOST]
            incidents = [one for one in recent(tx, _MOST) if not _is_shown_as_finding(one)]
        return show(
            request,
            parts,
            "overview.html",
            found=found,
            verdict=verdict,
            least_fresh=_least_fresh(found, verdict.oldest),
            never_read=names(new),
            open=sum(found.commands.get(state, 0) for state in OPEN),
            failed=sum(found.commands.get(state, 0) for state in FAILED),
            forecast=_forecast(found.budget, found.at) if found.budget else "",
            incidents=incidents,
            failures=failures,
            known={one.sobject for one in found.objects},
            standing=partial(standing, found=found),
        )

    return [route("/", overview, scope=Scope.READ, name="overview")]


def by_cause(failures: Iterable[Failure]) -> list[Failure]:
    """Make one of what failed alike, whatever varies in the message; the youngest first."""
    found: dict[tuple[str, str | None], Failure] = {}
    for one in sorted(failures, key=lambda one: one.at, reverse=True):
        key = (one.what, blanked(one.why))
        known = found.get(key)
        found[key] = replace(known, times=known.times + one.times) if known else one
    return list(found.values())


def _least_fresh(found: Overview, oldest: datetime | None) -> str:
    """Name the object that was read longest ago."""
    return next((one.sobject for one in found.objects if one.fresh_as_of == oldest), "")


def _forecast(budget: Outlook, now: datetime) -> str:
    if budget.is_held:
        return f"Pulls wait: from {budget.stops_at:,} on the rest is left to writes."
    if budget.reached_at:
        when = (
            stamp(budget.reached_at)
            if budget.reached_at.date() != now.date()
            else (f"{budget.reached_at:%H:%M}")
        )
        return f"If it goes on like this, pulls stop at {when}; until then they slow down."
    if budget.per_hour is None:
        return "Too little was seen yet to tell where it is heading."
    return f"{budget.per_hour:+,.0f} an hour: it lasts; pulls would stop at {budget.stops_at:,}."


def _is_shown_as_finding(one: Incident) -> bool:
    return one.is_open and one.kind in {str(kind) for kind in FindingKind}


def _failures(tx: Connection, found: Overview) -> Iterator[Failure]:
    objects = [one.sobject for one in found.objects]
    for one in runs.failures(tx, objects, since=found.at - _LATELY, limit=_LOOKED_AT):
        why = cause(one.error_code, one.error_message) or "no reason was kept"
        what, address = f"pull of {one.sobject}", f"/objects/{one.sobject}"
        yield Failure(one.latest, what, why, address, one.runs)
    choice = Choice(states=FAILED, after=found.at - _LATELY)
    for entry in listing.latest(tx, choice, limit=_LOOKED_AT):
        why = cause(entry.error_code, entry.error_message) or entry.state
        what = f"{entry.op} {entry.sobject}"
        yield Failure(entry.finished_at or found.at, what, why, f"/commands/{entry.id}")
