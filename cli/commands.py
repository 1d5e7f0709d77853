"""`scsync commands`: list, show, retry, edit, discard, purge."""

from datetime import datetime
from typing import Annotated, Any

import typer

from cli import commands_moves, commands_purge, commands_show
from cli.commands_choice import Code, Filters, NewerThan, Object, OlderThan, State
from cli.context import Context, Json, context, print_json
from cli.prose import wrapped
from models.outbox import FAILED, OPEN, OutboxEntry
from pipelines import causes
from pipelines.causes import Group
from pipelines.prose import aged, cause, plain
from store import listing

_OURS = {"seq", "lane", "waits_for", "failures", "lease_owner", "lease_until", "ready"}


def register(app: typer.Typer, panel: str) -> None:
    group = typer.Typer(
        help="List, show, retry, edit, discard or purge what was submitted.",
        epilog="Example: scsync commands list --state rejected",
        no_args_is_help=True,
    )
    app.add_typer(group, name="commands", rich_help_panel=panel)
    _register_list(group)
    commands_show.register(group)
    commands_moves.register(group)
    commands_purge.register(group)


def _register_list(group: typer.Typer) -> None:
    @group.command(
        "list", epilog="Example: scsync commands list --by-cause --object Case --newer-than 2h"
    )
    def list_(
        typer_context: typer.Context,
        *,
        state: State = None,
        sobject: Object = None,
        code: Code = None,
        older_than: OlderThan = None,
        newer_than: NewerThan = None,
        by_cause: Annotated[
            bool, typer.Option("--by-cause", help="Count what is open or failed by its error.")
        ] = False,
        limit: Annotated[int, typer.Option(help="How many, the youngest first.", min=1)] = 20,
        json: Json = False,
    ) -> None:
        """List commands, or count them by what went wrong."""
        ctx = context(typer_context)
        filters = Filters(
            state=state, sobject=sobject, code=code, older_than=older_than, newer_than=newer_than
        )
        if by_cause:
            _show_causes(ctx, filters, limit, json=json)
        else:
            _show_entries(ctx, filters, limit, json=json)


def _show_entries(ctx: Context, filters: Filters, limit: int, *, json: bool) -> None:
    with ctx.app() as parts, parts.store.read() as tx:
        now = parts.clock()
        found = listing.latest(tx, filters.choice(now), limit=limit + 1)
    for entry in found[:limit]:
        if json:
            print_json(_public(entry))
        else:
            _line(ctx, entry, now)
    if not found:
        ctx.say("no such command")
    elif len(found) > limit and not json:
        ctx.say(f"and more: --limit {10 * limit}, or --by-cause to count them")


def _line(ctx: Context, entry: OutboxEntry, now: datetime) -> None:
    """Print what fits 80 columns, and below it what went wrong."""
    what = f"{plain(entry.op):<7} {plain(entry.sobject):<17}"
    ctx.line(f"{entry.id}  {entry.state:<9}  {what} {aged(listing.since(entry), now):>5}")
    if entry.error_code:
        wrapped(ctx, cause(entry.error_code, entry.error_message))


def _public(entry: OutboxEntry) -> dict[str, Any]:
    return {
        name: value
        for name, value in entry.model_dump(mode="json", warnings=False).items()
        if name not in _OURS
    }


def _show_causes(ctx: Context, filters: Filters, limit: int, *, json: bool) -> None:
    with ctx.app() as parts, parts.store.read() as tx:
        now = parts.clock()
        shown, number = causes.groups(tx, filters.choice(now, (*OPEN, *FAILED)), limit=limit)
    for one in shown:
        if json:
            print_json({name: value for name, value in vars(one).items() if name != "place"})
        else:
            _group_line(ctx, one, now)
    if not shown:
        ctx.say("no such command")
    elif number > limit and not json:
        ctx.say(f"and {number - limit:,} more causes: --limit {number}")


def _group_line(ctx: Context, one: Group, now: datetime) -> None:
    counted = f"{one.commands:>7,} {one.state:<9} {plain(one.sobject):<17}"
    ctx.line(f"{counted} {aged(one.oldest, now):>5}  {one.example}")
    if one.error_code:
        wrapped(ctx, cause(one.error_code, one.error_message), indent=8)
