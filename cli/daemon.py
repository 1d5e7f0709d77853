"""`scsync up`, `worker`, `scheduler`, `db upgrade`: the daemon, whole or one role each."""

import os

import typer

from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from store import migrate
from store.engine import Store
from worker.app import App
from worker.daemon import Daemon, run


def register(app: typer.Typer) -> None:
    @app.command(epilog="Example: SCSYNC_INTERVAL=30 scsync up")
    def up(typer_context: typer.Context) -> None:
        """Run the daemon: scheduler and worker in one process, until Ctrl-C."""
        _run(context(typer_context), works=True, schedules=True)

    @app.command(epilog="Example: SCSYNC_BROKER_URL=redis://localhost:6379/0 scsync worker")
    def worker(typer_context: typer.Context) -> None:
        """Run one worker; start as many as you like, on any number of machines."""
        _refuse_memory(context(typer_context))
        _run(context(typer_context), works=True, schedules=False)

    @app.command(epilog="Example: SCSYNC_BROKER_URL=redis://localhost:6379/0 scsync scheduler")
    def scheduler(typer_context: typer.Context) -> None:
        """Run the clock; several may run, exactly one acts."""
        _refuse_memory(context(typer_context))
        _run(context(typer_context), works=False, schedules=True)

    db = typer.Typer(help="The store's own shape.", no_args_is_help=True)
    app.add_typer(db, name="db")

    @db.command(epilog="Example: scsync db upgrade")
    def upgrade(typer_context: typer.Context, *, json: Json = False) -> None:
        """Bring the store to the shape this program knows (also done at start)."""
        ctx = context(typer_context)
        store = Store(ctx.settings.database_url)
        before, after = migrate.upgrade(store)
        store.close()
        if json:
            print_json({"before": before, "after": after})
        elif before == after:
            ctx.out.print(f"the store is up to date (revision {after})")
        else:
            ctx.out.print(f"the store went from revision {before or 'none'} to {after}")


def _run(ctx: Context, *, works: bool, schedules: bool) -> None:
    app = App(ctx.settings)
    # Fail now, with one clear line, rather than in a thread an hour later.
    _ = app.client
    daemon = Daemon(app, works=works, schedules=schedules)
    role = "daemon" if works and schedules else "worker" if works else "scheduler"

    def ready() -> None:
        ctx.say(f"scsync {role} runs as process {os.getpid()}; stop it with Ctrl-C or SIGTERM")

    run(daemon, ready=ready)


def _refuse_memory(ctx: Context) -> None:
    if ctx.settings.broker_url.startswith("memory"):
        raise ConfigError(
            "a role of its own needs a queue that others reach: set SCSYNC_BROKER_URL to "
            "redis://…, or run everything in one process with: scsync up"
        )
