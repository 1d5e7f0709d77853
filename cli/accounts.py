"""`scsync accounts`: list, suspend, resume, unlink."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli.context import Context, Json, context, print_json, short
from config.settings import ConfigError
from models.linked_account import LinkedAccount
from pipelines import link as linking
from store import accounts as stored
from store import places
from worker.app import App

Name = Annotated[str | None, typer.Argument(help="The account; the first if none.")]
_SHOWN = (
    "name",
    "state",
    "reason",
    "org_id",
    "user_id",
    "instance_url",
    "scope",
    "grant_kind",
    "linked_at",
)


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
        found = [account for name in _names(ctx) for account in _kept(ctx, name)]
        if json:
            print_json([{name: getattr(account, name) for name in _SHOWN} for account in found])
            return
        for account in found:
            reason = f" ({account.reason})" if account.reason else ""
            ctx.line(f"{account.name}: {account.state}{reason}, since {short(account.linked_at)}")
            ctx.line(f"    org {account.org_id}, user {account.user_id}, {account.instance_url}")
            ctx.line(f"    by {account.grant_kind}, scopes {account.scope}")
        if not found:
            ctx.line("no account is linked: run scsync link")

    @group.command(epilog="Example: scsync accounts suspend default")
    def suspend(typer_context: typer.Context, name: Name = None, *, json: Json = False) -> None:
        """Stop all calls of an account; its grant, commands and watermarks are kept."""
        ctx = context(typer_context)
        with _opened(ctx, name) as parts:
            _known(linking.stop(parts.store, parts.name), parts.name)
        _tell(ctx.line, json, {"account": parts.name, "state": "suspended"})

    @group.command(epilog="Example: scsync accounts resume default")
    def resume(typer_context: typer.Context, name: Name = None, *, json: Json = False) -> None:
        """Let a suspended account work again."""
        ctx = context(typer_context)
        with _opened(ctx, name) as parts:
            _known(linking.resume(parts.store, parts.name), parts.name)
        _tell(ctx.line, json, {"account": parts.name, "state": "linked"})

    @group.command(epilog="Example: scsync accounts unlink default")
    def unlink(typer_context: typer.Context, name: Name = None, *, json: Json = False) -> None:
        """Revoke an account's grant and forget it; rows and commands stay."""
        ctx = context(typer_context)
        with _opened(ctx, name) as parts:
            revoked = parts.unlink()
        done = {"account": parts.name, "state": "unlinked", "revoked": revoked}
        _tell(ctx.line, json, done)
        if not revoked:
            ctx.say("Salesforce could not be told: revoke the grant there, too")


def _names(ctx: Context) -> list[str]:
    """Name every account, or the one that was asked for."""
    return [ctx.account] if ctx.account else places.known(ctx.settings.database_url)


def _kept(ctx: Context, name: str) -> list[LinkedAccount]:
    with _opened(ctx, name) as parts, parts.store.read() as tx:
        return stored.every(tx)


@contextmanager
def _opened(ctx: Context, name: str | None) -> Iterator[App]:
    """Open the store of the account that is named, or of the one the settings choose."""
    one = Context(config=ctx.config, account=name or ctx.account)
    with one.app() as parts:
        yield parts


def _tell(line: Callable[[str], None], json: bool, done: dict[str, object]) -> None:  # noqa: FBT001 - passed on
    if json:
        print_json(done)
    else:
        line(f"account {done['account']} is {done['state']}")


def _known(found: bool, name: str) -> None:  # noqa: FBT001 - one caller
    if not found:
        raise ConfigError(f"there is no account {name}: see scsync accounts list")
