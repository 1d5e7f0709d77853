"""`scsync accounts`: list, suspend, resume, unlink, rename, rekey, repoint."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli.context import NEEDS_A_PERSON, Context, Json, context, print_json
from config.keys import Keys
from config.settings import ConfigError, load
from models.linked_account import LinkedAccount
from pipelines import link as linking
from pipelines import rekey as rekeying
from pipelines import rename as renaming
from pipelines import repoint as repointing
from pipelines.prose import stamp
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
        help="List, suspend, resume, unlink, rename, rekey or repoint accounts.",
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
            ctx.line(f"{account.name}: {account.state}{reason}, since {stamp(account.linked_at)}")
            ctx.line(f"    org {account.org_id}, user {account.user_id}, {account.instance_url}")
            ctx.line(f"    by {account.grant_kind}, scopes {account.scope}")
        if not found:
            ctx.line("no account is linked: run scsync link")

    @group.command(epilog="Example: scsync accounts suspend default")
    def suspend(typer_context: typer.Context, name: Name = None, *, json: Json = False) -> None:
        """Stop all calls of an account; its grant, commands and watermarks are kept."""
        ctx = context(typer_context)
        with _opened(ctx, name) as parts:
            noted = ctx.noted(parts, "account.suspend", parts.name)
            _known(linking.stop(parts.store, parts.name, noted=noted), parts.name)
        _tell(ctx.line, json, {"account": parts.name, "state": "suspended"})

    @group.command(epilog="Example: scsync accounts resume default")
    def resume(typer_context: typer.Context, name: Name = None, *, json: Json = False) -> None:
        """Let a suspended account work again."""
        ctx = context(typer_context)
        with _opened(ctx, name) as parts:
            noted = ctx.noted(parts, "account.resume", parts.name)
            _known(linking.resume(parts.store, parts.name, noted=noted), parts.name)
        _tell(ctx.line, json, {"account": parts.name, "state": "linked"})

    @group.command(epilog="Example: scsync accounts unlink default")
    def unlink(typer_context: typer.Context, name: Name = None, *, json: Json = False) -> None:
        """Revoke an account's grant and forget it; rows and commands stay."""
        ctx = context(typer_context)
        with _opened(ctx, name) as parts:
            revoked = parts.unlink(ctx.noted(parts, "account.unlink", parts.name))
        done = {"account": parts.name, "state": "unlinked", "revoked": revoked}
        _tell(ctx.line, json, done)
        if not revoked:
            ctx.say("Salesforce could not be told: revoke the grant there, too")

    _register_rename(group)
    _register_rekey(group)
    _register_repoint(group)


def _register_rename(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync accounts rename acme acme_europe")
    def rename(typer_context: typer.Context, old: str, new: str, *, json: Json = False) -> None:
        """Give an account another name; its store moves along, while nothing works on it."""
        ctx = context(typer_context)
        load(ctx.config, account=new)  # refuses what can be no name
        with _opened(ctx, old) as parts:
            store, url, who = parts.store, parts.settings.database_url, ctx.operator
            try:
                renaming.rename(store, url, parts.name, new, operator=who, clock=parts.clock)
            except repointing.AtWork:
                raise _at_work(parts.name) from None
        if json:
            print_json({"account": new, "before": old})
            return
        ctx.line(f"account {old} is {new} from now on")
        ctx.say(f"rename it in scsync.toml, too, where it stands as [accounts.{old}]")


def _register_rekey(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync accounts rekey")
    def rekey(typer_context: typer.Context, *, json: Json = False) -> None:
        """Encrypt all stored tokens by a new key; may be repeated, and stopped at any time."""
        ctx = context(typer_context)
        done = _rekey(ctx)
        if json:
            print_json({"accounts": done})
        else:
            ctx.line(f"{done} accounts are encrypted by the newest key")


def _register_repoint(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync accounts repoint default --to 00D000000000002AAA --yes")
    def repoint(
        typer_context: typer.Context,
        name: Name = None,
        *,
        to: Annotated[
            str, typer.Option(metavar="ORG_ID", help="The org to belong to from now on.")
        ],
        discard_commands: Annotated[
            bool, typer.Option("--discard-commands", help="Give up what was not sent yet.")
        ] = False,
        yes: Annotated[
            bool, typer.Option("--yes", help="Do it; else only say what would be done.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Move an account to another org, as after a sandbox refresh; rows are read anew."""
        ctx = context(typer_context)
        with _opened(ctx, name) as parts:
            move = repointing.look(parts.store, parts.name, to)
            if not json:
                _say_cost(ctx, move)
            if yes:
                _repoint(ctx, parts, move, discard=discard_commands)
        if json:
            print_json({**vars(move), "done": yes})
        elif yes:
            own = "" if move.account == stored.DEFAULT else f" --account {move.account}"
            ctx.line(f"done; next: scsync link{own}, then scsync{own} pull")
        if not yes:
            ctx.say("nothing was changed: add --yes to do it")
            raise typer.Exit(NEEDS_A_PERSON)


def _rekey(ctx: Context) -> int:
    """Add a key, encrypt by it, drop the oldest: in this order, so that all can be read midway."""
    with _opened(ctx, None) as parts:
        keys, done = parts.cipher, 0
    if isinstance(keys, Keys):
        keys.add()
    for name in places.known(ctx.settings.database_url):
        with _opened(ctx, name) as parts:
            noted = ctx.noted(parts, "account.rekey", parts.name)
            done += rekeying.rekey(parts.store, keys, noted=noted)
    if isinstance(keys, Keys):
        keys.drop()
    return done


def _say_cost(ctx: Context, move: repointing.Move) -> None:
    ctx.line(f"account {move.account} moves from org {move.org_id} to org {move.to}:")
    rows, objects = sum(move.rows.values()), len(move.rows)
    ctx.line(f"  {rows:,} rows of {objects} objects are deleted here, to be read from the new org")
    ctx.line(f"  {move.open_commands:,} open commands are discarded, and those that failed")
    ctx.line("  the grant is forgotten: the account is to be linked again, to the new org only")


def _repoint(ctx: Context, parts: App, move: repointing.Move, *, discard: bool) -> None:
    who, clock = ctx.operator, parts.clock
    try:
        repointing.repoint(parts.store, move, operator=who, discard=discard, clock=clock)
    except repointing.AtWork:
        raise _at_work(move.account) from None
    except repointing.CommandsOpen:
        raise ConfigError(
            f"{move.open_commands:,} commands were meant for org {move.org_id}: let them end "
            "there, or add --discard-commands; nothing was changed"
        ) from None


def _at_work(account: str) -> ConfigError:
    return ConfigError(
        f"scsync is at work for account {account}: stop its processes, wait half a minute, try "
        "again; nothing was changed"
    )


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
