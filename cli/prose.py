"""Ages as options, and messages as wide as the terminal."""

import textwrap
from datetime import timedelta

import typer

from cli.context import Context
from pipelines import prose
from pipelines.prose import plain

_NARROWEST = 40


def age(text: str) -> timedelta:
    """Read an option such as `15m`."""
    try:
        return prose.age(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def wrapped(ctx: Context, text: str, *, indent: int = 4, head: str = "") -> None:
    """Print a message as wide as the terminal, below or beside what it is about."""
    lines = textwrap.wrap(
        plain(text),
        width=max(_NARROWEST, ctx.out.width),
        initial_indent=f"{head:<{indent}}",
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    for line in lines:
        ctx.line(line)
