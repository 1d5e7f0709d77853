"""`scsync action`: what people do at a support desk, by name."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from cli.context import Context, Json, context, print_json
from cli.manners import (
    AllowDuplicates,
    AutoAssign,
    ExpectedModstamp,
    OnConflict,
    given,
    mannered,
)
from cli.submit import announce, parse_words, show_receipts
from models.action import ACTIONS, Action, Verb
from pipelines.actions import (
    ActionRefused,
    Question,
    Record,
    Source,
    StoreAnswers,
    answer,
)
from pipelines.prose import plain
from pipelines.submit import submitted
from worker.app import App


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        epilog="Example: scsync action list_cases --where Status=New --order 'CreatedDate DESC'",
    )
    def action(
        typer_context: typer.Context,
        words: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="NAME [ID | TERM] [Field=value]...",
                help="The action, the record or term it is about, and what to write.",
            ),
        ] = None,
        *,
        list_: Annotated[bool, typer.Option("--list", help="List the actions.")] = False,
        where: Annotated[
            list[str] | None, typer.Option(help="Filter, such as Status=New; may be repeated.")
        ] = None,
        order: Annotated[
            str | None, typer.Option(help="Field, 'Field DESC', or several with commas.")
        ] = None,
        limit: Annotated[int, typer.Option(help="At most so many records, on each page.")] = 50,
        page: Annotated[int, typer.Option(help="Which page of a list.")] = 1,
        fields: Annotated[str | None, typer.Option(help="Comma-separated field names.")] = None,
        source: Annotated[
            Source, typer.Option("--from", help="Who answers: the org, or the store.")
        ] = Source.ORG,
        language: Annotated[str, typer.Option(help="Of the articles that are searched.")] = "en_US",
        key: Annotated[
            str | None, typer.Option(help="Idempotency key: the same key is the same command.")
        ] = None,
        on_conflict: OnConflict = None,
        auto_assign: AutoAssign = None,
        allow_duplicates: AllowDuplicates = None,
        expected_modstamp: ExpectedModstamp = None,
        json: Json = False,
    ) -> None:
        """Do one of the 34 actions: writes become commands, reads answer at once."""
        ctx = context(typer_context)
        if list_:
            _list(ctx, json=json)
            return
        if not words:
            raise ActionRefused("which action? see scsync action --list")
        name, *rest = words
        manners = given(
            idempotency_key=key,
            on_conflict=on_conflict,
            auto_assign=auto_assign,
            allow_duplicates=allow_duplicates,
            expected_modstamp=expected_modstamp,
        )
        question = Question(
            where=where or (),
            order=order,
            limit=limit,
            page=page,
            fields=[one.strip() for one in fields.split(",")] if fields else (),
            language=language,
        )
        with ctx.app() as parts:
            found = parts.offered(name, ctx.operator)
            if found.verb.writes:
                _write(ctx, parts, found, rest, manners, json=json)
                return
            if manners:
                raise ActionRefused(f"{name} only reads: it takes no {', '.join(manners)}")
            answers = parts.answers(source)
            if isinstance(answers, StoreAnswers):
                _tell_freshness(ctx, answers, found)
            records = answer(answers, found, rest, question)
        _show(ctx, found, records, json=json)


def _tell_freshness(ctx: Context, answers: StoreAnswers, found: Action) -> None:
    """Say how old an answer may be, beside it."""
    as_of = answers.as_of(found)
    if as_of is None:
        ctx.say(f"{found.sobject} is not pulled to an end yet: run scsync pull {found.sobject}")
    else:
        ctx.say(f"as of {as_of:%Y-%m-%d %H:%M} UTC (watermark)")


def _write(
    ctx: Context,
    parts: App,
    found: Action,
    rest: list[str],
    manners: dict[str, Any],
    *,
    json: bool,
) -> None:
    command = parse_words(ctx, parts, [str(found.verb), found.sobject, *rest])
    beside = submitted(ctx.operator, parts.clock)
    given = [mannered(command, manners)]
    receipts = parts.desk.submit(given, operator=ctx.operator, beside=beside)
    announce(ctx, parts)
    show_receipts(ctx, receipts, json=json)


def _show(ctx: Context, found: Action, records: list[Record], *, json: bool) -> None:
    if json:
        for record in records:
            print_json(record)
    elif found.verb is Verb.GET:
        for name, value in records[0].items():
            if value is not None:
                text = "\n".join(plain(line) for line in str(value).splitlines())
                ctx.line(f"{name}: {text}")
    elif records:
        names = list(records[0])
        ctx.table(names, [[_cell(record[name]) for name in names] for record in records])
    else:
        ctx.say("nothing found")


def _cell(value: Any) -> Any:
    """Let a customer's words be words: the table would read brackets as colours."""
    return escape(plain(value)) if isinstance(value, str) else value


def _list(ctx: Context, *, json: bool) -> None:
    allows = ctx.settings.allows
    if json:
        print_json(
            [
                {"name": one.name, "sobject": one.sobject, "enabled": allows(one.name)}
                for one in ACTIONS.values()
            ]
        )
        return
    rows = [
        [one.name, one.sobject, "enabled" if allows(one.name) else "disabled"]
        for one in ACTIONS.values()
    ]
    ctx.table(["ACTION", "OBJECT", "STATE"], rows)
