"""`scsync commands`: list, show, retry, edit, discard, purge."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from cli import commands_moves, commands_purge, commands_show
from cli.commands_choice import Code, Filters, NewerThan, Object, OlderThan, State
from cli.context import Context, Json, context, print_json
from cli.prose import aged, cause, plain, wrapped
from models.outbox import FAILED, OPEN, OutboxEntry
from store import listing
from store.listing import Cause

_OURS = {"seq", "lane", "waits_for", "failures", "lease_owner", "lease_until", "ready"}
_VARIES = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a command
    r"|\b(?=[A-Za-z]*\d)[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\b"  # a record
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d+(?:[.,:]\d+)*"
)


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


@dataclass
class _Group:
    """Commands that share a cause, once what varies in its message is blanked."""

    state: str
    sobject: str
    error_code: str | None
    error_message: str | None
    commands: int = 0
    oldest: datetime | None = None
    example: str = ""
    place: int = 0

    def add(self, some: Cause) -> None:
        self.commands += some.commands
        if not self.place or some.example < self.place:
            self.place = some.example
        # What another program wrote may be no instant.
        if isinstance(some.oldest, datetime):
            self.oldest = min(self.oldest or some.oldest, some.oldest)


def _show_causes(ctx: Context, filters: Filters, limit: int, *, json: bool) -> None:
    with ctx.app() as parts, parts.store.read() as tx:
        now = parts.clock()
        groups = _grouped(listing.causes(tx, filters.choice(now, (*OPEN, *FAILED))))
        shown = sorted(groups, key=lambda one: -one.commands)[:limit]
        ids = listing.ids_by_place(tx, [one.place for one in shown])
    for one in shown:
        one.example = ids.get(one.place, "")
        if json:
            print_json({name: value for name, value in vars(one).items() if name != "place"})
        else:
            _group_line(ctx, one, now)
    if not groups:
        ctx.say("no such command")
    elif len(groups) > limit and not json:
        ctx.say(f"and {len(groups) - limit:,} more causes: --limit {len(groups)}")


def _grouped(causes: Iterable[Cause]) -> list[_Group]:
    found: dict[tuple[str, str, str | None, str | None], _Group] = {}
    for one in causes:
        message = one.error_message and _VARIES.sub("#", one.error_message)
        key = (one.state, one.sobject, one.error_code, message)
        found.setdefault(key, _Group(*key)).add(one)
    return list(found.values())


def _group_line(ctx: Context, one: _Group, now: datetime) -> None:
    counted = f"{one.commands:>7,} {one.state:<9} {plain(one.sobject):<17}"
    ctx.line(f"{counted} {aged(one.oldest, now):>5}  {one.example}")
    if one.error_code:
        wrapped(ctx, cause(one.error_code, one.error_message), indent=8)
