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
from pipelines.describes import Describes
from pipelines.submit import Receipt, parse_lines
from salesforce.errors import Rejected
from worker import broker as brokers
from worker.actors import declare
from worker.app import App
from worker.bells import Bells

_JSON_KINDS = frozenset({"boolean", "int", "long", "double", "currency", "percent"})
_EXAMPLE = "Example: scsync submit update Case 500xx0000000001AAA Priority=High"


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog=_EXAMPLE)
    def submit(
        typer_context: typer.Context,
        words: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="OP SOBJECT [ID] [Field=value]...",
                help="The command; null empties a field, an upsert names KeyField=key first.",
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
        if file is not None and key is not None:
            raise ConfigError("--key is for one command; in a file, each names its idempotency_key")
        with ctx.app() as parts, _commands(parts, words or [], file, key) as commands:
            receipts = parts.desk.submit(commands)
            announce(ctx, parts)
        show_receipts(ctx, receipts, json=json)


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
def _commands(
    parts: App, words: list[str], file: str | None, key: str | None
) -> Iterator[Iterable[Command]]:
    if file is None:
        yield [parse_words(words, key, describes=parts.describes)]
    elif file == "-":
        yield parse_lines(sys.stdin)
    else:
        try:
            handle = Path(file).open(encoding="utf-8")  # noqa: SIM115 - closed below
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from None
        with handle:
            try:
                yield parse_lines(handle)
            except UnicodeDecodeError as error:
                raise ConfigError(f"{file} is not UTF-8: {error.reason}") from None


def parse_words(words: list[str], key: str | None, *, describes: Describes) -> Command:
    """Read `update Case 500… Priority=High`; raises `InvalidCommand`."""
    if len(words) < 2:  # noqa: PLR2004 - OP SOBJECT
        raise InvalidCommand("a command is OP SOBJECT [ID] [Field=value]...; see its --help")
    op, sobject, *rest = words
    form: dict[str, Any] = {"op": op, "sobject": sobject, "idempotency_key": key}
    if rest and "=" not in rest[0]:
        form["record_id"] = rest.pop(0)
    if op == Op.UPSERT and rest:
        form["external_id_field"], form["external_id"] = _pair(rest.pop(0))
    Command.from_json(form)  # what is wrong by itself is said before the org is asked
    return Command.from_json({**form, "fields": parse_fields(rest, sobject, describes=describes)})


def parse_fields(words: list[str], sobject: str, *, describes: Describes) -> dict[str, Any]:
    """Read `Priority=High Amount=12.5`, each value as its field's type wants it."""
    kinds = _kinds(sobject, describes)
    return {name: _value(text, kinds.get(name.lower())) for name, text in map(_pair, words)}


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise InvalidCommand(f"{word!r} is not of the form Field=value")
    return name, value


def _kinds(sobject: str, describes: Describes) -> dict[str, str]:
    """Look up the fields' types; none where the desk will refuse the sObject by name."""
    try:
        describe = describes.get(sobject)
    except Rejected:
        return {}
    return {field.name.lower(): field.type for field in describe.fields} if describe else {}


def _value(text: str, kind: str | None) -> Any:
    """Take a number or a flag where the field is one, null and {…} anywhere; the rest is text."""
    if kind in _JSON_KINDS or text == "null" or text.startswith("{"):
        try:
            return jsonlib.loads(text)
        except ValueError:
            return text
    return text


def show_receipts(ctx: Context, receipts: list[Receipt], *, json: bool) -> None:
    if json:
        for receipt in receipts:
            print_json({"id": receipt.id, "repeated": receipt.repeated})
        return
    for receipt in receipts:
        sys.stdout.write(receipt.id + "\n")
    repeated = sum(receipt.repeated for receipt in receipts)
    note = f", {repeated:,} of them known by their idempotency key" if repeated else ""
    ctx.say(f"{len(receipts):,} accepted{note}; `scsync up` applies them, or now: scsync push")
