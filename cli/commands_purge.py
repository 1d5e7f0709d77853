"""`scsync commands purge`: finished commands cleared away, their numbers kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy import Connection

from cli.commands_choice import Yes, confirm
from cli.context import Context, Json, context, print_json
from cli.prose import age
from config.settings import ConfigError
from models.columns import instant_text
from models.outbox import FINISHED, CommandState
from store import listing, tallies
from store.listing import Choice
from worker.app import App


def register(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync commands purge --older-than 30d --state applied")
    def purge(
        typer_context: typer.Context,
        *,
        older_than: Annotated[
            timedelta,
            typer.Option(parser=age, metavar="AGE", help="Finished so long ago: 12h, 30d, 8w."),
        ],
        state: Annotated[
            list[CommandState] | None,
            typer.Option(help="Only these, repeatable; unless named: applied, discarded."),
        ] = None,
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        """Delete finished commands with their attempts; how many there were is kept.

        Their idempotency keys are forgotten: the same key is then a new command.
        What an open command depends on stays.
        """
        ctx = context(typer_context)
        states = tuple(dict.fromkeys(state or tallies.DONE))
        if open_ := [one for one in states if one not in FINISHED]:
            raise ConfigError(f"what is {open_[0]} is not finished: purge takes {_or(FINISHED)}")
        with ctx.app() as parts:
            before = parts.clock() - older_than
            with parts.store.read() as tx:
                number = listing.number(tx, Choice(states=states, before=before))
            confirm(number, "delete", yes=yes)
            gone = {str(one): _clear(ctx, parts, one, before) for one in states}
        if json:
            print_json({"purged": gone, "kept": number - sum(gone.values())})
            return
        ctx.line(f"purged: {', '.join(f'{n:,} {one}' for one, n in gone.items())}")
        if (kept := number - sum(gone.values())) > 0:
            ctx.line(f"{kept:,} stay: open commands depend on them")


def _clear(ctx: Context, parts: App, state: CommandState, before: datetime) -> int:
    def note(tx: Connection, number: int) -> None:
        detail = {"commands": number, "before": instant_text(before)}
        ctx.noted(parts, "command.purge", state, detail)(tx)

    return tallies.clear(parts.store, state, before=before, noted=note)


def _or(states: Sequence[CommandState]) -> str:
    return ", ".join(states[:-1]) + f" or {states[-1]}"
