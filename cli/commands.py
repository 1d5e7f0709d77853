"""`scsync commands`: list, show, retry, edit, discard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from cli.context import Context, Json, context, print_json, short
from cli.submit import parse_fields
from config.settings import ConfigError
from models.outbox import CommandState, OutboxEntry
from store import outbox, revival

Id = Annotated[str, typer.Argument(help="The command's id.")]
MaybeId = Annotated[str | None, typer.Argument(help="One command.")]
State = Annotated[CommandState | None, typer.Option(help="Only these.")]
Object = Annotated[str | None, typer.Option("--object", help="Only on this sObject.")]
Code = Annotated[str | None, typer.Option(help="Only with this error code.")]

_ALL = 1_000_000
_OURS = {"seq", "lane", "waits_for", "failures", "lease_owner", "lease_until"}


@dataclass(frozen=True)
class Chosen:
    """Which commands: one by its id, or all that match."""

    command_id: str | None
    state: CommandState | None
    sobject: str | None
    code: str | None

    def ids(self, tx: Connection) -> list[str]:
        if self.command_id:
            return [self.command_id]
        found = outbox.listing(
            tx, state=self.state, sobject=self.sobject, code=self.code, limit=_ALL
        )
        return [entry.id for entry in found]


def register(app: typer.Typer, panel: str) -> None:
    group = typer.Typer(
        help="List, show, retry, edit or discard what was submitted.",
        epilog="Example: scsync commands list --state rejected",
        no_args_is_help=True,
    )
    app.add_typer(group, name="commands", rich_help_panel=panel)
    _register_looks(group)
    _register_moves(group)


def _register_looks(group: typer.Typer) -> None:
    @group.command("list", epilog="Example: scsync commands list --state rejected --object Case")
    def list_(
        typer_context: typer.Context,
        *,
        state: State = None,
        sobject: Object = None,
        code: Code = None,
        limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
        json: Json = False,
    ) -> None:
        """List the newest commands."""
        ctx = context(typer_context)
        with ctx.app() as parts, parts.store.read() as tx:
            found = outbox.listing(tx, state=state, sobject=sobject, code=code, limit=limit)
        for entry in found:
            if json:
                print_json(_public(entry))
            else:
                _line(ctx, entry)
        if not found:
            ctx.say("no such command")

    @group.command(epilog="Example: scsync commands show 0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d")
    def show(typer_context: typer.Context, command_id: Id, *, json: Json = False) -> None:
        """Show one command with every attempt."""
        ctx = context(typer_context)
        with ctx.app() as parts, parts.store.read() as tx:
            entry = _known(outbox.get(tx, command_id), command_id)
            attempts = outbox.attempts(tx, command_id)
        if json:
            tried = [attempt.model_dump(mode="json") for attempt in attempts]
            print_json({**_public(entry), "tries": tried})
            return
        for name, value in _public(entry).items():
            if value is not None:
                ctx.line(f"{name:<18} {value}")
        for one in attempts:
            why = f": {one.error_code}: {one.error_message}" if one.error_code else ""
            ctx.line(f"attempt {one.number:<10} {short(one.started_at)} {one.outcome}{why}")


def _register_moves(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync commands retry --state dead --object Case")
    def retry(
        typer_context: typer.Context,
        command_id: MaybeId = None,
        *,
        state: State = None,
        sobject: Object = None,
        code: Code = None,
        json: Json = False,
    ) -> None:
        """Return rejected or dead commands to the queue; they are checked anew."""
        ctx = context(typer_context)
        chosen = Chosen(command_id, state, sobject, code)
        _each(ctx, chosen, revival.revive, done="retried", json=json)

    @group.command(
        epilog="Example: scsync commands edit 0b7c9a52-6f0e-4f0e-9d0e-2f6f4a1b7c3d Priority=High"
    )
    def edit(
        typer_context: typer.Context,
        command_id: Id,
        words: Annotated[
            list[str], typer.Argument(metavar="Field=value...", help="The new values.")
        ],
        *,
        json: Json = False,
    ) -> None:
        """Change fields of a rejected or dead command and return it to the queue."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            with parts.store.read() as tx:
                entry = _known(outbox.get(tx, command_id), command_id)
            fields = parse_fields(words, entry.sobject, describes=parts.describes)
        chosen = Chosen(command_id, None, None, None)
        _each(
            ctx,
            chosen,
            lambda tx, ids: [one for x in ids for one in revival.edit(tx, x, fields)],
            done="edited",
            json=json,
        )

    @group.command(epilog="Example: scsync commands discard --state dead --code NOT_FOUND")
    def discard(
        typer_context: typer.Context,
        command_id: MaybeId = None,
        *,
        state: State = None,
        sobject: Object = None,
        code: Code = None,
        json: Json = False,
    ) -> None:
        """Give commands up for good; they stay listed as discarded."""
        ctx = context(typer_context)
        chosen = Chosen(command_id, state, sobject, code)
        with ctx.app() as parts:
            now = parts.clock()
        _each(
            ctx,
            chosen,
            lambda tx, ids: revival.discard(tx, ids, now=now),
            done="discarded",
            json=json,
        )


def _each(
    ctx: Context,
    chosen: Chosen,
    move: Callable[[Connection, Sequence[str]], list[str]],
    *,
    done: str,
    json: bool,
) -> None:
    if chosen.command_id is None and chosen.state is None:
        raise ConfigError("name a command, or choose some by --state (and --object, --code)")
    with ctx.app() as parts, parts.store.begin() as tx:
        moved = move(tx, chosen.ids(tx))
    if chosen.command_id and not moved:
        raise ConfigError(
            f"{chosen.command_id} cannot be {done}: unknown, or in no state for it; "
            "see scsync commands list"
        )
    if json:
        print_json({done: moved})
    else:
        ctx.line(f"{len(moved):,} {done}")


def _line(ctx: Context, entry: OutboxEntry) -> None:
    """Print what fits 80 columns, and below it what went wrong."""
    tries = f"{entry.attempts} tries" if entry.attempts > 1 else ""
    ctx.line(f"{entry.id}  {entry.state:<9}  {entry.op:<7} {entry.sobject:<17} {tries}".rstrip())
    if entry.error_code:
        ctx.line(f"    {entry.error_code}: {entry.error_message}")


def _known(entry: OutboxEntry | None, command_id: str) -> OutboxEntry:
    if entry is None:
        raise ConfigError(f"there is no command {command_id}: see scsync commands list")
    return entry


def _public(entry: OutboxEntry) -> dict[str, Any]:
    return {
        name: value for name, value in entry.model_dump(mode="json").items() if name not in _OURS
    }
