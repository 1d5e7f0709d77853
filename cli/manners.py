"""How a command is to be done, beside what: options that several verbs share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from models.command import Command, Conflict

OnConflict = Annotated[
    Conflict | None,
    typer.Option(help="What to do if somebody else has changed the record meanwhile."),
]
AutoAssign = Annotated[
    str | None,
    typer.Option(metavar="true|RULE_ID", help="Have an assignment rule run; none does else."),
]
AllowDuplicates = Annotated[
    bool | None,
    typer.Option(
        "--allow-duplicates/--no-allow-duplicates",
        help="Save what a duplicate rule would only warn of.",
    ),
]
ExpectedModstamp = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT", help="The SystemModstamp that the record must have, with its zone."
    ),
]


def given(**options: object) -> dict[str, Any]:
    """Keep the options that were given, in the JSON form of a command."""
    return {name: value for name, value in options.items() if value is not None}


def read(manners: Mapping[str, Any]) -> dict[str, Any]:
    """Give the options as a command holds them; raises `InvalidCommand`."""
    # Of which object is no matter: none of these is checked against one here.
    command = Command.from_json({"op": "update", "sobject": "Case", **manners})
    return {name: getattr(command, name) for name in manners}


def mannered(command: Command, manners: Mapping[str, Any]) -> Command:
    """Give the command with these options; raises `InvalidCommand`."""
    return replace(command, **read(manners))
