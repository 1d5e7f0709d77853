"""`scsync action`: what people do at a support desk, by name."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.context import Context, Json, context, print_json
from cli.submit import announce, parse_words, show_receipts
from models.action import ACTIONS, Action, Verb
from pipelines.actions import (
    ActionRefused,
    OrgAnswers,
    Question,
    Record,
    StoreAnswers,
    answer,
    offered,
)
from worker.app import App


class Source(StrEnum):
    """Who answers an action that reads."""

    ORG = "org"
    STORE = "store"


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
        order: Annotated[str | None, typer.Option(help="Field, or 'Field DESC'.")] = None,
        limit: Annotated[int, typer.Option(help="At most so many records.")] = 50,
        fields: Annotated[str | None, typer.Option(help="Comma-separated field names.")] = None,
        source: Annotated[
            Source, typer.Option("--from", help="Who answers: the org, or the store.")
        ] = Source.ORG,
        language: Annotated[str, typer.Option(help="Of the articles that are searched.")] = "en_US",
        key: Annotated[
            str | None, typer.Option(help="Idempotency key: the same key is the same command.")
        ] = None,
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
        found = offered(name, ctx.settings.allows)
        if found.verb.writes:
            _write(ctx, found, rest, key, json=json)
            return
        question = Question(
            where=where or (),
            order=order,
            limit=limit,
            fields=[one.strip() for one in fields.split(",")] if fields else (),
            language=language,
        )
        with ctx.app() as parts:
            records = answer(_answers(parts, source), found, rest, question)
        _show(ctx, found, records, json=json)


def _answers(parts: App, source: Source) -> OrgAnswers | StoreAnswers:
    if source is Source.STORE:
        return StoreAnswers(store=parts.store)
    return OrgAnswers(client=parts.client, describes=parts.describes)


def _write(ctx: Context, found: Action, rest: list[str], key: str | None, *, json: bool) -> None:
    with ctx.app() as parts:
        words = [str(found.verb), found.sobject, *rest]
        command = parse_words(words, key, describes=parts.describes)
        receipts = parts.desk.submit([command])
        announce(ctx, parts)
    show_receipts(ctx, receipts, json=json)


def _show(ctx: Context, found: Action, records: list[Record], *, json: bool) -> None:
    if json:
        for record in records:
            print_json(record)
    elif found.verb is Verb.GET:
        for name, value in records[0].items():
            if value is not None:
                ctx.line(f"{name}: {value}")
    elif records:
        names = list(records[0])
        ctx.table(names, [[record[name] for name in names] for record in records])
    else:
        ctx.say("nothing found")


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
