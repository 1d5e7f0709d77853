"""`scsync accounts`: list, suspend, resume, unlink."""

from typing import Annotated

import typer

from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from pipelines import link as linking
from store import accounts as stored

Name = Annotated[str, typer.Argument(help="The account.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Linked accounts.", no_args_is_help=True)
    app.add_typer(group, name="accounts")

    @group.command("list", epilog="Example: scsync accounts list --json")
    def list_(typer_context: typer.Context, *, json: Json = False) -> None:
        """List the linked accounts."""
        ctx = context(typer_context)
        with ctx.app() as parts, parts.store.read() as tx:
            found = stored.every(tx)
        shown = ("name", "state", "org_id", "instance_url", "linked_at", "reason")
        if json:
            print_json([{name: getattr(account, name) for name in shown} for account in found])
            return
        rows = [[getattr(account, name) for name in shown] for account in found]
        ctx.table(None, [name.upper() for name in shown], rows)

    @group.command(epilog="Example: scsync accounts suspend default")
    def suspend(typer_context: typer.Context, name: Name = stored.DEFAULT) -> None:
        """Stop all calls of an account; its grant, commands and watermarks are kept."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            _known(linking.stop(parts.store, name), name)
        ctx.out.print(f"account {name} is suspended")

    @group.command(epilog="Example: scsync accounts resume default")
    def resume(typer_context: typer.Context, name: Name = stored.DEFAULT) -> None:
        """Let a suspended account work again."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            _known(linking.resume(parts.store, name), name)
        ctx.out.print(f"account {name} works again")

    @group.command(epilog="Example: scsync accounts unlink default")
    def unlink(typer_context: typer.Context, name: Name = stored.DEFAULT) -> None:
        """Revoke an account's grant and forget it; rows and commands stay."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            _unlink(ctx, parts.unlink(name), name)


def _unlink(ctx: Context, revoked: bool, name: str) -> None:  # noqa: FBT001 - one caller
    note = "" if revoked else " (Salesforce could not be told: revoke it there, too)"
    ctx.out.print(f"account {name} is unlinked{note}")


def _known(found: bool, name: str) -> None:  # noqa: FBT001 - one caller
    if not found:
        raise ConfigError(f"there is no account {name}: see scsync accounts list")
