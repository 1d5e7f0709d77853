"""Which commands a verb is about: the options, and what they choose."""

import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import typer

from cli.prose import age
from config.settings import ConfigError
from models.outbox import CommandState
from pipelines.prose import EXAMPLES
from store.listing import Choice

Id = Annotated[str, typer.Argument(help="The command's id.")]
MaybeId = Annotated[str | None, typer.Argument(help="One command.")]
State = Annotated[CommandState | None, typer.Option(help="Only these.")]
Object = Annotated[str | None, typer.Option("--object", help="Only on this sObject.")]
Code = Annotated[str | None, typer.Option(help="Only with this error code.")]
OlderThan = Annotated[
    timedelta | None,
    typer.Option(
        parser=age,
        metavar="AGE",
        help=f"Only if finished, or while open submitted, earlier: {EXAMPLES}.",
    ),
]
NewerThan = Annotated[
    timedelta | None, typer.Option(parser=age, metavar="AGE", help="Only if it was since.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, however many there are.")]

_MANY = 100


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What was asked for by options."""

    state: CommandState | None = None
    sobject: str | None = None
    code: str | None = None
    older_than: timedelta | None = None
    newer_than: timedelta | None = None

    @property
    def any(self) -> bool:
        return any(value is not None for value in vars(self).values())

    def choice(self, now: datetime, default: Collection[CommandState] = ()) -> Choice:
        """Give what is chosen; without a state, of these."""
        return Choice(
            states=(self.state,) if self.state else tuple(default),
            sobject=self.sobject,
            code=self.code,
            before=now - self.older_than if self.older_than is not None else None,
            after=now - self.newer_than if self.newer_than is not None else None,
        )

    def must_be(self, states: Collection[CommandState], verb: str) -> None:
        """Refuse a state for which a verb does nothing."""
        if self.state and self.state not in states:
            raise ConfigError(f"{verb} takes what is {' or '.join(states)}, not {self.state}")


def confirm(number: int, doing: str, *, yes: bool) -> None:
    """Ask whoever sits at the terminal before many commands are touched."""
    if number > _MANY and not yes and sys.stdin.isatty():
        typer.confirm(f"{doing} {number:,} commands?", abort=True, err=True)
