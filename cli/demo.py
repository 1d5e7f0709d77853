"""`scsync demo`: the whole loop against an emulated org, said step by step."""

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from cli import verify
from cli.context import Context, context
from cli.emulated import EmulatedOrg
from cli.pull import cycle
from config import logs
from config.settings import ConfigError, Settings
from models.command import Command, Op
from pipelines.overview import overview
from pipelines.submit import Refused
from salesforce import soql
from store import outbox
from worker.app import App
from worker.daemon import Daemon

_MARKER = ".made-by-scsync-demo"
_PATIENCE = 60.0  # s for the daemon to finish the tour's commands


def register(app: typer.Typer) -> None:
    @app.command(epilog="Examples: scsync demo   |   scsync demo --once --cases 20000")
    def demo(
        typer_context: typer.Context,
        *,
        once: Annotated[bool, typer.Option(help="End after the tour.")] = False,
        cases: Annotated[
            int, typer.Option(min=200, max=1_000_000, help="Size of the emulated desk.")
        ] = 2000,
        folder: Annotated[
            Path, typer.Option("--dir", help="Where the store goes; made anew each time.")
        ] = Path("scsync-demo"),
    ) -> None:
        """See both directions at work, without a Salesforce account or any other server."""
        ctx = context(typer_context)
        _prepare(folder)
        with EmulatedOrg(cases) as org:
            Tour(ctx, org, folder, cases).run(once=once)


class Tour:
    """The steps of the demo, in order."""

    def __init__(self, ctx: Context, org: EmulatedOrg, folder: Path, cases: int) -> None:
        self._ctx = ctx
        self._org = org
        self._folder = folder
        self._cases = cases
        settings = _settings(org, folder)
        logs.configure(settings)
        self._app = App(settings)

    def run(self, *, once: bool) -> None:
        """Walk through; without `once` the daemon then runs on until Ctrl-C."""
        try:
            self._link()
            self._first_pull()
            self._changes_in_the_org()
            with self._daemon():
                self._commands()
                self._proof()
                self._farewell(once=once)
                if not once:
                    self._go_on()
        finally:
            self._app.close()

    def _link(self) -> None:
        self._step(1, "An org", f"{self._cases:,} cases at {self._org.url}, on this machine")
        self._app.link_from_settings()
        self._say("linked by OAuth; the tokens are stored encrypted")

    def _first_pull(self) -> None:
        self._step(2, "First pull", "org -> store, in pages, by (SystemModstamp, Id)")
        started = time.monotonic()
        results = [result for _, result in cycle(self._ctx, self._app, [])]
        rows = sum(result.rows_read for result in results)
        seconds = time.monotonic() - started
        self._say(f"{rows:,} rows of {len(results)} objects in {seconds:.1f} s")
        query = "SELECT status, count(*) FROM cases GROUP BY 1"
        self._say("look, from another terminal:")
        self._say(f"sqlite3 {self._folder}/scsync.db '{query}'")

    def _changes_in_the_org(self) -> None:
        self._step(3, "Agents work", "cases are opened, answered, closed and deleted in the org")
        for _ in range(40):
            self._org.act("tick")
        results = [result for _, result in cycle(self._ctx, self._app, [])]
        written = sum(result.rows_written for result in results)
        self._say(f"the next pull wrote {written:,} rows: only what changed")

    def _commands(self) -> None:
        self._step(4, "Commands", "store -> org: accepted, queued, applied, read back")
        commands = self._some_commands()
        self._app.desk.submit(commands)
        self._say(
            f"{len(commands)} accepted: create a case, comment on it, update, delete, publish"
        )
        try:
            self._app.desk.submit(
                [
                    Command(
                        op=Op.UPDATE,
                        sobject="Case",
                        record_id=self._case(0),
                        fields={"Priorty": "High"},
                    )
                ]
            )
        except Refused as error:
            self._say(f"refused before it is stored: {error.refusals[0].problems[0]}")
        self._wait_for_commands()

    def _some_commands(self) -> list[Command]:
        case = Command(
            op=Op.CREATE,
            sobject="Case",
            fields={"Subject": "The demo asks for help", "Origin": "Web", "Priority": "High"},
        )
        comment = Command(
            op=Op.CREATE,
            sobject="CaseComment",
            fields={"ParentId": {"$command": case.id}, "CommentBody": "On our way."},
        )
        updates = [
            Command(
                op=Op.UPDATE, sobject="Case", record_id=self._case(n), fields={"Priority": "High"}
            )
            for n in range(20)
        ]
        delete = Command(op=Op.DELETE, sobject="Case", record_id=self._case(30))
        drafts = self._ids("Knowledge__kav", "PublishStatus = 'Draft'", 1)
        publish = [Command(op=Op.PUBLISH, sobject="Knowledge__kav", record_id=i) for i in drafts]
        return [case, comment, *updates, delete, *publish]

    def _case(self, place: int) -> str:
        return self._open_cases[place]

    @cached_property
    def _open_cases(self) -> list[str]:
        return self._ids("Case", "IsClosed = false", 50)

    def _ids(self, sobject: str, where: str, limit: int) -> list[str]:
        query = soql.select(["Id"], sobject, where=where, order_by=["Id"], limit=limit)
        return [row["Id"] for row in self._app.client.query_page(query).records]

    def _wait_for_commands(self) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            with self._app.store.read() as tx:
                if not outbox.unfinished(tx):
                    break
            time.sleep(0.1)
        with self._app.store.read() as tx:
            counts = outbox.counts(tx)
        self._say(", ".join(f"{number} {state}" for state, number in counts.items()))

    def _proof(self) -> None:
        self._step(5, "Proof", "every record compared with the org, whatever the watermarks say")
        cycle(self._ctx, self._app, [])
        results = verify.compare(self._app, [], repair=False)
        found = overview(
            self._app.models, store=self._app.store, clock=self._app.clock, account=self._app.name
        )
        rows = {entry.sobject: entry for entry in found.objects}
        self._ctx.table(
            None,
            ["OBJECT", "ROWS", "DELETED", "IN THE ORG", "ORG AND STORE"],
            [
                [
                    one.sobject,
                    rows[one.sobject].rows,
                    rows[one.sobject].tombstones,
                    one.compared,
                    "equal" if not one.differences else f"{len(one.differences)} differ",
                ]
                for one in results
            ],
        )
        states = ", ".join(f"{number} {state}" for state, number in found.commands.items())
        self._ctx.out.print(f"commands: {states}")
        if any(one.differences for one in results):
            self._ctx.say("org and store differ: that must not be; please report it")
            raise typer.Exit(1)
        total = sum(one.compared for one in results)
        self._ctx.out.print(f"[bold]org and store agree on all {total:,} records[/]")

    def _farewell(self, *, once: bool) -> None:
        self._ctx.out.print(
            "\nWith an org of your own: put these into .env, then run `scsync up`.\n"
            "  SCSYNC_ENVIRONMENT=sandbox        # or production\n"
            "  SCSYNC_CLIENT_ID=...              # consumer key of your external client app\n"
            "  SCSYNC_CLIENT_SECRET=...\n"
            "  SCSYNC_REFRESH_TOKEN=..."
        )
        if not once:
            self._ctx.out.print(
                f"\nThe daemon runs on, pulling every 5 s; agents keep working. Look around:\n"
                f"  cd {self._folder} && scsync status\n"
                f"  cd {self._folder} && scsync submit update Case {self._case(1)} Priority=Low\n"
                "Ctrl-C ends it."
            )

    def _go_on(self) -> None:
        over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: over.set())
        while not over.wait(1.0):
            self._org.act("tick")

    @contextmanager
    def _daemon(self) -> Iterator[None]:
        daemon = Daemon(self._app)
        daemon.start()
        try:
            yield
        finally:
            daemon.stop()

    def _step(self, number: int, title: str, text: str) -> None:
        self._ctx.out.print(f"\n[bold]{number}/5 {title}[/]: {text}")

    def _say(self, text: str) -> None:
        self._ctx.out.print(f"    {text}", markup=False)


def _settings(org: EmulatedOrg, folder: Path) -> Settings:
    lines = {
        "SCSYNC_LOGIN_URL": org.url,
        "SCSYNC_CLIENT_ID": org.client_id,
        "SCSYNC_CLIENT_SECRET": org.client_secret,
        "SCSYNC_REFRESH_TOKEN": org.refresh_token,
        "SCSYNC_INTERVAL": "5",
    }
    # So that `cd scsync-demo && scsync status` finds the same store and org.
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    env = folder / ".env"
    env.touch(mode=0o600)
    env.write_text(text)
    return Settings(
        database_url=f"sqlite:///{(folder / 'scsync.db').resolve()}",
        broker_url="memory://",
        log_level="error",
        login_url=org.url,
        client_id=org.client_id,
        client_secret=SecretStr(org.client_secret),
        refresh_token=SecretStr(org.refresh_token),
        interval=5,
    )


def _prepare(folder: Path) -> None:
    """Make the folder anew, but never touch one that an earlier demo did not make."""
    if folder.exists() and not (folder / _MARKER).exists():
        raise ConfigError(f"{folder} exists and is not a demo's: choose another with --dir")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARKER).touch()
