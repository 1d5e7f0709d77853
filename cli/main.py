"""`scsync VERB`: the verbs, and the one place where an error becomes a line and an exit code."""

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from cli import codes
from cli.context import Context
from pipelines.receipts import Refused

# Each verb's module, by the panel of `scsync --help` that it stands in.
PANELS: dict[str, dict[str, str]] = {
    "Try it": {"demo": "demo", "emulator": "emulator"},
    "Connect": {
        "guide": "guide",
        "link": "link",
        "accounts": "accounts",
        "doctor": "doctor",
        "settings": "settings",
    },
    "Sync": {
        "pull": "pull",
        "submit": "submit",
        "action": "action",
        "push": "push",
        "commands": "commands",
    },
    "Look": {
        "status": "status",
        "verify": "verify",
        "schema": "schema",
        "report": "report",
        "export": "export",
    },
    "Run for good": {
        "up": "daemon",
        "worker": "daemon",
        "scheduler": "daemon",
        "db": "daemon",
        "console": "console",
        "keys": "keys",
        "mcp": "mcp",
    },
}


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer's to call
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - nothing else asks for it

        typer.echo(f"scsync {version('scsync')}")
        raise typer.Exit


def program(words: Sequence[str] = ()) -> typer.Typer:
    """Put the command line together, of those verbs alone that are among the words, if any is.

    To load what all of them need takes several times as long as most of them do.
    """
    app = typer.Typer(
        name="scsync",
        help="Keeps a SQL database and a Salesforce Service Cloud org in step, both ways.",
        epilog="Begin with: scsync demo --once   (no Salesforce account needed)",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    verbs = {verb for verbs in PANELS.values() for verb in verbs}
    asked = verbs.intersection(words) or verbs
    for panel, modules in PANELS.items():
        for module in dict.fromkeys(modules[verb] for verb in modules if verb in asked):
            import_module(f"cli.{module}").register(app, panel)
    return app


def root(
    typer_context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="The TOML file, instead of ./scsync.toml.", exists=True, dir_okay=False),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="The account to work for, instead of the first.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    del debug, show_version  # `main` looks for the one, the callback has answered the other
    typer_context.obj = Context(config=config, account=account)


def main() -> None:
    """Run the command line and leave with its exit code."""
    # --debug is added where the line ends, by whoever has just seen it fail; it belongs in front.
    words = sorted(sys.argv[1:], key=lambda word: word != "--debug")
    try:
        program(words)(words)
    except Exception as error:  # noqa: BLE001 - the last place: every error gets a code
        sys.exit(_explain(error, debug="--debug" in words))


def _explain(error: Exception, *, debug: bool) -> int:
    code = codes.of(error)
    if debug:
        traceback.print_exception(error)
    for line in _lines(error):
        sys.stderr.write(f"scsync: {line}\n")
    if code is None and not debug:
        sys.stderr.write("scsync: this was not foreseen; add --debug to see where it happened\n")
    return code or codes.FAILED


def _lines(error: Exception) -> list[str]:
    if isinstance(error, Refused):
        return [*map(str, error.refusals), "nothing was stored: mend these and submit all again"]
    return [str(error) or type(error).__name__]
