"""`scsync push`: the outbox drained once, or what that would do."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.context import FAILED, Context, Json, context, print_json
from models.linked_account import AccountState
from models.outbox import CommandState
from pipelines.explain import Forecast, Request, forecast
from pipelines.prose import stamp
from salesforce.errors import SalesforceError
from store import claims, outbox
from store.waits import Wait
from worker.app import App

_LOOK_EVERY = 0.5  # s
_WAITS = {
    Wait.SENDING: "a worker is at them",
    Wait.UNCLEAR: "replies were lost: looked for again",
    Wait.NEW: "nobody has checked them yet: a push begins with that",
    Wait.RIDES: "they travel with another of their record",
    Wait.DEPENDENCY: "what they depend on is not applied yet",
    Wait.RECORD: "another of their record comes first",
    Wait.TIME: "for their time",
    Wait.UNCHECKED: "unchecked rows before them may be of their record",
    Wait.LOCK: "they met a lock: after another of their parent",
}


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        epilog="Example: scsync push --explain && scsync push",
    )
    def push(
        typer_context: typer.Context,
        *,
        explain: Annotated[
            bool, typer.Option("--explain", help="Say what would be sent, and send nothing.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Apply every due command now; exit 0 when all of them are finished."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            if explain:
                _explain(ctx, parts, json=json)
                return
            settled, trouble, left = drained(parts)
        if json:
            print_json(
                {"settled": settled, "left": left, "held_up": str(trouble) if trouble else None}
            )
        else:
            counts = ", ".join(f"{number:,} {state}" for state, number in settled.items())
            ctx.line(f"settled: {counts or 'nothing was due'}; still open: {left:,}")
        if trouble:
            ctx.say("open commands are kept, and sent when this is mended:")
            raise trouble
        if left:
            ctx.say("commands that wait for a retry, a date or another command are kept")
            raise typer.Exit(FAILED)


def drained(parts: App) -> tuple[dict[str, int], SalesforceError | None, int]:
    """Drain until nothing is due, those included that other processes are sending."""
    settled: dict[str, int] = {}
    while True:
        done = parts.pusher().drain()
        for state, number in done.settled.items():
            if state not in {CommandState.PENDING, CommandState.UNCLEAR}:
                settled[state] = settled.get(state, 0) + number
        with parts.store.read() as tx:
            due = claims.has_due(tx, now=parts.clock())
            left = outbox.unfinished(tx)
        if done.held_up or not due:
            return settled, done.held_up, left
        time.sleep(_LOOK_EVERY if not done.total else 0)


def _explain(ctx: Context, parts: App, *, json: bool) -> None:
    settings = parts.settings
    with parts.store.read() as tx:
        found = forecast(
            tx,
            parts.name,
            now=parts.clock(),
            folds=settings.fold,
            ingest_above=settings.ingest_above,
        )
    if json:
        print_json(_document(found))
        return
    for line in _standing(parts.name, found):
        ctx.line(line)
    if found.requests:
        ctx.table(["REQUESTS", "COMMANDS", "WHAT"], _rows(found))
    for one in found.waits:
        if why := _WAITS.get(one.wait):
            until = f", the first at {stamp(one.until)}" if one.until else ""
            ctx.line(f"waiting, {one.commands:,}: {why}{until}")
            ctx.line(f"    e.g. {one.example}")
    if found.requests or found.looks:
        ctx.line(f"API calls: at least {found.calls:,}, {found.read_back:,} of them to read back")


def _standing(account: str, found: Forecast) -> Iterator[str]:
    if found.account is None:
        yield f"account {account} is not linked: nothing is sent until it is; run scsync link"
    elif found.account == AccountState.SUSPENDED:
        yield f"account {account} is suspended: nothing is sent before scsync accounts resume"
    elif found.account != AccountState.LINKED:
        yield f"account {account} is {found.account}: nothing is sent before scsync link"
    due = sum(len(one.commands) for one in found.requests) + found.unread
    folded = sum(len(one.folded) for one in found.requests)
    along = f", and {folded:,} that travel along" if folded else ""
    yield f"due: {due:,}{along}" if due else "nothing is due"
    if found.unread:
        yield f"    {found.unread:,} of them are not worked out below"
    for one in found.looks:
        what = f"{len(one.commands):,} {one.op} {one.sobject}"
        yield f"to be looked for in the org, since replies were lost: {what}, {one.calls:,} calls"


def _rows(found: Forecast) -> list[list[Any]]:
    """Put requests of one kind together, in the order in which each kind is first sent."""
    kinds: dict[str, list[int]] = {}
    for one in found.requests:
        row = kinds.setdefault(_kind(one), [0, 0])
        row[0] += 1
        row[1] += len(one.commands) + len(one.folded)
    return [[*counted, kind] for kind, counted in kinds.items()]


def _kind(one: Request) -> str:
    parts = [f"{one.op} {one.sobject}"]
    if one.key_field:
        parts.append(f"by {one.key_field}")
    if one.by_bulk:
        parts.append("in a Bulk job")
    if one.auto_assign:
        parts.append(f"with assignment rule {one.auto_assign}")
    if one.allow_duplicates:
        parts.append("duplicates allowed")
    return ", ".join(parts)


def _document(found: Forecast) -> dict[str, Any]:
    return {
        "account": found.account,
        "requests": [one._asdict() for one in found.requests],
        "looks": [one._asdict() for one in found.looks],
        "waits": [one._asdict() for one in found.waits],
        "read_back": found.read_back,
        "unread": found.unread,
        "calls": found.calls,
    }
