"""`scsync export`: tables and reports as files."""

from pathlib import Path
from typing import Annotated

import typer

from cli import files
from cli.context import Context, Json, context, print_json
from cli.files import Format
from cli.report import gaps
from config.settings import ConfigError
from store import export as exports
from worker.app import App


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync export cases accounts --to out")
    def export(
        typer_context: typer.Context,
        tables: Annotated[
            list[str], typer.Argument(help="Tables (cases, or Case) and reports (open_cases).")
        ],
        *,
        to: Annotated[Path, typer.Option(help="The folder; made if it is not there.")],
        form: Annotated[Format, typer.Option("--format", help="Which files.")] = Format.PARQUET,
        json: Json = False,
    ) -> None:
        """Write whole tables, tombstones included, as of one instant; a file each."""
        ctx = context(typer_context)
        if form is Format.PARQUET:
            files.needs_parquet()
        with ctx.app() as parts:
            written = _written(ctx, parts, tables, to, form)
        if json:
            print_json([{"file": str(path), "rows": rows} for path, rows in written.items()])
        else:
            ctx.table(["FILE", "ROWS"], [[str(path), rows] for path, rows in written.items()])


def _written(
    ctx: Context, parts: App, tables: list[str], to: Path, form: Format
) -> dict[Path, int]:
    written = {}
    with parts.store.read() as tx:
        exports.stand_still(tx)
        try:
            sources = [exports.source(tx, name, parts.models) for name in dict.fromkeys(tables)]
        except LookupError as error:
            raise ConfigError(str(error)) from None
        for source in sources:
            path = to / f"{source.name}.{form}"
            ctx.say(f"writing {path}")
            gaps(ctx, tx, source)
            written[path] = files.write(path, form, source, exports.batches(tx, source))
    return written
