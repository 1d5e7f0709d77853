"""`scsync keys`: API keys to the console and the HTTP API made, listed, revoked."""

import re
from datetime import timedelta
from typing import Annotated, Any

import typer

from cli.context import Json, context, print_json
from cli.prose import age
from config.settings import ConfigError
from models.api_key import RESERVED, ApiKey, Scope
from models.columns import instant_text
from pipelines.prose import EXAMPLES, stamp
from store import keys

Name = Annotated[str, typer.Argument(help="What the audit calls its holder.")]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,59}")


def register(app: typer.Typer, panel: str) -> None:
    group = typer.Typer(
        help="Make, list or revoke API keys to the console.",
        epilog="Example: scsync keys list",
        no_args_is_help=True,
    )
    app.add_typer(group, name="keys", rich_help_panel=panel)
    _register_make(group)
    _register_list(group)
    _register_revoke(group)


def _register_make(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync keys make prometheus --scopes read --expires 52w")
    def make(
        typer_context: typer.Context,
        name: Name,
        *,
        scopes: Annotated[
            str, typer.Option(help="Of read, submit, operate, with commas between.")
        ] = "read",
        expires: Annotated[
            timedelta | None,
            typer.Option(parser=age, metavar="AGE", help=f"Good for so long: {EXAMPLES}."),
        ] = None,
        json: Json = False,
    ) -> None:
        """Make a key and print it: this once, since the store keeps only its digest."""
        ctx = context(typer_context)
        wanted = _scopes(scopes)
        with ctx.app() as parts:
            now = parts.clock()
            until = now + expires if expires is not None else None
            with parts.store.begin() as tx:
                key = keys.make(tx, _named(name), wanted, now=now, expires_at=until)
                detail: dict[str, Any] = {"scopes": sorted(wanted)}
                detail |= {"expires_at": instant_text(until)} if until else {}
                ctx.noted(parts, "key.make", name, detail)(tx)
        if json:
            print_json({"name": name, "key": key, "scopes": sorted(wanted), "expires_at": until})
            return
        ctx.line(key)
        ctx.say(f"{name} may {', '.join(sorted(wanted))}; the key is not shown again")


def _register_list(group: typer.Typer) -> None:
    @group.command("list", epilog="Example: scsync keys list --json")
    def list_(typer_context: typer.Context, *, json: Json = False) -> None:
        """List keys by name, revoked ones among them; none is shown itself."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            now = parts.clock()
            with parts.store.read() as tx:
                found = keys.every(tx)
        if json:
            print_json([one.model_dump(exclude={"id", "digest"}) for one in found])
            return
        if not found:
            ctx.line("there is no key: make one with scsync keys make NAME")
            return
        heads = ["NAME", "SCOPES", "STATE", "MADE", "EXPIRES", "LAST USED"]
        states = {one.name: _state(one, is_good=one.is_good(now)) for one in found}
        ctx.table(
            heads,
            [
                [one.name, one.scopes, states[one.name]]
                + [stamp(when) for when in (one.made_at, one.expires_at, one.last_used_at)]
                for one in found
            ],
        )


def _register_revoke(group: typer.Typer) -> None:
    @group.command(epilog="Example: scsync keys revoke prometheus")
    def revoke(typer_context: typer.Context, name: Name, *, json: Json = False) -> None:
        """End a key, and every session that was begun with it, from the next request on."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            now = parts.clock()
            with parts.store.begin() as tx:
                if not keys.revoke(tx, name, now=now):
                    raise ConfigError(f"no key in use is named {name}: see scsync keys list")
                ctx.noted(parts, "key.revoke", name)(tx)
        if json:
            print_json({"name": name, "revoked_at": now})
        else:
            ctx.line(f"{name} is revoked")


def _scopes(text: str) -> frozenset[Scope]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    try:
        scopes = frozenset(Scope(one) for one in found)
    except ValueError:
        scopes = frozenset()
    if not scopes:
        raise ConfigError(f"--scopes {text}: name some of {', '.join(Scope)}")
    return scopes


def _named(name: str) -> str:
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise ConfigError(
            f"{name} cannot name a key: take letters, digits and . _ @ - (60 at most), "
            f"but not {' or '.join(sorted(RESERVED))}"
        )
    return name


def _state(key: ApiKey, *, is_good: bool) -> str:
    if key.revoked_at:
        return f"revoked {stamp(key.revoked_at)}"
    return "good" if is_good else "expired"
