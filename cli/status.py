"""`scsync status`: how fresh the store is and where the commands stand."""

from datetime import datetime

import typer

from cli.context import NEEDS_A_PERSON, Context, Json, context, print_json
from models.linked_account import AccountState
from models.outbox import CommandState
from pipelines.overview import Overview, overview


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync status --json | jq .commands")
    def status(typer_context: typer.Context, *, json: Json = False) -> None:
        """Show rows, watermarks, freshness and runs by object, and commands by state."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            found = overview(parts.models, store=parts.store, clock=parts.clock, account=parts.name)
        if json:
            print_json(_document(found))
        else:
            show(ctx, found)
        linked = found.account and found.account.state != AccountState.DEAD
        if not linked or found.commands.get(CommandState.DEAD):
            raise typer.Exit(NEEDS_A_PERSON)


def show(ctx: Context, found: Overview) -> None:
    """Print the overview for a person."""
    ctx.line(_account(found))
    rows = [
        [
            entry.sobject,
            entry.rows,
            entry.tombstones,
            _stamp(entry.watermark, found.at),
            _stamp(entry.verified_through, found.at),
            _age(entry.fresh_as_of, found.at),
            entry.last_outcome or "never",
        ]
        for entry in found.objects
    ]
    heads = ["OBJECT", "ROWS", "DELETED", "WATERMARK", "VERIFIED", "FRESH", "RUN"]
    ctx.table(heads, rows)
    for entry in found.objects:
        if trouble := entry.skipped or entry.last_error:
            ctx.line(f"{entry.sobject}: {trouble}")
    states = ", ".join(f"{number:,} {state}" for state, number in found.commands.items())
    ctx.line(f"commands: {states or 'none yet'}")
    if found.commands.get(CommandState.DEAD):
        ctx.line("dead ones need a person: scsync commands list --state dead")


def _account(found: Overview) -> str:
    account = found.account
    if account is None:
        return "account: not linked; run scsync link, or try scsync demo"
    usage = (
        f"; API calls {account.api_used:,} of {account.api_limit:,}"
        if account.api_used is not None and account.api_limit
        else ""
    )
    reason = f": {account.reason}" if account.reason else ""
    return f"account {account.name}: {account.state}{reason}, org {account.org_id}{usage}"


def _stamp(moment: datetime | None, now: datetime) -> str:
    """Print an instant in UTC, as short as leaves no doubt: seven columns share 80 places."""
    if moment is None:
        return "-"
    return moment.strftime("%H:%M:%S" if moment.date() == now.date() else "%m-%d %H:%M")


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _document(found: Overview) -> dict[str, object]:
    account = found.account
    shown = ("name", "state", "reason", "org_id", "instance_url", "api_used", "api_limit")
    return {
        "at": found.at.isoformat(),
        "account": {name: getattr(account, name) for name in shown} if account else None,
        "objects": {entry.sobject: vars(entry) for entry in found.objects},
        "commands": found.commands,
    }
