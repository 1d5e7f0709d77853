"""`scsync push`: the outbox drained once."""

import time

import typer

from cli.context import FAILED, Json, context, print_json
from models.outbox import CommandState
from salesforce.errors import SalesforceError
from store import claims, outbox
from worker.app import App

_LOOK_EVERY = 0.5  # s


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        epilog="Example: scsync push && scsync commands list --state rejected",
    )
    def push(typer_context: typer.Context, *, json: Json = False) -> None:
        """Apply every due command now; exit 0 when all of them are finished."""
        ctx = context(typer_context)
        with ctx.app() as parts:
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
