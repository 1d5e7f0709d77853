"""A store whose writers die one after another, and what outbox, org and rows tell afterwards."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import case

from config.settings import Settings
from emulator.server import Emulator
from models import by_name
from models.outbox import Attempt, OutboxEntry
from pipelines.compare import stands
from store import listing, outbox
from store.conditions import commands, is_open
from store.engine import Store
from tests.pipelines.push.ground import Clock, settings_for
from tests.proof.ways import KEYLESS, Effect, Form, Story
from worker.app import App
from worker.bells import Bells

Entry = tuple[str, str, str, Form]
"""What the org's journal says of a write: op, sObject, record, fields."""

_LONG_AGO, _NEVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_USED = ("scsync_attempts", "scsync_dependencies", "scsync_commands", "scsync_leases")
_WRITES = (
    {"method": "PATCH"},
    {"method": "DELETE"},
    {"method": "POST", "path": r"/sobjects(/\w+)?$|/actions/|/ui-api/"},
)


class Mortals:
    """The process from which those that die are forked."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        with errors.open("w") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.proof.deaths"],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def run(self, settings: dict[str, Any], forms: Iterable[Form], step: str | None) -> None:
        """Have commands submitted and pushed, by one who dies at that step if it is named."""
        request = {"settings": settings, "forms": list(forms), "step": step}
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        code = self._server.stdout.readline().strip()
        assert code == ("0" if step is None else "-9"), self._errors.read_text()[-4000:]

    def close(self) -> None:
        self._server.communicate()


@dataclass(frozen=True)
class Line:
    """A command that is finished: what it was to do, and what the outbox tells of it."""

    effect: Effect | None
    entry: OutboxEntry
    attempts: list[Attempt]

    @property
    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(one.outcome, one.error_code) for one in self.attempts]

    @property
    def record(self) -> str:
        return self.entry.result_id or ""


class Scene:
    """One org and one store."""

    def __init__(self, org: Emulator, store: Store, mortals: Mortals) -> None:
        self.org = org
        self._store = store
        self._mortals = mortals
        url = store.url.render_as_string(hide_password=False)
        self._settings = settings_for(org, url, settle="1")
        self._first = App(self._settings)
        self._first.__dict__["store"] = store
        self._since = 0

    def close(self) -> None:
        self._first.client.close()
        self._first.budget.close()

    def app(self, clock: Clock | None = None) -> App:
        """Make a fresh process's parts, but for connections, and what the org looks like."""
        app = App(self._settings, clock=clock or Clock())
        for part in ("store", "client", "describes"):
            app.__dict__[part] = getattr(self._first, part)
        return app

    def warm(self, forms: list[Form]) -> None:
        """Read the org once, and have every part of the write path used."""
        self.pull("Case", "Knowledge__kav", *KEYLESS)
        self._mortals.run(_plain(self._settings), forms, None)

    def pull(self, *sobjects: str) -> None:
        for sobject in sobjects:
            self.app().puller().pull(by_name(sobject))

    def begin(self) -> None:
        """Forget all commands, as if the store were new."""
        self._empty(*_USED)
        known = [entry["seq"] for entry in self.org.journal(self._since)]
        self._since = max(known, default=self._since)

    def kill(self, step: str, stories: Sequence[Story]) -> None:
        """Have somebody submit and push these, and die at that step; nobody else is at work."""
        with self._store.begin() as tx:
            tx.execute(commands.update().where(is_open()).values(lease_until=_NEVER))
        self._empty("scsync_leases")
        forms = [told.form for story in stories for told in story]
        with self._lost_on_its_way() if step == "request sent" else nullcontext():
            self._mortals.run(_plain(self._settings), forms, step)

    @contextmanager
    def _lost_on_its_way(self) -> Iterator[None]:
        """See to it that the one request which is sent is never carried out."""
        for match in _WRITES:
            self.org.fault(match=match, do={"drop": "before"})
        yield
        deadline = time.monotonic() + 60
        while not any(rule["hits"] for rule in self.org.faults()):
            assert time.monotonic() < deadline, "the request never came"
            time.sleep(0.002)
        self.org.clear_faults()

    def recover(self) -> None:
        """Let the leases of the dead run out, and a fresh process work until nothing is left."""
        held = case((commands.c.lease_owner.is_not(None), _LONG_AGO))
        with self._store.begin() as tx:
            tx.execute(commands.update().where(is_open()).values(lease_until=held))
        clock = Clock()
        bells, rung = Bells(self.app(clock)), list[tuple[int, str]]()
        for _ in range(8):
            bells.sweep(lambda *bell: rung.append(bell))
            while rung:
                bells.answer(*rung.pop())
            with self._store.read() as tx:
                if not outbox.unfinished(tx):
                    return
            clock.advance(seconds=130)
        raise AssertionError("there is still something left")

    def told(self, stories: Sequence[Story]) -> list[list[Line]]:
        """Give what became of each command, by the outbox."""
        with self._store.read() as tx:
            entries = iter(sorted(listing.latest(tx, listing.Choice(), limit=1000), key=_place))
            pairs = [[(told, next(entries)) for told in story] for story in stories]
            return [
                [Line(told.effect, entry, outbox.attempts(tx, entry.id)) for told, entry in story]
                for story in pairs
            ]

    def journal(self) -> list[Entry]:
        """Give what the API wrote in the org, in order."""
        return [
            (entry["op"], entry["sobject"], entry["id"], _fields(entry))
            for entry in self.org.journal(self._since)
            if entry["api"]
        ]

    def shows(self, entry: Entry) -> bool:
        """Tell whether the store has a record as this write left it."""
        op, sobject, record_id, fields = entry
        model = by_name(sobject)
        with self._store.read() as tx:
            query = model.table().select().where(model.table().c.id == record_id)
            row = tx.execute(query).mappings().first()
        if row is None or op == "delete":
            return row is not None and bool(row["is_deleted"])
        found = {one.api_name: row[one.column] for one in model.fields()}
        return stands(fields, found) and not row["is_deleted"]

    def _empty(self, *tables: str) -> None:
        with self._store.begin() as tx:
            for table in tables:
                tx.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608


def written(lines: Sequence[Line], repeat: Effect | None = None) -> list[Entry]:
    """Say what the journal has to show of a story; of its first command again, if repeated."""
    records = {line.entry.id: line.record for line in lines}
    found = [
        (op, sobject, line.record, _resolved(fields, records))
        for line in lines
        if line.effect
        for op, sobject, fields in [line.effect]
    ]
    if repeat:
        found.insert(1, (repeat.op, repeat.sobject, lines[0].record, repeat.fields))
    return found


def _resolved(fields: Form, records: dict[str, str]) -> Form:
    return {
        name: records[value["$command"]] if isinstance(value, dict) else value
        for name, value in fields.items()
    }


def _fields(entry: dict[str, Any]) -> Form:
    """Give the fields of an entry; of a publication, which sets many, the one that matters."""
    fields: Form = entry["fields"]
    if "PublishStatus" in fields:
        return {"PublishStatus": fields["PublishStatus"]}
    return fields


def _plain(settings: Settings) -> dict[str, Any]:
    """Give the settings that were chosen, as another process can read them."""
    return {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for name, value in settings.model_dump(exclude_unset=True).items()
    }


def _place(entry: OutboxEntry) -> int:
    return entry.seq or 0
