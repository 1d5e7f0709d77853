"""`scsync VERB`: the verbs, and the one place where an error becomes a line and an exit code."""

import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import click
import typer

from cli import (
    accounts,
    commands,
    daemon,
    demo,
    doctor,
    emulator,
    link,
    pull,
    push,
    schema,
    status,
    submit,
    verify,
)
from cli import settings as settings_verb
from cli.context import Context
from config.settings import ConfigError
from models.command import InvalidCommand
from pipelines.submit import Refused
from salesforce.errors import Forbidden, GrantDead, Misconfigured, SalesforceError
from store.errors import StoreError
from worker.broker import BrokerUnavailable

FAILED, WRONG_USAGE, NEEDS_A_PERSON = 1, 2, 3

app = typer.Typer(
    name="scsync",
    help="Keeps a SQL database and a Salesforce Service Cloud org in step, both ways.",
    epilog="Begin with: scsync demo   (no Salesforce account needed)",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    demo,
    daemon,
    link,
    accounts,
    doctor,
    pull,
    push,
    submit,
    commands,
    status,
    verify,
    schema,
    settings_verb,
    emulator,
):
    module.register(app)

# Exit codes by error, the first that fits; design: 1 failed, 2 wrong usage, 3 needs a person.
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (GrantDead, NEEDS_A_PERSON),
    (Forbidden, NEEDS_A_PERSON),
    (Misconfigured, WRONG_USAGE),
    (ConfigError, WRONG_USAGE),
    (InvalidCommand, WRONG_USAGE),
    (Refused, WRONG_USAGE),
    (SalesforceError, FAILED),
    (StoreError, FAILED),
    (BrokerUnavailable, FAILED),
)


@app.callback()
def root(
    typer_context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="The TOML file, instead of ./scsync.toml.", exists=True, dir_okay=False),
    ] = None,
    debug: Annotated[bool, typer.Option(help="Show a traceback with an error.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    if show_version:
        typer.echo(f"scsync {version('scsync')}")
        raise typer.Exit
    typer_context.obj = Context(config=config, debug=debug)


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        code = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("scsync: stopped\n")
        code = FAILED
    except BrokenPipeError:
        code = FAILED
    except Exception as error:  # noqa: BLE001 - the last place: every error gets a code
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    known = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    if known is None or "--debug" in sys.argv:
        traceback.print_exception(error)
    for line in _lines(error):
        sys.stderr.write(f"scsync: {line}\n")
    return known or FAILED


def _lines(error: Exception) -> list[str]:
    if isinstance(error, Refused):
        lines = [str(refusal) for refusal in error.refusals]
        return [*lines, "nothing was stored"]
    return [str(error) or type(error).__name__]
