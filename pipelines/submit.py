"""Submission: commands are checked, then stored all together; refused ones leave no trace.

However many they are: what is checked lies in a file until all of it is, and the transaction that
stores it is as short as it can be.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection

from models.api_key import LOCAL
from models.command import Command, InvalidCommand
from models.digest import digest
from models.outbox import OutboxEntry
from pipelines import refusals
from pipelines.appending import Before, append, follow, fresh_of, put, waits_of
from pipelines.chunks import Chunk, Spool, broken
from pipelines.clerk import DOCUMENTS, Clerk, Rules, as_json, parents_of
from pipelines.intake import Intake
from pipelines.receipts import Progress, Receipt, Receipts
from pipelines.rehearsal import Rehearsal
from pipelines.validate import Problem
from pipelines.watch import NOBODY, Watch
from store import audit, dependencies, lanes, outbox, revival
from store.engine import Store
from store.outbox import Known, Row

Clock = Callable[[], datetime]
Beside = Callable[[Connection, Receipts], None]
"""What else is written in the transaction that stores a submission."""
_NOTHING: Beside = lambda _tx, _receipts: None  # noqa: E731 - a default
_Checked: TypeAlias = tuple[OutboxEntry, Row | None, list[Problem]]


def submitted(operator: str, clock: Clock) -> Beside:
    """Say who handed commands in, in the transaction that stores them."""

    def note(tx: Connection, receipts: Receipts) -> None:
        first = next(iter(receipts), None)
        if first is None:
            return
        detail = {"commands": receipts.total, "repeated": receipts.repeated}
        act, now = "command.submit", clock()
        audit.note(tx, operator=operator, act=act, subject=first.id, detail=detail, now=now)

    return note


@dataclass(frozen=True, kw_only=True)
class Desk(Rules):
    """Where commands are handed in: the one door for the command line, Python and messages."""

    clock: Clock
    watch: Watch = NOBODY

    def submit(
        self, commands: Iterable[Command], *, operator: str = LOCAL, beside: Beside = _NOTHING
    ) -> list[Receipt]:
        """Store all of these commands, or none; raises `Refused` with every reason.

        The audit names the operator beside each action that is refused since it is not enabled.
        """
        chunks = self._noted(Intake(self).commands(commands), operator)
        with self._stored(chunks, beside=beside) as receipts:
            return list(receipts)

    @contextmanager
    def submit_lines(
        self,
        lines: Iterable[str],
        *,
        operator: str = LOCAL,
        report: Callable[[Progress], None] = lambda _: None,
        beside: Beside = _NOTHING,
    ) -> Iterator[Receipts]:
        """Store commands, one JSON object a line, as `submit` does, however many there are.

        Raises `InvalidCommand` for a line that is none. The receipts are there until the block
        ends.
        """
        chunks = self._noted(Intake(self).lines(lines), operator)
        with self._stored(chunks, report, beside) as receipts:
            yield receipts

    def rehearse(self, commands: Iterable[Command], *, operator: str = LOCAL) -> Rehearsal:
        """Check as `submit` does, store nothing, and count the requests that it would lead to."""
        return self._rehearsed(self._noted(Intake(self).commands(commands), operator))

    def rehearse_lines(self, lines: Iterable[str], *, operator: str = LOCAL) -> Rehearsal:
        """Do the same for one JSON object a line."""
        return self._rehearsed(self._noted(Intake(self).lines(lines), operator))

    def admit(self, *, limit: int = 1_000) -> int:
        """Check rows that other programs inserted: each gets its lane, or a cause for refusal.

        Gives how many were refused.
        """
        with self.store.read() as tx:
            entries = outbox.unadmitted(tx, limit)
        # Describes may be asked for here, so no transaction is open; two workers may check the
        # same row, and come to the same result.
        clerk = Clerk(self)
        checked = [(entry, *_reread(entry, clerk)) for entry in entries]
        return self.store.write(lambda tx: self._admitted(tx, checked)) if checked else 0

    def _noted(self, chunks: Iterable[Chunk], operator: str) -> Iterator[Chunk]:
        with refusals.noted(operator, store=lambda: self.store, clock=self.clock):
            yield from chunks

    @contextmanager
    def _stored(
        self,
        chunks: Iterable[Chunk],
        report: Callable[[Progress], None] = lambda _: None,
        beside: Beside = _NOTHING,
    ) -> Iterator[Receipts]:
        with closing(Receipts()) as receipts:
            with self.watch.doing("command.submit") as deed, closing(Spool()) as spool:
                for chunk in chunks:
                    spool.add(chunk)
                    report(Progress(spool.commands, 0))

                def store(tx: Connection) -> None:
                    self._append_all(tx, spool, receipts, report)
                    beside(tx, receipts)

                self.store.write(store)
                deed.add(commands=receipts.total)
            yield receipts

    def _append_all(
        self, tx: Connection, spool: Spool, receipts: Receipts, report: Callable[[Progress], None]
    ) -> None:
        receipts.clear()
        trace = self.watch.context()
        with outbox.room(tx):
            for chunk in spool:
                receipts.add(*append(tx, chunk, now=self.clock(), trace=trace))
                report(Progress(spool.commands, receipts.total))
        outbox.take_stock(tx, added=spool.commands)

    def _rehearsed(self, chunks: Iterable[Chunk]) -> Rehearsal:
        found, before = Rehearsal(), Before()
        for chunk in chunks:
            with self.store.read() as tx:
                fresh = fresh_of(tx, chunk, before)
                waits_of(tx, fresh, before, held=False)
            named = set(fresh.named)
            stored = zip(fresh.ids, fresh.column("digest"), strict=True)
            before.ids.update({x: Known(x, digest) for x, digest in stored if x in named})
            found.add(len(chunk.ids), fresh)
        return found

    def _admitted(self, tx: Connection, checked: Iterable[_Checked]) -> int:
        if not lanes.may_admit(tx):
            return 0
        return sum(self._refused(tx, entry, row, found) for entry, row, found in checked)

    def _refused(
        self, tx: Connection, entry: OutboxEntry, row: Row | None, found: list[Problem]
    ) -> bool:
        """Give a row its lane; tell whether it was refused instead."""
        waits_for, lost = 0, None
        if row:
            documents = {name: json.loads(getattr(row, name) or "null") for name in DOCUMENTS}
            parents = parents_of(documents["depends_on"], documents["fields"])
            waits_for, lost = dependencies.link(tx, entry.id, parents)
        if lost:
            found = [broken(lost)]
        if row is None or found:
            text = "; ".join(str(problem) for problem in found)
            return revival.refuse(tx, entry.id, found[0].code, text, now=self.clock())
        settled = {"id", "idempotency_key", "digest"}
        values = {name: value for name, value in row._asdict().items() if name not in settled}
        values |= {**documents, "waits_for": waits_for}
        lanes.admit(tx, entry.id, values, now=self.clock())
        follow(tx, Chunk(outbox.columns_of([row])), self.clock())
        return False


def drop_in(
    command: Command,
    *,
    store: Store,
    now: datetime,
    key: str | None = None,
    trace: str | None = None,
) -> None:
    """Store a command unchecked, as any program may: it is admitted like all such rows.

    Raises `Refused` if its key or id is that of a command that does something else.
    """
    values = {name: getattr(command, name, None) for name in Row._fields}
    values["idempotency_key"] = command.idempotency_key or key
    values |= {"fields": as_json(command.fields), "depends_on": as_json(command.depends_on or None)}
    values["digest"] = digest(command)
    row = Row._make(values[name] for name in Row._fields)
    chunk, before = Chunk(outbox.columns_of([row]), [command.id], where=[(1, None)]), Before()
    with store.begin() as tx:
        put(tx, fresh_of(tx, chunk, before), before, now=now, trace=trace)


def read(entry: OutboxEntry) -> Command:
    """Read a row as the command it is; raises `InvalidCommand` for a row that is none."""
    columns: dict[str, Any] = {
        name: getattr(entry, name)
        for name in Command.__dataclass_fields__
        if getattr(entry, name) is not None
    }
    return Command.from_json(columns)


def _reread(entry: OutboxEntry, clerk: Clerk) -> tuple[Row | None, list[Problem]]:
    try:
        return clerk.check(read(entry))
    except InvalidCommand as error:
        return None, [Problem("INVALID_COMMAND", None, str(error))]
