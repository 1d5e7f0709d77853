"""`scsync link`: an account is linked."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli import browser
from cli.context import Context, Json, context, print_json
from config.privacy import read_private
from config.settings import ConfigError
from models.action import ACTIONS
from models.linked_account import GrantKind
from pipelines.guide import callback_url
from pipelines.link import Linked, Noted
from pipelines.outlook import Outlook, outlook
from pipelines.terms import Terms
from salesforce.authorize import Authorization
from salesforce.errors import GrantDead, SalesforceError
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
            noted = ctx.noted(parts, "account.link", parts.name)
            if refresh_token_stdin:
                linked = parts.link(_read_token(), noted)
            elif client_credentials:
                linked = _by_client_credentials(parts, noted)
            elif jwt_key is not None and username is not None:
                linked = _by_jwt(parts, noted, jwt_key, username)
            else:
                linked = _by_person(ctx, parts, noted, in_browser=in_browser)
            if not json:
                _show(ctx, linked)
            seen = _looked(ctx, parts)
        if json:
            print_json({**vars(linked), "outlook": asdict(seen)})
        else:
            _show_outlook(ctx, seen, linked.name)


def _read_token() -> str:
    token = browser.first_line()
    if not token:
        raise ConfigError("standard input holds no refresh token: give it as the first line")
    if not token.isascii():
        raise ConfigError("the first line of standard input is no refresh token: it is not ASCII")
    return token


def _by_person(ctx: Context, parts: App, noted: Noted, *, in_browser: bool | None) -> Linked:
    """Go by the token that somebody put into the settings, else by the browser."""
    given = ctx.settings.refresh_token
    if given is not None and in_browser is None and parts.name == DEFAULT:
        if linked := _from_settings(parts, noted, given.get_secret_value()):
            return linked
        ctx.say("SCSYNC_REFRESH_TOKEN has made a link before, and may be spent: approve anew")
    port = ctx.settings.callback_port
    authorization = Authorization(parts.credentials, callback_url(port), parts.scopes)
    ctx.say(f"the app's callback URLs must hold, to the letter: {authorization.redirect_uri}")
    if in_browser is False:
        answer = browser.pasted(authorization, ctx.say)
    else:
        answer = browser.visit(authorization, port, ctx.say)
    with parts.linker(noted) as linker:
        return linker.by_approval(authorization.finish(linker.http, answer))


def _from_settings(parts: App, noted: Noted, token: str) -> Linked | None:
    """Link by the settings' token; None if it has made a link before, and may be spent."""
    try:
        return parts.link_from_settings(noted, resumes=True)
    except GrantDead as error:
        if error.code != "WRONG_SECRET_KEY":
            raise
    return parts.link(token, noted)  # what made the last link is lost with the key; the org knows


def _by_client_credentials(parts: App, noted: Noted) -> Linked:
    if parts.settings.client_secret is None:
        raise ConfigError("--client-credentials needs SCSYNC_CLIENT_SECRET, the consumer secret")
    with parts.linker(noted) as linker:
        return linker.by_terms(Terms(GrantKind.CLIENT_CREDENTIALS))


def _by_jwt(parts: App, noted: Noted, key: Path, username: str) -> Linked:
    try:
        private_key = read_private(key)
    except OSError as error:
        raise ConfigError(f"{key}: {error.strerror}") from None
    terms = Terms(GrantKind.JWT, username, parts.settings.audience, private_key)
    with parts.linker(noted) as linker:
        return linker.by_terms(terms)


def _looked(ctx: Context, parts: App) -> Outlook:
    """Look at what the grant is good for; the link stands, whatever comes of that."""
    settings = parts.settings
    says_nothing = settings.login_url and "environment" not in settings.model_fields_set
    try:
        return outlook(
            [action for action in ACTIONS.values() if parts.allows(action.name)],
            client=parts.client,
            describes=parts.describes,
            expected=None if says_nothing else settings.environment,
        )
    except SalesforceError:
        ctx.say(f"account {parts.name} is linked, but the org could not be looked at:")
        raise


def _show(ctx: Context, linked: Linked) -> None:
    ctx.line(f"linked account {linked.name}: org {linked.org_id}, user {linked.user_id}")
    ctx.line(f"  instance  {linked.instance_url}\n  scopes    {linked.scope}")
    ctx.line(f"  grant     {linked.grant}")
    if linked.resumed:
        ctx.line("  state     it was suspended, and works again from now on")


def _show_outlook(ctx: Context, seen: Outlook, account: str) -> None:
    ctx.line(f"  org       {seen.org_name} ({seen.kind}); the API is enabled")
    barred = [one for one in seen.prospects if not one.allowed]
    total = len(seen.prospects)
    ctx.line(f"  actions   {total - len(barred)} of the {total} enabled ones may be done")
    for one in barred:
        ctx.line(f"            {one.action}: {one.why}")
    for what, found in (("hidden", seen.hidden), ("not editable", seen.locked)):
        for sobject, names in found.items():
            ctx.line(f"  fields    {what} in {sobject}: {', '.join(names)}")
    for warning in seen.warnings:
        ctx.say(f"warning: {warning}")
    if barred or seen.hidden or seen.locked:
        ctx.say("scsync guide lists the permissions that these actions need")
    own = "" if account == DEFAULT else f" --account {account}"
    ctx.line(f"next: scsync{own} doctor, then scsync{own} pull")
