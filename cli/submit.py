"""`scsync submit`: one command from the command line, or thousands from a file."""

import json as jsonlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from models.command import Command, InvalidCommand, Op
from pipelines.submit import Receipt, parse_lines
from worker import broker as brokers
from worker.actors import declare
from worker.app import App
from worker.bells import Bells

_TAKES_ID = frozenset({Op.UPDATE, Op.DELETE, Op.PUBLISH})
_EXAMPLES = (
    "Examples: scsync submit update Case 500xx0000000001AAA Priority=High   |   "
    "scsync submit create Case Subject='No power' Origin=Phone   |   "
    "scsync submit --file commands.ndjson"
)


def register(app: typer.Typer) -> None:
    @app.command(epilog=_EXAMPLES)
    def submit(
        typer_context: typer.Context,
        words: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="OP SOBJECT [ID] [Field=value]...",
                help="The command; a value is JSON where it reads as JSON, else text.",
            ),
        ] = None,
        *,
        file: Annotated[
            str | None, typer.Option(help="One JSON command a line; - is standard input.")
        ] = None,
        key: Annotated[
            str | None, typer.Option(help="Idempotency key: the same key is the same command.")
        ] = None,
        json: Json = False,
    ) -> None:
        """Accept commands: checked against the org's describe, then stored, then announced."""
        ctx = context(typer_context)
        if (file is None) == (not words):
            raise ConfigError("give either a command or --file: see scsync submit --help")
        with ctx.app() as parts, _commands(words or [], file, key) as commands:
            receipts = parts.desk.submit(commands)
            announce(ctx, parts)
        _show(ctx, receipts, json=json)


def announce(ctx: Context, parts: App) -> None:
    """Ring for the workers, if they are elsewhere; those in a daemon look by themselves."""
    if ctx.settings.broker_url.startswith("memory"):
        return
    try:
        brokers.check(ctx.settings)
        broker = brokers.make_broker(ctx.settings)
        Bells(parts).ring(declare(broker, parts).push.send)
        broker.close()
    except brokers.BrokerUnavailable as error:
        ctx.say(f"scsync: accepted; not announced yet: {error}")


@contextmanager
def _commands(words: list[str], file: str | None, key: str | None) -> Iterator[Iterable[Command]]:
    if file is None:
        yield [parse_words(words, key)]
    elif file == "-":
        yield parse_lines(sys.stdin)
    else:
        try:
            handle = Path(file).open(encoding="utf-8")  # noqa: SIM115 - closed below
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from None
        with handle:
            yield parse_lines(handle)


def parse_words(words: list[str], key: str | None) -> Command:
    """Read `update Case 500… Priority=High`; raises `InvalidCommand`."""
    op, sobject, *rest = [*words, "", ""] if len(words) < 2 else words  # noqa: PLR2004 - OP SOBJECT
    form: dict[str, Any] = {"op": op, "sobject": sobject, "idempotency_key": key}
    if rest and "=" not in rest[0] and rest[0]:
        form["record_id"] = rest.pop(0)
    if op == Op.UPSERT and rest:
        form["external_id_field"], form["external_id"] = _pair(rest.pop(0))
    form["fields"] = {name: _value(text) for name, text in map(_pair, filter(None, rest))}
    return Command.from_json(form)


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise InvalidCommand(f"{word!r} is not of the form Field=value")
    return name, value


def _value(text: str) -> Any:
    """Take true, 12.5, null and {…} as JSON, everything else as text."""
    try:
        return jsonlib.loads(text)
    except ValueError:
        return text


def _show(ctx: Context, receipts: list[Receipt], *, json: bool) -> None:
    if json:
        for receipt in receipts:
            print_json({"id": receipt.id, "repeated": receipt.repeated})
        return
    for receipt in receipts:
        sys.stdout.write(receipt.id + "\n")
    repeated = sum(receipt.repeated for receipt in receipts)
    note = f", {repeated:,} of them known by their idempotency key" if repeated else ""
    ctx.say(f"{len(receipts):,} accepted{note}; watch them with: scsync commands list")
