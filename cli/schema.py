"""`scsync schema`: the columns, what fills them, and what became of those that nothing fills."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.context import Context, Json, context, print_json
from models.field_state import FieldState, FieldStatus
from models.finding import Finding
from models.sobject import SObject
from models.watermark import Watermark
from pipelines.prose import stamp
from store import fields, findings, watermarks


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync schema Case")
    def schema(
        typer_context: typer.Context,
        objects: Annotated[list[str] | None, typer.Argument(help="sObjects; all if none.")] = None,
        *,
        json: Json = False,
    ) -> None:
        """Show tables and columns: standard, added, frozen, computed; and what is noticed."""
        ctx = context(typer_context)
        found: list[dict[str, Any]] = []
        with ctx.app() as parts:
            models = parts.chosen(objects) if objects else parts.models
            with parts.store.read() as tx:
                marks = watermarks.every(tx)
                for model in models:
                    known = fields.known(tx, model.sobject)
                    found += _columns(model, known, marks.get(model.sobject))
                names = {model.sobject for model in models}
                noticed = [one for one in findings.every(tx) if one.sobject in names]
        if json:
            version = ctx.settings.api_version
            print_json({"api_version": version, "columns": found, "findings": _plain(noticed)})
            return
        for model in models:
            _show(ctx, [one for one in found if one["sobject"] == model.sobject])
        ctx.line(f"API version {ctx.settings.api_version}")
        for one in noticed:
            subject = f"{one.sobject}.{one.subject}" if one.subject else one.sobject
            ctx.line(f"since {stamp(one.since)}  {subject}: {one.message}")


def _columns(
    model: type[SObject], known: list[FieldState], mark: Watermark | None
) -> Iterator[dict[str, Any]]:
    """Lay out an object's columns: the model's in its order, then those added."""
    states = {state.api_name: state for state in known}
    ours = [(one.column, one.api_name, str(one.kind)) for one in model.fields()]
    ours += [(one.column_name, one.api_name, one.kind) for one in known if one.added]
    waiting = (mark.skipped if mark else None) or "not pulled yet"
    for column, name, kind in ours:
        state = states.get(name)
        computed = bool(state.computed) if state else name in model.computed
        yield {
            "sobject": model.sobject,
            "table": model.table().name,
            "column": column,
            "field": name,
            "kind": kind,
            "org_type": state.org_type if state else None,
            "status": state.status if state else None,
            "added": bool(state and state.added),
            "computed": computed,
            "as_of": mark.computed_through if mark and computed else None,
            "since": state.since if state else None,
            "finding": (state.reason or "") if state else waiting,
        }


def _show(ctx: Context, columns: list[dict[str, Any]]) -> None:
    """Print one object's table; what several columns have in common is said once, below it."""
    ctx.line(f"{columns[0]['sobject']}, in the table {columns[0]['table']}:")
    rows = [[one["column"], one["field"], one["kind"], _said(one)] for one in columns]
    ctx.table(["COLUMN", "FIELD", "KIND", "STATUS"], rows)
    reasons: dict[str, list[str]] = {}
    for one in columns:
        if one["finding"]:
            reasons.setdefault(one["finding"], []).append(one["field"])
    for reason, names in reasons.items():
        everything = len(names) == len(columns)
        ctx.out.print(f"{'all' if everything else ', '.join(names)}: {reason}", markup=False)
    if computed := [one for one in columns if one["computed"]]:
        as_of = computed[0]["as_of"]
        ctx.line(f"computed fields: as of {stamp(as_of) if as_of else 'each last read'}")
    ctx.line("")


def _said(one: dict[str, Any]) -> str:
    """Say in a word or two what is not plain of a column."""
    said = [] if one["status"] in {None, FieldStatus.ACTIVE} else [one["status"]]
    said += ["added"] if one["added"] else []
    said += ["computed"] if one["computed"] else []
    return ", ".join(said)


def _plain(noticed: list[Finding]) -> list[dict[str, Any]]:
    return [one.model_dump() for one in noticed]
