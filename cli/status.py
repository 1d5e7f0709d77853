"""`scsync status`: how fresh the store is and where the commands stand."""

from datetime import datetime

import typer

from cli.context import Context, Json, context, print_json
from models.linked_account import AccountState
from pipelines.overview import Overview, overview

_NEEDS_A_PERSON = 3


def register(app: typer.Typer) -> None:
    @app.command(epilog="Example: scsync status --json | jq .commands")
    def status(typer_context: typer.Context, *, json: Json = False) -> None:
        """Show rows, watermarks, freshness and runs by object, and commands by state."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            found = overview(parts.models, store=parts.store, clock=parts.clock, account=parts.name)
        if json:
            print_json(_document(found))
        else:
            show(ctx, found)
        if found.account is None or found.account.state == AccountState.DEAD:
            raise typer.Exit(_NEEDS_A_PERSON)


def show(ctx: Context, found: Overview) -> None:
    """Print the overview for a person."""
    ctx.out.print(_account(found))
    rows = [
        [
            entry.sobject,
            entry.rows,
            entry.tombstones,
            _stamp(entry.watermark),
            _stamp(entry.verified_through),
            _age(entry.fresh_as_of, found.at),
            entry.skipped or entry.last_error or entry.last_outcome or "never run",
        ]
        for entry in found.objects
    ]
    heads = ["OBJECT", "ROWS", "DELETED", "WATERMARK", "VERIFIED", "FRESH", "LAST RUN"]
    ctx.table(None, heads, rows)
    states = ", ".join(f"{number:,} {state}" for state, number in found.commands.items())
    ctx.out.print(f"commands: {states or 'none yet'}")


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


def _stamp(moment: datetime | None) -> str:
    return moment.strftime("%m-%d %H:%M:%S") if moment else "-"


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _document(found: Overview) -> dict[str, object]:
    account = found.account
    shown = ("name", "state", "reason", "org_id", "instance_url", "api_used", "api_limit")
    return {
        "at": found.at.isoformat(),
        "account": {name: getattr(account, name) for name in shown} if account else None,
        "objects": {entry.sobject: vars(entry) for entry in found.objects},
        "commands": found.commands,
    }
