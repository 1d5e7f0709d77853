"""`scsync submit`: one command from the command line, or thousands from a file."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.context import Context, Json, context, print_json
from cli.progress import shown
from config.settings import ConfigError
from models.command import Command, InvalidCommand, Op
from models.outbox import KeyKind
from pipelines import pull, typed
from pipelines.clerk import action_of
from pipelines.describes import Describes
from pipelines.receipts import Progress, Receipt
from pipelines.rehearsal import Calls, Rehearsal
from pipelines.submit import submitted
from worker import broker as brokers
from worker.actors import declare
from worker.app import App
from worker.bells import Bells

_EXAMPLE = "Example: scsync submit update Case 500xx0000000001AAA Priority=High"
_KEPT_BY = {
    KeyKind.EXTERNAL_ID: "an external id",
    KeyKind.IDEMPOTENCY: "an idempotency key",
    KeyKind.PROBE: "a probe",
}


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
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only check, and show the calls it would lead to.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Accept commands: checked against the org's describe, then stored, then announced."""
        ctx = context(typer_context)
        if (file is None) == (not words):
            raise ConfigError("give either a command or --file: see scsync submit --help")
        if file is not None and key is not None:
            raise ConfigError("--key is for one command; in a file, each names its idempotency_key")
        with ctx.app() as parts:
            if dry_run:
                show_rehearsal(ctx, _rehearsal(ctx, parts, words or [], file, key), json=json)
                return
            with _accepted(ctx, parts, words or [], file, key) as receipts:
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


def _rehearsal(
    ctx: Context, parts: App, words: list[str], file: str | None, key: str | None
) -> Rehearsal:
    if file is None:
        command = parse_words(ctx, parts, words, key)
        return parts.desk.rehearse([command], operator=ctx.operator)
    with _lines(file) as lines:
        return parts.desk.rehearse_lines(lines, operator=ctx.operator)


@contextmanager
def _accepted(
    ctx: Context, parts: App, words: list[str], file: str | None, key: str | None
) -> Iterator[Iterable[Receipt]]:
    beside = submitted(ctx.operator, parts.clock)
    if file is None:
        command = parse_words(ctx, parts, words, key)
        yield parts.desk.submit([command], operator=ctx.operator, beside=beside)
        return
    with ExitStack() as stack:
        with _lines(file) as lines, _told(ctx) as report:
            stored = parts.desk.submit_lines(
                lines, operator=ctx.operator, report=report, beside=beside
            )
            receipts = stack.enter_context(stored)
        yield receipts


@contextmanager
def _lines(file: str) -> Iterator[Iterable[str]]:
    if file == "-":
        with _as_utf8("standard input"):
            yield sys.stdin
        return
    try:
        handle = Path(file).open(encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    with handle, _as_utf8(file):
        yield handle


@contextmanager
def _as_utf8(name: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8: {error.reason}") from None


@contextmanager
def _told(ctx: Context) -> Iterator[Callable[[Progress], None]]:
    """Show how far a long file is; what is short has ended before there is anything to see."""
    with shown(ctx.err) as screen:

        def report(progress: Progress) -> None:
            if progress.stored:
                screen.report(pull.Progress("stored", progress.stored, progress.checked))
            else:
                screen.report(pull.Progress("checked", progress.checked, None))

        yield report


def parse_words(ctx: Context, parts: App, words: list[str], key: str | None = None) -> Command:
    """Read `update Case 500… Priority=High`; raises `InvalidCommand`, `ActionRefused`."""
    if len(words) < 2:  # noqa: PLR2004 - OP SOBJECT
        raise InvalidCommand("a command is OP SOBJECT [ID] [Field=value]...; see its --help")
    op, sobject, *rest = words
    if op in set(Op):
        parts.refuse_disabled(action_of(Op(op), sobject), ctx.operator)
    form: dict[str, Any] = {"op": op, "sobject": sobject, "idempotency_key": key}
    if rest and "=" not in rest[0]:
        form["record_id"] = rest.pop(0)
    if op == Op.UPSERT and rest:
        form["external_id_field"], form["external_id"] = _pair(rest.pop(0))
    Command.from_json(form)  # what is wrong by itself is said before the org is asked
    return Command.from_json(
        {**form, "fields": parse_fields(rest, sobject, describes=parts.describes)}
    )


def parse_fields(words: list[str], sobject: str, *, describes: Describes) -> dict[str, Any]:
    """Read `Priority=High Amount=12.5`, each value as its field's type wants it."""
    return typed.values(pairs(words), sobject, describes=describes)


def pairs(words: Iterable[str]) -> dict[str, str]:
    """Read words of the form Name=value; raises `InvalidCommand` for any other."""
    return dict(map(_pair, words))


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise InvalidCommand(f"{word!r} is not of the form Field=value")
    return name, value


def show_receipts(ctx: Context, receipts: Iterable[Receipt], *, json: bool) -> None:
    """Print one line a command, as they come."""
    known: Counter[bool] = Counter()
    for receipt in receipts:
        known[receipt.repeated] += 1
        if json:
            print_json({"id": receipt.id, "repeated": receipt.repeated})
        else:
            sys.stdout.write(receipt.id + "\n")
    if json:
        return
    note = f", {known[True]:,} of them known by their idempotency key" if known[True] else ""
    accepted = f"{known.total():,} accepted{note}"
    ctx.say(f"{accepted}; `scsync up` applies them, or now: scsync push")


def show_rehearsal(ctx: Context, found: Rehearsal, *, json: bool) -> None:
    """Print the requests by kind."""
    if json:
        counts = {"commands": found.commands, "repeated": found.repeated, "calls": found.calls}
        print_json({**counts, "by_kind": [_call_document(one) for one in found.kinds.values()]})
        return
    for one in found.kinds.values():
        ctx.line(_call_line(one))
    note = f", {found.repeated:,} of them known already" if found.repeated else ""
    ctx.say(f"{found.commands:,} would be accepted{note}; nothing was stored")
    ctx.say("folding, and what else is in the queue, may change the number of calls")


def _call_line(one: Calls) -> str:
    calls = "1 call" if one.calls == 1 else f"{one.calls:,} calls"
    by = f" by {one.kind.key_field}" if one.kind.key_field else ""
    line = f"{calls}: {one.kind.verb} {one.commands:,} {one.kind.sobject}{by}"
    for how, number in one.kept_single.items():
        of_them = "" if number == one.commands else f"{number:,} of them "
        line += f", {of_them}kept single by {_KEPT_BY[how]}"
    return line


def _call_document(one: Calls) -> dict[str, Any]:
    return {
        "op": str(one.kind.verb),
        "sobject": one.kind.sobject,
        "key_field": one.kind.key_field,
        "auto_assign": one.kind.manner.auto_assign,
        "allow_duplicates": one.kind.manner.allow_duplicates,
        "calls": one.calls,
        "commands": one.commands,
        "kept_single_by": {str(how): number for how, number in one.kept_single.items()},
    }
