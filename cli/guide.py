"""`scsync guide`: how to make the app in Salesforce, for the actions that are wanted."""

import sys
from dataclasses import asdict
from difflib import get_close_matches
from fnmatch import filter as matching
from pathlib import Path
from typing import Annotated

import typer

from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from models.access import Need
from models.action import ACTIONS
from pipelines.guide import Guide, Org, Wishes, callback_url, console_callback
from pipelines.guide import guide as written


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        epilog="Example: scsync guide --actions 'get_*,update_case' --environment sandbox",
    )
    def guide(
        typer_context: typer.Context,
        *,
        actions: Annotated[
            str | None, typer.Option(help="Names or globs with commas; else you are asked.")
        ] = None,
        environment: Annotated[
            Org | None, typer.Option(help="Where people log in; else by the settings.")
        ] = None,
        unattended: Annotated[
            bool | None,
            typer.Option(
                "--unattended/--interactive",
                help="Linked by a key or the app's own user, or by a person in a browser.",
            ),
        ] = None,
        all_records: Annotated[
            bool,
            typer.Option(
                "--all-records/--shared-records",
                help="Open every record to the user, or those that are shared with it.",
            ),
        ] = True,
        permission_set: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Write the permission set there, too.")
        ] = None,
        json: Json = False,
    ) -> None:
        """Say how to make the external client app, and what its user needs, step by step."""
        ctx = context(typer_context)
        port = ctx.settings.console_port
        asks = not json and sys.stdin.isatty()
        found = written(
            Wishes(
                actions=_chosen(ctx, actions, asks=asks),
                environment=environment or _environment(ctx, asks=asks),
                unattended=_is_unattended(unattended, asks=asks),
                callback_url=callback_url(ctx.settings.callback_port),
                console_callback=console_callback(port) if port else None,
                login_url=ctx.settings.login_url,
                all_records=all_records,
            )
        )
        if permission_set is not None:
            _write(permission_set, found.permission_set)
        if json:
            print_json(asdict(found))
            return
        _show(ctx, found, permission_set)


def _chosen(ctx: Context, given: str | None, *, asks: bool) -> list[str]:
    """Take the actions that are named, else those that a person types, else the enabled ones."""
    if given is None and asks:
        ctx.say(f"the actions are: {', '.join(ACTIONS)}")
        given = str(typer.prompt("which of them, names or globs", default="*", err=True))
    if given is None:
        return [name for name in ACTIONS if ctx.settings.allows(name)]
    wanted = {name for one in given.split(",") if one.strip() for name in _matching(one.strip())}
    if not wanted:
        raise ConfigError("--actions names none: see scsync action --list")
    return [name for name in ACTIONS if name in wanted]


def _matching(pattern: str) -> list[str]:
    found = matching(ACTIONS, pattern)
    if not found:
        near = get_close_matches(pattern, ACTIONS, 1)
        remedy = f"did you mean {near[0]}?" if near else "see scsync action --list"
        raise ConfigError(f"--actions: {pattern} is no action, and none matches it; {remedy}")
    return found


def _environment(ctx: Context, *, asks: bool) -> Org:
    usual = Org.MY_DOMAIN if ctx.settings.login_url else Org(ctx.settings.environment)
    if not asks:
        return usual
    answer = typer.prompt("which org", default=usual, type=Org, value_proc=_org, err=True)
    return Org(answer)


def _org(text: str) -> Org:
    try:
        return Org(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(Org)}") from None


def _is_unattended(given: bool | None, *, asks: bool) -> bool:  # noqa: FBT001 - an option
    if given is None and asks:
        return typer.confirm("to be linked unattended, without a browser?", err=True)
    return bool(given)


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--permission-set: {path}: {error.strerror}") from None


def _show(ctx: Context, found: Guide, path: Path | None) -> None:
    for number, step in enumerate(found.steps, 1):
        ctx.line(f"{number}. {step.title}")
        for detail in step.details:
            ctx.line(f"   - {detail}")
    ctx.line("\nWhat these actions need, object by object:")
    ctx.table(
        ["OBJECT", "CREATE", "READ", "EDIT", "DELETE", "FIELDS TO EDIT", "FIELDS TO READ"],
        [_row(need) for need in found.needs],
    )
    if path is None:
        ctx.line("\npermissionsets/scsync.permissionset-meta.xml:\n")
        ctx.line(found.permission_set)
    else:
        ctx.line(f"\nthe permission set was written to {path}")


def _row(need: Need) -> list[str]:
    marks = ["x" if has else "" for has in (need.create, need.read, need.edit, need.delete)]
    return [need.sobject, *marks, " ".join(need.editable), " ".join(need.readable)]
