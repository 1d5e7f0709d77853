"""`scsync emulator`: an org on loopback that speaks Salesforce's protocol."""

import typer

_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        context_settings=_PASS_ON,
        add_help_option=False,
        short_help="Run the emulated org alone, on loopback.",
    )
    def emulator(typer_context: typer.Context) -> None:
        """Run the emulated org alone; `scsync emulator --help` lists its own options."""
        from emulator.cli import main  # noqa: PLC0415 - only this verb pays for loading an org

        raise typer.Exit(main(typer_context.args))
