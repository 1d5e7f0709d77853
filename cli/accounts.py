"""`scsync accounts`: list, suspend, resume, unlink."""

from collections.abc import Callable
from typing import Annotated

import typer

from cli.context import Json, context, print_json, short
from config.settings import ConfigError
from pipelines import link as linking
from store import accounts as stored

Name = Annotated[str, typer.Argument(help="The account.")]
_SHOWN = ("name", "state", "reason", "org_id", "user_id", "instance_url", "scope", "linked_at")


def register(app: typer.Typer, panel: str) -> None:
    group = typer.Typer(
        help="List, suspend, resume or unlink accounts.",
        epilog="Example: scsync accounts list",
        no_args_is_help=True,
    )
    app.add_typer(group, name="accounts", rich_help_panel=panel)

    @group.command("list", epilog="Example: scsync accounts list --json")
    def list_(typer_context: typer.Context, *, json: Json = False) -> None:
        """List the linked accounts."""
        ctx = context(typer_context)
        with ctx.app() as parts, parts.store.read() as tx:
            found = stored.every(tx)
        if json:
            print_json([{name: getattr(account, name) for name in _SHOWN} for account in found])
            return
        for account in found:
            reason = f" ({account.reason})" if account.reason else ""
            ctx.line(f"{account.name}: {account.state}{reason}, since {short(account.linked_at)}")
            ctx.line(f"    org {account.org_id}, user {account.user_id}, {account.instance_url}")
            ctx.line(f"    scopes {account.scope}")
        if not found:
            ctx.line("no account is linked: run scsync link")

    @group.command(epilog="Example: scsync accounts suspend default")
    def suspend(
        typer_context: typer.Context, name: Name = stored.DEFAULT, *, json: Json = False
    ) -> None:
        """Stop all calls of an account; its grant, commands and watermarks are kept."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            _known(linking.stop(parts.store, name), name)
        _tell(ctx.line, json, {"account": name, "state": "suspended"})

    @group.command(epilog="Example: scsync accounts resume default")
    def resume(
        typer_context: typer.Context, name: Name = stored.DEFAULT, *, json: Json = False
    ) -> None:
        """Let a suspended account work again."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            _known(linking.resume(parts.store, name), name)
        _tell(ctx.line, json, {"account": name, "state": "linked"})

    @group.command(epilog="Example: scsync accounts unlink default")
    def unlink(
        typer_context: typer.Context, name: Name = stored.DEFAULT, *, json: Json = False
    ) -> None:
        """Revoke an account's grant and forget it; rows and commands stay."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            revoked = parts.unlink(name)
        _tell(ctx.line, json, {"account": name, "state": "unlinked", "revoked": revoked})
        if not revoked:
            ctx.say("Salesforce could not be told: revoke the grant there, too")


def _tell(line: Callable[[str], None], json: bool, done: dict[str, object]) -> None:  # noqa: FBT001 - passed on
    if json:
        print_json(done)
    else:
        line(f"account {done['account']} is {done['state']}")


def _known(found: bool, name: str) -> None:  # noqa: FBT001 - one caller
    if not found:
        raise ConfigError(f"there is no account {name}: see scsync accounts list")
