"""`scsync settings`: every setting, its value, where it comes from and what it means."""

import typer

from cli.context import Json, context, print_json
from config.origins import origins


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync settings --json | jq .")
    def settings(typer_context: typer.Context, *, json: Json = False) -> None:
        """Print every setting with value, origin and meaning; secrets are masked."""
        ctx = context(typer_context)
        found = origins(ctx.settings)
        if json:
            print_json({entry.name: vars(entry) for entry in found})
            return
        for entry in found:
            ctx.line(f"{entry.name}={entry.value}")
            ctx.line(f"    {entry.meaning} [{entry.origin}]")
