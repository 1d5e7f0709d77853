"""`scsync up`, `worker`, `scheduler`, `db upgrade`: the daemon, whole or one role each."""

import os

import typer

from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from console.serving import beside
from store import migrate, places
from store.engine import Store
from worker.daemon import Daemon, run


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: SCSYNC_INTERVAL=30 scsync up")
    def up(typer_context: typer.Context, *, json: Json = False) -> None:
        """Run the daemon: scheduler and worker in one process, until Ctrl-C."""
        _run(context(typer_context), "daemon", json=json)

    @app.command(
        rich_help_panel=panel,
        epilog="Example: SCSYNC_BROKER_URL=redis://localhost:6379/0 scsync worker",
    )
    def worker(typer_context: typer.Context, *, json: Json = False) -> None:
        """Run one worker; start as many as you like, on any number of machines."""
        _run(context(typer_context), "worker", json=json)

    @app.command(
        rich_help_panel=panel,
        epilog="Example: SCSYNC_BROKER_URL=redis://localhost:6379/0 scsync scheduler",
    )
    def scheduler(typer_context: typer.Context, *, json: Json = False) -> None:
        """Run the clock; several may run, exactly one acts."""
        _run(context(typer_context), "scheduler", json=json)

    db = typer.Typer(
        help="Migrate the store.", epilog="Example: scsync db upgrade", no_args_is_help=True
    )
    app.add_typer(db, name="db", rich_help_panel=panel)

    @db.command(epilog="Example: scsync db upgrade")
    def upgrade(typer_context: typer.Context, *, json: Json = False) -> None:
        """Bring the store to the shape this program knows (also done at start)."""
        ctx = context(typer_context)
        store = Store(places.place(ctx.settings.database_url, ctx.settings.account))
        before, after = migrate.upgrade(store)
        store.close()
        if json:
            print_json({"before": before, "after": after})
        elif before == after:
            ctx.line(f"the store is up to date (revision {after})")
        else:
            ctx.line(f"the store went from revision {before or 'none'} to {after}")


def _run(ctx: Context, role: str, *, json: bool) -> None:
    if role != "daemon" and ctx.settings.broker_url.startswith("memory"):
        raise ConfigError(
            "a role of its own needs a queue that others reach: set SCSYNC_BROKER_URL to "
            "redis://…, or run everything in one process with: scsync up"
        )
    app = ctx.open()
    # Fail now, with one clear line, rather than in a thread an hour later.
    _ = app.client
    daemon = Daemon(app, works=role != "scheduler", schedules=role != "worker")

    def ready() -> None:
        if role == "daemon":
            # Here, not earlier: its thread must inherit that signals are waited for elsewhere.
            beside(app)
        if json:
            print_json({"role": role, "process": os.getpid()})
        else:
            ctx.say(f"scsync {role} runs as process {os.getpid()}; stop it by Ctrl-C or SIGTERM")

    run(daemon, ready=ready)
