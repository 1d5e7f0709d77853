"""`scsync VERB`: the verbs, and the one place where an error becomes a line and an exit code."""

import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli import (
    accounts,
    action,
    commands,
    console,
    daemon,
    demo,
    doctor,
    emulator,
    export,
    guide,
    keys,
    link,
    pull,
    push,
    report,
    schema,
    settings,
    status,
    submit,
    verify,
)
from cli.context import FAILED, NEEDS_A_PERSON, WRONG_USAGE, Context
from config.settings import ConfigError
from models.command import InvalidCommand
from pipelines.actions import ActionRefused
from pipelines.life import UnknownCommand
from pipelines.receipts import Refused
from salesforce.errors import Forbidden, GrantDead, Misconfigured, SalesforceError
from store.errors import StoreError
from store.keys import NameTaken
from worker.broker import BrokerUnavailable

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
for panel, modules in (
    ("Try it", (demo, emulator)),
    ("Connect", (guide, link, accounts, doctor, settings)),
    ("Sync", (pull, submit, action, push, commands)),
    ("Look", (status, verify, schema, report, export)),
    ("Run for good", (daemon, console, keys)),
):
    for module in modules:
        module.register(app, panel)

# Exit codes by error, the first that fits; design: 1 failed, 2 wrong usage, 3 needs a person.
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (GrantDead, NEEDS_A_PERSON),
    (Forbidden, NEEDS_A_PERSON),
    (Misconfigured, WRONG_USAGE),
    (ConfigError, WRONG_USAGE),
    (InvalidCommand, WRONG_USAGE),
    (Refused, WRONG_USAGE),
    (ActionRefused, WRONG_USAGE),
    (NameTaken, WRONG_USAGE),
    (UnknownCommand, WRONG_USAGE),
    (SalesforceError, FAILED),
    (StoreError, FAILED),
    (BrokerUnavailable, FAILED),
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer's to call
    if asked:
        typer.echo(f"scsync {version('scsync')}")
        raise typer.Exit


@app.callback()
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
        app(words)
    except Exception as error:  # noqa: BLE001 - the last place: every error gets a code
        sys.exit(_explain(error, debug="--debug" in words))


def _explain(error: Exception, *, debug: bool) -> int:
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    if debug:
        traceback.print_exception(error)
    for line in _lines(error):
        sys.stderr.write(f"scsync: {line}\n")
    if code is None and not debug:
        sys.stderr.write("scsync: this was not foreseen; add --debug to see where it happened\n")
    return code or FAILED


def _lines(error: Exception) -> list[str]:
    if isinstance(error, Refused):
        return [*map(str, error.refusals), "nothing was stored: mend these and submit all again"]
    return [str(error) or type(error).__name__]
