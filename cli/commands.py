"""`scsync commands`: list, show, retry, discard."""

from typing import Annotated, Any

import typer

from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from models.outbox import CommandState, OutboxEntry
from store import outbox

Id = Annotated[str, typer.Argument(help="The command's id.")]
_SHOWN = ("id", "op", "sobject", "record_id", "state", "attempts", "error_code", "submitted_at")
_WIDE = 44


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Queued write commands.", no_args_is_help=True)
    app.add_typer(group, name="commands")

    @group.command("list", epilog="Example: scsync commands list --state rejected --object Case")
    def list_(
        typer_context: typer.Context,
        *,
        state: Annotated[CommandState | None, typer.Option(help="Only these.")] = None,
        sobject: Annotated[str | None, typer.Option("--object", help="Only on this.")] = None,
        code: Annotated[str | None, typer.Option(help="Only with this error code.")] = None,
        limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
        json: Json = False,
    ) -> None:
        """List the newest commands."""
        ctx = context(typer_context)
        with ctx.app() as parts, parts.store.read() as tx:
            found = outbox.listing(tx, state=state, sobject=sobject, code=code, limit=limit)
        if json:
            for entry in found:
                print_json(_public(entry))
            return
        rows = [[getattr(entry, name) for name in _SHOWN[:-1]] for entry in found]
        ctx.table(None, [name.upper() for name in _SHOWN[:-1]], rows)

    @group.command(epilog="Example: scsync commands show 0b7c…")
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
                ctx.out.print(f"{name:<18} {value}", markup=False)
        rows = [
            [a.number, a.started_at, a.finished_at, a.outcome, a.error_code or ""] for a in attempts
        ]
        ctx.table("attempts", ["NO", "STARTED", "FINISHED", "OUTCOME", "CODE"], rows)

    @group.command(epilog="Example: scsync commands retry --state dead --object Case")
    def retry(
        typer_context: typer.Context,
        command_id: Annotated[str | None, typer.Argument(help="One command.")] = None,
        *,
        state: Annotated[CommandState | None, typer.Option(help="All in this state.")] = None,
        sobject: Annotated[str | None, typer.Option("--object", help="Only on this.")] = None,
        code: Annotated[str | None, typer.Option(help="Only with this error code.")] = None,
    ) -> None:
        """Return rejected or dead commands to the queue; they are checked anew."""
        ctx = context(typer_context)
        _each(ctx, command_id, (state, sobject, code), verb="retried")

    @group.command(epilog="Example: scsync commands discard 0b7c…")
    def discard(
        typer_context: typer.Context,
        command_id: Annotated[str | None, typer.Argument(help="One command.")] = None,
        *,
        state: Annotated[CommandState | None, typer.Option(help="All in this state.")] = None,
        sobject: Annotated[str | None, typer.Option("--object", help="Only on this.")] = None,
        code: Annotated[str | None, typer.Option(help="Only with this error code.")] = None,
    ) -> None:
        """Give commands up for good; they stay listed as discarded."""
        ctx = context(typer_context)
        _each(ctx, command_id, (state, sobject, code), verb="discarded")


def _each(
    ctx: Context,
    command_id: str | None,
    chosen: tuple[CommandState | None, str | None, str | None],
    *,
    verb: str,
) -> None:
    if command_id is None and chosen[0] is None:
        raise ConfigError("name a command, or choose some by --state (and --object, --code)")
    with ctx.app() as parts, parts.store.begin() as tx:
        ids = [command_id] if command_id else _ids(tx, chosen)
        moved = sum(
            outbox.revive(tx, one)
            if verb == "retried"
            else outbox.discard(tx, one, now=parts.clock())
            for one in ids
        )
    if command_id and not moved:
        raise ConfigError(f"{command_id} cannot be {verb}: see scsync commands show {command_id}")
    ctx.out.print(f"{moved:,} {verb}")


def _ids(tx: Any, chosen: tuple[CommandState | None, str | None, str | None]) -> list[str]:
    state, sobject, code = chosen
    entries = outbox.listing(tx, state=state, sobject=sobject, code=code, limit=1_000_000)
    return [entry.id for entry in entries]


def _known(entry: OutboxEntry | None, command_id: str) -> OutboxEntry:
    if entry is None:
        raise ConfigError(f"there is no command {command_id}: see scsync commands list")
    return entry


def _public(entry: OutboxEntry) -> dict[str, Any]:
    hidden = {"seq", "lane", "waits_for", "failures", "lease_owner", "lease_until"}
    return {
        name: value for name, value in entry.model_dump(mode="json").items() if name not in hidden
    }
