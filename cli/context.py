"""What every verb starts from: the settings, the app, and how to print."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from config import logs
from config.settings import Settings, load
from worker.app import App

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@dataclass
class Context:
    """One run of the command line."""

    config: Path | None = None
    debug: bool = False
    out: Console = field(default_factory=lambda: Console(highlight=False))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    @cached_property
    def settings(self) -> Settings:
        """The settings, with logging set up by them."""
        settings = load(self.config)
        logs.configure(settings)
        return settings

    @contextmanager
    def app(self) -> Iterator[App]:
        """Hand out the parts, and close them afterwards."""
        app = App(self.settings)
        try:
            yield app
        finally:
            app.close()

    def say(self, text: str) -> None:
        """Print a line for a person, beside what machines read."""
        self.err.print(text)

    def table(self, title: str | None, columns: list[str], rows: list[list[Any]]) -> None:
        """Print a table; numbers stand to the right."""
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for place, name in enumerate(columns):
            numbers = any(isinstance(row[place], int | float) for row in rows)
            table.add_column(name, justify="right" if numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self.out.print(table)


def print_json(value: Any) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")


def context(typer_context: typer.Context) -> Context:
    found = typer_context.find_object(Context)
    if found is None:
        raise RuntimeError("the root callback has not run")
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
