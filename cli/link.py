"""`scsync link`: an account is linked."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import browser
from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from models.linked_account import GrantKind
from pipelines.link import Linked
from pipelines.terms import Terms
from salesforce.authorize import Authorization
from store.accounts import DEFAULT
from worker.app import App

_ONE_OF = "--refresh-token-stdin, --jwt-key or --client-credentials"


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync link --account acme --no-browser")
    def link(
        typer_context: typer.Context,
        *,
        account: Annotated[
            str | None, typer.Option(help="Name of the account; each has a store of its own.")
        ] = None,
        in_browser: Annotated[
            bool | None,
            typer.Option(
                "--browser/--no-browser",
                help="Approve in the browser; without one, the answer is pasted.",
            ),
        ] = None,
        refresh_token_stdin: Annotated[
            bool, typer.Option("--refresh-token-stdin", help="Read the refresh token from stdin.")
        ] = False,
        jwt_key: Annotated[
            Path | None, typer.Option(metavar="FILE", help="The app's private key (RSA, PEM).")
        ] = None,
        username: Annotated[
            str | None, typer.Option(help="Whom to work as, with --jwt-key.")
        ] = None,
        client_credentials: Annotated[
            bool, typer.Option("--client-credentials", help="Work as the app's own user.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Link a Salesforce account: in the browser, unless another way is chosen."""
        ctx = context(typer_context)
        if sum((refresh_token_stdin, jwt_key is not None, client_credentials)) > 1:
            raise ConfigError(f"choose one of {_ONE_OF}")
        if (jwt_key is None) != (username is None):
            raise ConfigError("--jwt-key and --username belong together")
        if account is not None:
            ctx.account = account
        with ctx.app(new=True) as parts:
            if refresh_token_stdin:
                linked = parts.link(_read_token())
            elif client_credentials:
                linked = _by_client_credentials(parts)
            elif jwt_key is not None and username is not None:
                linked = _by_jwt(parts, jwt_key, username)
            else:
                linked = _by_person(ctx, parts, in_browser=in_browser)
        _show(ctx, linked, json=json)


def _read_token() -> str:
    token = sys.stdin.readline().strip()
    if not token:
        raise ConfigError("standard input holds no refresh token: give it as the first line")
    return token


def _by_person(ctx: Context, parts: App, *, in_browser: bool | None) -> Linked:
    """Go by the token that somebody put into the settings, else by the browser."""
    given = ctx.settings.refresh_token
    if given is not None and in_browser is None and parts.name == DEFAULT:
        return parts.link(given.get_secret_value())
    port = ctx.settings.callback_port
    authorization = Authorization(parts.credentials, browser.redirect_uri(port), parts.scopes)
    ctx.say(f"the app's callback URLs must hold, to the letter: {authorization.redirect_uri}")
    if in_browser is False:
        answer = browser.pasted(authorization, ctx.say)
    else:
        answer = browser.visit(authorization, port, ctx.say)
    with parts.linker() as linker:
        return linker.by_approval(authorization.finish(linker.http, answer))


def _by_client_credentials(parts: App) -> Linked:
    if parts.settings.client_secret is None:
        raise ConfigError("--client-credentials needs SCSYNC_CLIENT_SECRET, the consumer secret")
    with parts.linker() as linker:
        return linker.by_terms(Terms(GrantKind.CLIENT_CREDENTIALS))


def _by_jwt(parts: App, key: Path, username: str) -> Linked:
    try:
        private_key = key.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {error.strerror}") from None
    terms = Terms(GrantKind.JWT, username, parts.settings.audience, private_key)
    with parts.linker() as linker:
        return linker.by_terms(terms)


def _show(ctx: Context, linked: Linked, *, json: bool) -> None:
    if json:
        print_json(vars(linked))
        return
    ctx.line(f"linked account {linked.name}: org {linked.org_id}, user {linked.user_id}")
    ctx.line(f"  instance  {linked.instance_url}\n  scopes    {linked.scope}")
    ctx.line(f"  grant     {linked.grant}")
    if not {"api", "full"} & set(linked.scope.split()):
        ctx.say("the scope api is missing: give it to the external client app, then link again")
    own = "" if linked.name == DEFAULT else f" --account {linked.name}"
    ctx.line(f"next: scsync{own} doctor, then scsync{own} pull")
