"""The tour of `scsync demo`: each step says what happens, and what to look at."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import typer
from sqlalchemy import text

from cli import verify
from cli.context import FAILED, Context, print_json
from cli.emulated import EmulatedOrg
from cli.pull import cycle
from console.serving import Serving
from models.command import Command, Op
from pipelines.overview import Overview
from pipelines.pull import Pulled
from pipelines.receipts import Refused
from pipelines.verify import Verified
from salesforce import soql
from store import outbox
from worker.app import App
from worker.daemon import Daemon

_PATIENCE = 60.0  # s for the daemon to finish the tour's commands
_QUERY = "SELECT status, count(*) FROM cases WHERE NOT is_deleted GROUP BY 1"


class Tour:
    """The steps of the demo, in order."""

    def __init__(
        self, ctx: Context, org: EmulatedOrg, app: App, *, enter: str, program: str, here: str
    ) -> None:
        self._ctx = ctx
        self._org = org
        self._app = app
        self._enter = enter
        self._program = program
        self._here = here

    def walk(self, *, json: bool) -> None:
        """Take all five steps; raises `Exit` when org and store do not agree in the end."""
        self._link()
        self._first_pull()
        self._changes_in_the_org()
        self._commands()
        self._proof(json=json)
        self._farewell()

    def look_around(self, console: Serving) -> None:
        """Say what else there is to see while everything runs on."""
        case = self._open_cases[1]
        self._ctx.line("\nThe daemon pulls every 5 s, agents keep working. From another terminal:")
        for words in ("status", f"submit update Case {case} Priority=Low", "commands list"):
            self._ctx.line(f"  {self._enter} {self._program} {words}")
        usual = self._app.settings.console_port
        taken = f" (another program has port {usual})" if console.port != usual else ""
        self._ctx.line(f"In a browser: {console.url}{taken}")
        self._ctx.line("Ctrl-C ends it.")

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Have a daemon at hand; the tour starts it before the first command."""
        self._daemon = Daemon(self._app)
        self._runs = False
        try:
            yield
        finally:
            if self._runs:
                self._daemon.stop()

    def _link(self) -> None:
        self._step(1, "An org", f"{self._org.cases:,} cases at {self._org.url}, on this machine")
        self._app.link_from_settings()
        self._say("linked by OAuth; the tokens are stored encrypted")

    def _first_pull(self) -> None:
        self._step(2, "First pull", "org -> store, in pages, by (SystemModstamp, Id)")
        started = time.monotonic()
        results = self._pull()
        rows = sum(result.rows_read for result in results)
        seconds = time.monotonic() - started
        self._say(f"{rows:,} rows of {len(results)} objects in {seconds:.1f} s; ask them:")
        self._say(_QUERY)
        with self._app.store.read() as tx:
            counts = tx.execute(text(f"{_QUERY} ORDER BY 2 DESC")).all()
        self._say("  ".join(f"{status} {number:,}" for status, number in counts))
        if shutil.which("sqlite3"):
            self._say("yourself, from another terminal:")
            self._say(f"{self._enter} sqlite3 scsync.db '{_QUERY}'")

    def _changes_in_the_org(self) -> None:
        self._step(3, "Agents work", "cases are opened, answered, closed, deleted in the org")
        for _ in range(40):
            self._org.act("tick")
        written = sum(result.rows_written for result in self._pull())
        self._say(f"the next pull wrote {written:,} rows: only what changed")

    def _commands(self) -> None:
        self._step(4, "Commands", "store -> org: accepted, queued, applied, read back")
        self._daemon.start()
        self._runs = True
        commands = self._some_commands()
        self._app.desk.submit(commands)
        updates = sum(one.op is Op.UPDATE for one in commands)
        self._say(f"{len(commands)} accepted: create a case and comment on it, update {updates},")
        self._say("delete one, publish an article; a daemon sends them by its own clock")
        misspelt = Command(
            op=Op.UPDATE,
            sobject="Case",
            record_id=self._open_cases[0],
            fields={"Priorty": "High"},
        )
        try:
            self._app.desk.submit([misspelt])
        except Refused as error:
            self._say("a misspelt one is refused before it is stored:")
            self._say(f"  {error.refusals[0].problems[0]}")
        self._say(self._settled())

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
        *chosen, last = self._open_cases[:21]
        updates = [
            Command(op=Op.UPDATE, sobject="Case", record_id=one, fields={"Priority": "High"})
            for one in chosen
        ]
        delete = Command(op=Op.DELETE, sobject="Case", record_id=last)
        drafts = self._ids("Knowledge__kav", "PublishStatus = 'Draft'", 1)
        publish = [Command(op=Op.PUBLISH, sobject="Knowledge__kav", record_id=i) for i in drafts]
        return [case, comment, *updates, delete, *publish]

    @cached_property
    def _open_cases(self) -> list[str]:
        return self._ids("Case", "IsClosed = false", 21)

    def _ids(self, sobject: str, where: str, limit: int) -> list[str]:
        query = soql.select(["Id"], sobject, where=where, order_by=["Id"], limit=limit)
        return [row["Id"] for row in self._app.client.query_page(query).records]

    def _settled(self) -> str:
        """Wait for the daemon; say how many commands stand where."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            with self._app.store.read() as tx:
                if not outbox.unfinished(tx):
                    break
            time.sleep(0.1)
        with self._app.store.read() as tx:
            return ", ".join(f"{number} {state}" for state, number in outbox.counts(tx).items())

    def _pull(self) -> list[Pulled]:
        return cycle(self._ctx, self._app, [])

    def _proof(self, *, json: bool) -> None:
        self._step(5, "Proof", "every record compared with the org, whatever watermarks say")
        self._pull()
        results, _ = verify.compare(self._ctx, self._app, [], repair=False)
        found = self._app.overview()
        self._show(results, found)
        agree = not any(one.differences for one in results)
        total = sum(one.compared for one in results)
        if json:
            print_json({"compared": total, "agree": agree, "commands": found.commands})
        if not agree:
            self._ctx.say("org and store differ: that must not be; please report it")
            raise typer.Exit(FAILED)
        self._ctx.out.print(f"[bold]org and store agree on all {total:,} records[/]")

    def _show(self, results: list[Verified], found: Overview) -> None:
        rows = {entry.sobject: entry for entry in found.objects}
        self._ctx.table(
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
        self._ctx.line(f"commands: {states}")

    def _farewell(self) -> None:
        self._ctx.line(
            "\nWith an org of your own: put these into .env, mode 0600:\n"
            "  SCSYNC_ENVIRONMENT=sandbox        # or production\n"
            "  SCSYNC_CLIENT_ID=...              # consumer key of your external client app\n"
            "  SCSYNC_CLIENT_SECRET=...\n"
            "  SCSYNC_REFRESH_TOKEN=...\n"
            f"and then: {self._here} doctor && {self._here} up"
        )

    def _step(self, number: int, title: str, meaning: str) -> None:
        self._ctx.out.print(f"\n[bold]{number}/5 {title}[/]: {meaning}", soft_wrap=True)

    def _say(self, words: str) -> None:
        self._ctx.line(f"    {words}")
