"""Objects: what is pulled, how far, and how its runs went; pull now, verify now."""

from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.charts import Chart, Kind, Series
from console.pages.frame import back, is_loading, noted, pulled, show, standing
from console.problems import Problem
from models.api_key import Scope
from models.linked_account import AccountState
from models.run import Run
from models.watermark import Watermark
from store import accounts, findings, runs, watermarks
from worker.app import App
from worker.turns import Feed, Turns

_DRAWN = 60
"""Runs on a chart."""


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /objects and below."""
    turns = Turns(parts)

    def objects(request: Request) -> Response:
        found = parts.overview(parts.counts)
        word = partial(standing, found=found)
        return show(request, parts, "objects.html", found=found, standing=word)

    def one_object(request: Request) -> Response:
        model = pulled(parts, request.path_params["name"])
        found = parts.overview(parts.counts, (model,))
        with parts.store.read() as tx:
            mark = watermarks.read(tx, model.sobject)
            ran = runs.of(tx, model.sobject, limit=_DRAWN)
            known = [one for one in findings.every(tx) if one.sobject == model.sobject]
            progress = _progress(tx, parts, turns, mark, loads=is_loading(model.sobject, found))
        return show(
            request,
            parts,
            "object.html",
            found=found,
            one=found.objects[0],
            mark=mark,
            runs=ran,
            took=_took,
            findings=known,
            progress=progress,
            durations=_durations(ran),
            rows=_rows(ran),
            standing=partial(standing, found=found),
        )

    def pull(request: Request) -> Response:
        name = pulled(parts, request.path_params["name"]).sobject
        with parts.store.begin() as tx:
            watermarks.ask(tx, name)
            noted(request, parts, "object.pull", name)(tx)
        return back(f"/objects/{name}", "pulling")

    def verify(request: Request) -> Response:
        name = pulled(parts, request.path_params["name"]).sobject
        if not parts.cadence(Feed.VERIFY):
            raise Problem(
                409, f"SCSYNC_VERIFY_EVERY is 0, nobody compares here: run scsync verify {name}"
            )
        with parts.store.begin() as tx:
            turns.ask(tx, Feed.VERIFY, name)
            noted(request, parts, "object.verify", name)(tx)
        return back(f"/objects/{name}", "verifying")

    return [
        route("/objects", objects, scope=Scope.READ),
        route("/objects/{name}", one_object, scope=Scope.READ),
        route("/objects/{name}/pull", pull, scope=Scope.OPERATE, methods=("POST",)),
        route("/objects/{name}/verify", verify, scope=Scope.OPERATE, methods=("POST",)),
    ]


def _progress(tx: Connection, parts: App, turns: Turns, mark: Watermark, *, loads: bool) -> str:
    """Say what is under way."""
    account, now = accounts.get(tx, parts.name), parts.clock()
    if account is None or account.state != AccountState.LINKED:
        return "Nothing is called: the account is not linked, or rests."
    told = []
    if loads:
        told.append("Being read from the beginning.")
    elif mark.owner and mark.lease_until and mark.lease_until > now:
        told.append("Being read now.")
    elif mark.ended_at is None:
        told.append("A pull is asked for; the daemon (scsync up) begins it within a second.")
    if turns.is_tended(tx, Feed.VERIFY, mark.sobject):
        told.append("A comparison is asked for, or under way.")
    return " ".join(told) or "Nothing is under way."


def _took(run: Run) -> str:
    seconds = _seconds(run)
    return "-" if seconds is None else f"{seconds:.2f} s"


def _seconds(run: Run) -> float | None:
    if run.finished_at is None:
        return None
    return round((run.finished_at - run.started_at).total_seconds(), 2)


def _durations(ran: list[Run]) -> Chart:
    drawn = ran[::-1]
    return Chart(
        "How long runs took",
        Kind.BAR,
        "Run",
        tuple(f"{run.started_at:%H:%M:%S}" for run in drawn),
        (Series("took", tuple(_seconds(run) for run in drawn)),),
        "s",
    )


def _rows(ran: list[Run]) -> Chart:
    drawn = ran[::-1]
    return Chart(
        "What runs brought",
        Kind.LINE,
        "Run",
        tuple(f"{run.started_at:%H:%M:%S}" for run in drawn),
        (
            Series("read", tuple(run.rows_read for run in drawn)),
            Series("written", tuple(run.rows_written for run in drawn)),
        ),
        note="Rows inside the settle time are read again, and written only if they changed.",
    )
