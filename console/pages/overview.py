"""The overview: is all well, in one sentence, then what it rests on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.health import View, look
from console.pages.frame import show, standing
from console.templates import age
from models.api_key import Scope
from models.finding import FindingKind
from models.incident import Incident
from models.outbox import FAILED, OPEN
from pipelines.budget import Outlook
from pipelines.overview import ObjectStatus, Overview
from pipelines.prose import cause, stamp
from store import listing, runs
from store.incidents import recent
from store.listing import Choice
from worker.app import App

_MOST = 6
_LATELY = timedelta(days=1)


@dataclass(frozen=True)
class Failure:
    """Something that failed lately: a run, or a command."""

    at: datetime
    what: str
    why: str
    address: str


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /."""

    def overview(request: Request) -> Response:
        view = look(parts)
        found = view.overview
        with parts.store.read() as tx:
            failures = sorted(_failures(tx, found), key=lambda one: one.at, reverse=True)[:_MOST]
            incidents = [one for one in recent(tx, _MOST) if not _is_shown_as_finding(one)]
        return show(
            request,
            parts,
            "overview.html",
            view=view,
            found=found,
            sentence=_sentence(view),
            oldest=_oldest(found),
            open=sum(found.commands.get(state, 0) for state in OPEN),
            failed=sum(found.commands.get(state, 0) for state in FAILED),
            forecast=_forecast(found.budget, found.at) if found.budget else "",
            incidents=incidents,
            failures=failures,
            known={one.sobject for one in found.objects},
            standing=partial(standing, found=found),
        )

    return [route("/", overview, scope=Scope.READ, name="overview")]


def _sentence(view: View) -> str:
    found = view.overview
    oldest = _oldest(found)
    if oldest is None:
        return "Nothing was read yet: the first pull begins with the daemon (scsync up)."
    pending = sum(found.commands.get(state, 0) for state in OPEN)
    waiting = f"{pending:,} commands are on their way" if pending else "no command waits"
    fresh = age(oldest.fresh_as_of, found.at)
    return f"Every object was read within the last {fresh}, and {waiting}."


def _oldest(found: Overview) -> ObjectStatus | None:
    read = [one for one in found.objects if one.fresh_as_of and not one.skipped]
    return min(read, key=lambda one: one.fresh_as_of or found.at, default=None)


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
    names = [one.sobject for one in found.objects]
    for run in runs.failed(tx, names, since=found.at - _LATELY, limit=_MOST):
        why = cause(run.error_code, run.error_message) or "no reason was kept"
        yield Failure(run.started_at, f"pull of {run.sobject}", why, f"/objects/{run.sobject}")
    choice = Choice(states=FAILED, after=found.at - _LATELY)
    for entry in listing.latest(tx, choice, limit=_MOST):
        why = cause(entry.error_code, entry.error_message) or entry.state
        what = f"{entry.op} {entry.sobject}"
        yield Failure(entry.finished_at or found.at, what, why, f"/commands/{entry.id}")
