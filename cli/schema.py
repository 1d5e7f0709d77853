"""`scsync schema`: the columns, and which of them this org does not fill."""

from typing import Annotated

import typer

from cli.context import Json, context, print_json
from store import watermarks


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync schema Case")
    def schema(
        typer_context: typer.Context,
        objects: Annotated[list[str] | None, typer.Argument(help="sObjects; all if none.")] = None,
        *,
        json: Json = False,
    ) -> None:
        """Show tables and columns, and what this org lacks or hides from this user."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            models = parts.chosen(objects) if objects else parts.models
            with parts.store.read() as tx:
                marks = watermarks.every(tx)
        found = []
        for model in models:
            mark = marks.get(model.sobject)
            missing = set(mark.missing_fields or ()) if mark else set()
            found += [
                {
                    "sobject": model.sobject,
                    "table": model.table().name,
                    "column": field.column,
                    "field": field.api_name,
                    "kind": field.kind,
                    "finding": "absent or hidden"
                    if field.api_name in missing
                    else (mark.skipped or "")
                    if mark
                    else "not pulled yet",
                }
                for field in model.fields()
            ]
        if json:
            print_json(found)
            return
        rows = [[f"{e['table']}.{e['column']}", e["field"], e["kind"], e["finding"]] for e in found]
        ctx.table(["COLUMN", "FIELD", "KIND", "FINDING"], rows)
