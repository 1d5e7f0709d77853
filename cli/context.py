"""What every verb starts from: the settings, the app, and how to print."""

import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from cli import codes
from config import logs
from config.settings import ConfigError, Settings, load
from models import declare
from salesforce.errors import SalesforceError
from store import audit, places
from store.accounts import DEFAULT
from worker.app import App

FAILED, WRONG_USAGE, NEEDS_A_PERSON = codes.FAILED, codes.WRONG_USAGE, codes.NEEDS_A_PERSON

_WAYS_OUT = (typer.Exit, typer.Abort, typer.BadParameter)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

# Verbs that are told as a remedy; `accounts` knows its account by name, link by an option.
_TOLD = re.compile(
    r"\bscsync (?=(?:accounts resume|commands|doctor|link|pull|push|schema|status|verify)\b)"
    r"(?!link --account)"
)
_UNBOUNDED = 1000  # columns where no terminal says how many: what is piped is searched, not read


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    bounded = stream.isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, highlight=False, width=None if bounded else _UNBOUNDED)


@dataclass
class Context:
    """One run of the command line."""

    config: Path | None = None
    account: str | None = None
    out: Console = field(default_factory=console)
    err: Console = field(default_factory=lambda: console(stderr=True))

    @cached_property
    def settings(self) -> Settings:
        """The settings, with logging set up by them."""
        settings = load(self.config, account=self.account)
        _refuse_unknown_objects(settings)
        logs.configure(settings)
        return settings

    @property
    def operator(self) -> str:
        """Whoever sits here, as the audit calls them: no key's name has a space in it."""
        try:
            name = getpass.getuser()
        except (OSError, KeyError):  # a container may run as a user that nobody has named
            name = f"user {os.getuid()}"
        return f"{name} at a shell"

    def noted(
        self, parts: App, act: str, subject: str, detail: Mapping[str, Any] | None = None
    ) -> Callable[[Connection], None]:
        """Make what notes an act, to be called in the transaction in which it is done."""

        def note(tx: Connection) -> None:
            now = parts.clock()
            audit.note(tx, operator=self.operator, act=act, subject=subject, detail=detail, now=now)

        return note

    def open(self, *, new: bool = False) -> App:
        """Make the parts of the account; only a new one may lack a store."""
        url, account = self.settings.database_url, self.settings.account
        if not new and account != DEFAULT and account not in places.known(url):
            raise ConfigError(
                f"there is no account {account}: see scsync accounts list, "
                f"or make it with: scsync link --account {account}"
            )
        return App(self.settings)

    @contextmanager
    def app(self, *, new: bool = False) -> Iterator[App]:
        """Hand out the parts, and close them afterwards."""
        app = self.open(new=new)
        if sys.stderr.isatty() and "log_level" not in self.settings.model_fields_set:
            # Whoever looks on is told by the verb itself; what is logged below would say it twice.
            logs.configure(self.settings, level="warning")
        try:
            with structlog.contextvars.bound_contextvars(account=app.name):
                yield app
        except Exception as error:
            if isinstance(error, SalesforceError):
                error.message = self.addressed(error.message)
                error.remedy = self.addressed(error.remedy or "")
            if codes.of(error) is None and not isinstance(error, _WAYS_OUT):
                app.watch.unforeseen(error)
            raise
        finally:
            app.close()

    def say(self, text: str) -> None:
        """Print a line for a person, beside what machines read."""
        self.err.print(self.addressed(text), markup=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """Print a line as it is, however narrow the terminal: it may be copied from there."""
        self.out.print(self.addressed(text), markup=False, soft_wrap=True)

    def addressed(self, text: str) -> str:
        """Have a remedy concern the account at hand: by itself a verb is for the first one."""
        settings = self.__dict__.get("settings")
        account = settings.account if settings else self.account
        if account is None or account == DEFAULT:
            return text
        return _TOLD.sub(f"scsync --account {account} ", text)

    def table(self, columns: list[str], rows: list[list[Any]]) -> None:
        """Print a table; numbers stand to the right."""
        table = Table(box=None, pad_edge=False)
        for place, name in enumerate(columns):
            numbers = any(isinstance(row[place], int | float) for row in rows)
            table.add_column(name, justify="right" if numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self.out.print(table)


def print_json(value: Any, *, flush: bool = False) -> None:
    """Print one JSON document on one line, at once if somebody waits for it."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False) + "\n")
    if flush:
        sys.stdout.flush()


def context(typer_context: typer.Context) -> Context:
    found = typer_context.find_object(Context)
    if found is None:
        raise RuntimeError("the root callback has not run")
    return found


def _refuse_unknown_objects(settings: Settings) -> None:
    places = dict.fromkeys(settings.objects, "SCSYNC_OBJECTS")
    places |= {name: f"[objects.{name}]" for name in settings.object_settings}
    for name, place in places.items():
        try:
            declare([name])
        except LookupError as error:
            raise ConfigError(f"{place}: {error}") from None


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
