"""`scsync link`: an account is linked."""

import sys
from typing import Annotated

import typer

from cli.context import Json, context, print_json
from config.settings import ConfigError


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        epilog="Example: pass show salesforce | scsync link --refresh-token-stdin",
    )
    def link(
        typer_context: typer.Context,
        *,
        refresh_token_stdin: Annotated[
            bool, typer.Option("--refresh-token-stdin", help="Read the refresh token from stdin.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Link a Salesforce account, by the refresh token of an external client app."""
        ctx = context(typer_context)
        if not refresh_token_stdin and ctx.settings.refresh_token is None:
            raise ConfigError(
                "no refresh token: set SCSYNC_REFRESH_TOKEN, or give one to "
                "scsync link --refresh-token-stdin"
            )
        with ctx.app() as parts:
            if refresh_token_stdin:
                linked = parts.link(sys.stdin.readline().strip())
            else:
                token = ctx.settings.refresh_token
                linked = parts.link(token.get_secret_value() if token else "")
        if json:
            print_json(vars(linked))
            return
        ctx.line(f"linked account {linked.name}: org {linked.org_id}, user {linked.user_id}")
        ctx.line(f"  instance  {linked.instance_url}\n  scopes    {linked.scope}")
        ctx.line("next: scsync doctor, then scsync pull")
