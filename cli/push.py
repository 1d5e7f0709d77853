"""`scsync push`: the outbox drained once."""

import time

import typer

from cli.context import Json, context, print_json
from models.outbox import CommandState
from store import outbox
from worker.app import App

_LOOK_EVERY = 0.5  # s


def register(app: typer.Typer) -> None:
    @app.command(epilog="Example: scsync push && scsync commands list --state rejected")
    def push(typer_context: typer.Context, *, json: Json = False) -> None:
        """Apply every due command now; exit 0 when all of them are finished."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            settled, trouble, left = drained(parts)
        if json:
            print_json({"settled": settled, "left": left, "held_up": trouble})
        else:
            counts = ", ".join(f"{number:,} {state}" for state, number in settled.items())
            ctx.out.print(f"settled: {counts or 'nothing was due'}; still open: {left:,}")
        if trouble:
            ctx.say(f"scsync: {trouble}\nscsync: open commands are kept and sent later")
            raise typer.Exit(1)
        if left:
            ctx.say("commands that wait for a retry, a date or another command are kept")
            raise typer.Exit(1)


def drained(parts: App) -> tuple[dict[str, int], str | None, int]:
    """Drain until nothing is due, those included that other processes are sending."""
    settled: dict[str, int] = {}
    while True:
        done = parts.pusher().drain()
        for state, number in done.settled.items():
            if state not in {CommandState.PENDING, CommandState.UNCLEAR}:
                settled[state] = settled.get(state, 0) + number
        with parts.store.read() as tx:
            due = outbox.has_due(tx, now=parts.clock())
            left = outbox.unfinished(tx)
        if done.held_up or not due:
            return settled, str(done.held_up) if done.held_up else None, left
        time.sleep(_LOOK_EVERY if not done.total else 0)
