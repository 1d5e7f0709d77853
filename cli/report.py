"""`scsync report`: what the reporting views say, for people, for machines and for spreadsheets."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from cli import files
from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from models.columns import Kind, instant_text
from pipelines.prose import plain, stamp
from store import export as exports
from store import reports
from store.reports import Column, Report, indexes, reading
from worker.app import App

_SOME = 50  # rows shown to a person who did not say how many
_WIDEST = 24  # characters of one cell, where the terminal bounds the table
_GAP = 2
_TO_THE_MINUTE = len("2026-01-01 00:00")
_WHERE = re.compile(r"([a-z_0-9]+)(=|!=|>=|<=|>|<)(.*)", re.DOTALL)


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        epilog="Example: scsync report open_cases --where priority=High --order 'age_days desc'",
    )
    def report(
        typer_context: typer.Context,
        name: Annotated[
            str | None, typer.Argument(help="Which one; all are listed if none.")
        ] = None,
        *,
        where: Annotated[
            list[str] | None,
            typer.Option(help="COLUMN=VALUE, also != < <= > >=; may be repeated.", metavar="TEXT"),
        ] = None,
        order: Annotated[str | None, typer.Option(help="Columns, each with desc or not.")] = None,
        limit: Annotated[
            int | None, typer.Option(help=f"Rows; {_SOME} on the terminal, else all.", min=0)
        ] = None,
        csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
        json: Json = False,
        parquet: Annotated[
            Path | None, typer.Option(help="Write a Parquet file.", dir_okay=False)
        ] = None,
        count: Annotated[bool, typer.Option("--count", help="Print how many rows.")] = False,
    ) -> None:
        """Ask a reporting view; without a name, list what there is."""
        ctx = context(typer_context)
        if sum((csv, json, count, parquet is not None)) > 1:
            raise typer.BadParameter("one of --csv, --json, --parquet and --count")
        if name is None:
            if csv or count or any((where, order, limit is not None, parquet)):
                raise typer.BadParameter("name the report that this is about: scsync report NAME")
            _list(ctx, json=json)
            return
        with ctx.app() as parts:
            _index(ctx, parts)
            with parts.store.read() as tx:
                try:
                    asked = _Asked(tx, reports.find(name), _conditions(where or []), order, limit)
                    _answer(ctx, asked, csv=csv, json=json, parquet=parquet, count=count)
                except reports.BadQuestion as error:
                    raise ConfigError(str(error)) from None


@dataclass(frozen=True)
class _Asked:
    """One question about one report."""

    tx: Connection
    report: Report
    where: reports.Conditions
    order: str | None
    limit: int | None

    @property
    def source(self) -> exports.Source:
        """All the rows that are asked for, to be read a batch at a time."""
        question = reading.query(self.report, where=self.where, order=self.order)
        return exports.of_report(self.report, question.limit(self.limit))

    @property
    def batches(self) -> Iterator[exports.Batch]:
        return exports.batches(self.tx, self.source)

    def rows(self, limit: int) -> reading.Rows:
        _, rows = reading.rows(
            self.tx, self.report, where=self.where, order=self.order, limit=limit
        )
        return rows

    def count(self) -> int:
        return reading.count(self.tx, self.report, where=self.where)

    def fresh(self) -> datetime | None:
        return reading.fresh(self.tx, self.report)


def gaps(ctx: Context, tx: Connection, source: exports.Source) -> None:
    """Say what keeps rows or figures from being all that the org has."""
    if lacking := exports.lacking(tx, source):
        ctx.say(f"not readable: {', '.join(lacking)}, which these figures hang on")
    if unread := exports.unread(tx, source):
        sources = ", ".join(unread)
        ctx.say(f"not all of {sources} was read to its end: what is not here may be in the org")


def _answer(
    ctx: Context, asked: _Asked, *, csv: bool, json: bool, parquet: Path | None, count: bool
) -> None:
    gaps(ctx, asked.tx, asked.source)
    if count:
        ctx.line(str(asked.count()))
    elif csv:
        files.write_csv(sys.stdout, asked.source.columns, asked.batches)
    elif json:
        names = [name for name, _ in asked.source.columns]
        for batch in asked.batches:
            for row in batch:
                print_json({name: _json(one) for name, one in zip(names, row, strict=True)})
    elif parquet:
        rows = files.write(parquet, files.Format.PARQUET, asked.source, asked.batches)
        ctx.say(f"{rows:,} rows in {parquet}")
    else:
        _show(ctx, asked)


def _list(ctx: Context, *, json: bool) -> None:
    if json:
        print_json([_described(one) for one in reports.CATALOG.values()])
        return
    ctx.table(["REPORT", "WHAT"], [[one.name, one.title] for one in reports.CATALOG.values()])


def _described(report: Report) -> dict[str, Any]:
    columns = [
        {"name": one.name, "kind": str(one.kind), "meaning": one.meaning}
        for one in report.all_columns
    ]
    return {
        "name": report.name,
        "view": report.view,
        "title": report.title,
        "sentence": report.sentence,
        "columns": columns,
    }


def _index(ctx: Context, parts: App) -> None:
    """Have the indexes made that reports need, once, by the first who asks after a first load."""
    with parts.store.read() as tx:
        wanted = indexes.missing(tx)
    if wanted:
        ctx.say(f"making {len(wanted)} indexes for reports (once)")
        indexes.build(parts.store)


def _conditions(where: list[str]) -> reports.Conditions:
    found = []
    for one in where:
        match = _WHERE.fullmatch(one)
        if match is None:
            raise typer.BadParameter(f"{one!r}: write COLUMN=VALUE, also != < <= > >=")
        name, sign, value = match.groups()
        found.append((f"{name}{sign}", value))
    return found


def _show(ctx: Context, asked: _Asked) -> None:
    most = _SOME if asked.limit is None else asked.limit
    rows = asked.rows(most)
    columns = asked.report.all_columns
    cells = [[_cell(one, value) for one, value in zip(columns, row, strict=True)] for row in rows]
    chosen = _fitting(ctx, asked.report, cells)
    ctx.line(asked.report.title)
    ctx.out.print(_table([columns[place] for place in chosen], cells, chosen))
    total = len(rows) if len(rows) < most else asked.count()
    fresh = asked.fresh()
    age = f"fresh as of {stamp(fresh)} UTC" if fresh else "of what was read so far"
    ctx.line(f"{len(rows):,} of {total:,} rows, {age}")
    if hidden := [one.name for place, one in enumerate(columns[:-1]) if place not in chosen]:
        ctx.out.print(f"also there, with --csv or --json: {', '.join(hidden)}", markup=False)


def _table(columns: list[Column], cells: list[list[str]], chosen: list[int]) -> Table:
    table = Table(box=None, pad_edge=False)
    for one in columns:
        right = one.kind in {Kind.WHOLE, Kind.NUMBER}
        table.add_column(
            one.name.upper(),
            justify="right" if right else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in cells:
        table.add_row(*(Text(row[place]) for place in chosen))
    return table


def _fitting(ctx: Context, report: Report, cells: list[list[str]]) -> list[int]:
    """Choose columns until the line is full: those that it is about, then others, then Ids."""
    columns = report.columns

    def weight(place: int) -> tuple[bool, bool]:
        name = columns[place].name
        return name not in report.tells, _is_id(name)

    wanted = sorted(range(len(columns)), key=weight)
    left, chosen = ctx.out.width + _GAP, set[int]()
    for place in wanted:
        widest = max(map(len, [columns[place].name, *(row[place] for row in cells)]))
        width = min(widest, _WIDEST) + _GAP
        if width <= left:
            chosen.add(place)
            left -= width
    return sorted(chosen)


def _is_id(name: str) -> bool:
    return name == "id" or name.endswith("_id")


def _cell(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.kind is Kind.INSTANT:
        return stamp(value)[:_TO_THE_MINUTE]
    if column.kind is Kind.FLAG:
        return "yes" if value else "no"
    if column.kind in {Kind.WHOLE, Kind.NUMBER}:
        return f"{value:,}"
    return plain(str(value))[:_WIDEST]


def _json(value: Any) -> Any:
    return instant_text(value) if isinstance(value, datetime) else value
