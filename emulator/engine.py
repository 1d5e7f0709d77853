"""The write side: one row at a time, by the rules of its object, stamped, journalled, undoable."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from emulator import entry
from emulator.assignment import Assignment
from emulator.behaviour import AFTER, BEFORE
from emulator.changes import Change, Late
from emulator.duplicates import Duplicates
from emulator.errand import OWN, Errand
from emulator.errors import bad, entity_is_deleted, locked, not_found
from emulator.ids import canonical
from emulator.journal import Journal
from emulator.locks import Locks
from emulator.stamps import wire
from emulator.unique import check_unique

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.schema.registry import Registry
    from emulator.schema.sobject import SObject
    from emulator.tables import Row, Tables


class Engine:
    """Creates, changes and removes rows; whatever follows from a write happens with it."""

    def __init__(self, registry: Registry, tables: Tables, clock: Callable[[], datetime]) -> None:
        self.registry = registry
        self.tables = tables
        self.journal = Journal()
        self.late: list[Late] = []
        self.assignment = Assignment(registry, tables)
        self.duplicates = Duplicates(registry, tables)
        self.locks = Locks()
        self.errand = OWN
        self.hours_id: str | None = None
        self.default_user_id = ""
        self._clock = clock
        self._last = wire(clock())
        self._held_for: timedelta | None = None

    def stamp(self) -> str:
        """Return the stamp of a write made now; it never goes back, whatever the clock does."""
        self._last = max(self._last, wire(self._clock()))
        return self._last

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        journalled, waiting = self.journal.last, len(self.late)
        try:
            with self.tables.savepoint():
                yield
        except BaseException:
            self.journal.rewind(journalled)
            del self.late[waiting:]
            raise

    @contextmanager
    def holding(self, seconds: float) -> Iterator[None]:
        """Commit what is written inside only so many seconds later, under today's stamp."""
        before, self._held_for = self._held_for, timedelta(seconds=seconds)
        try:
            yield
        finally:
            self._held_for = before

    @contextmanager
    def running(self, errand: Errand) -> Iterator[None]:
        """Do what is written inside on somebody's errand."""
        before, self.errand = self.errand, errand
        try:
            yield
        finally:
            self.errand = before

    def release(self, now: datetime | None) -> None:
        """Let late commits arrive: those due, or all when no time is given."""
        if not self.late or self.tables.depth:
            return
        due = [late for late in self.late if now is None or late.due <= now]
        self.late = [late for late in self.late if late not in due]
        for late in due:
            with self.savepoint():
                self.apply(late.change)

    def born(
        self,
        sobject: SObject,
        row: Row,
        *,
        user_id: str,
        stamp: str | None = None,
        given: Row | None = None,
        api: bool = False,
    ) -> Change:
        """Give a new row its Id, numbers and stamps."""
        stamp = stamp or self.stamp()
        id_ = self.tables.new_id(sobject)
        row |= self.assignment.decided(sobject, self.errand, creating=True)
        if before := BEFORE.get(sobject.name):
            before(self, None, row, stamp)
        for field in sobject.stored:
            if field.number_format and row.get(field.name) is None:
                number = self.tables.take(f"{sobject.name}.{field.name}")
                row[field.name] = field.number_format.format(number)
        audit = {
            "Id": id_,
            "CreatedDate": stamp,
            "CreatedById": user_id,
            "LastModifiedDate": stamp,
            "LastModifiedById": user_id,
            "SystemModstamp": stamp,
        }
        values = row | {name: value for name, value in audit.items() if name in sobject.fields}
        transport = self.errand.transport
        return Change(
            "create", sobject, id_, stamp, user_id, values, given or {}, None, api, transport
        )

    def changed(
        self,
        sobject: SObject,
        before: Row,
        given: Row,
        *,
        user_id: str,
        stamp: str | None = None,
        api: bool = False,
    ) -> Change:
        stamp = stamp or self.stamp()
        values = given | self.assignment.decided(sobject, self.errand, creating=False)
        if hook := BEFORE.get(sobject.name):
            hook(self, before, values, stamp)
        values |= self._touch(sobject, stamp, user_id)
        transport, id_ = self.errand.transport, before["Id"]
        change = Change(
            "update", sobject, id_, stamp, user_id, values, given, before, api, transport
        )
        check_unique(self, change)
        return change

    def removed(
        self, sobject: SObject, before: Row, stamp: str, user_id: str, *, api: bool = False
    ) -> Change:
        values = {"IsDeleted": 1, **self._touch(sobject, stamp, user_id)}
        transport, id_ = self.errand.transport, before["Id"]
        return Change("delete", sobject, id_, stamp, user_id, values, {}, before, api, transport)

    def live(self, sobject: SObject, id_: str) -> Row:
        """Return the row of an Id, refusing what is unknown, deleted or locked."""
        found = canonical(id_)
        if found is None or not found.startswith(sobject.prefix):
            raise bad(
                "MALFORMED_ID", f"{sobject.title} ID: id value of incorrect type: {id_}", "Id"
            )
        row = self.tables.row(sobject, found)
        if row is None:
            raise not_found("Provided external ID field does not exist or is not accessible: Id")
        if row.get("IsDeleted"):
            raise entity_is_deleted()
        if any(late.change.id == found for late in self.late):
            raise locked(found)
        return row

    def commit(self, change: Change) -> None:
        """Write a change that somebody asked for, if no rule and no lock stands against it."""
        self.duplicates.check(change, self.errand)
        self.locks.take(change, self.errand.flight)
        if self._held_for is None:
            self.apply(change)
        else:
            self.late.append(Late(self._clock() + self._held_for, change))

    def apply(self, change: Change) -> None:
        """Write a change to its table, with all that follows from it."""
        if change.op == "create":
            self.tables.insert(change.sobject, change.values)
        else:
            self.tables.update(change.sobject, change.id, change.values)
        self._note(change)
        if change.op == "delete":
            self._log_delete(change)
            self._cascade(change)
        if after := AFTER.get(change.sobject.name):
            after(self, change)

    def _note(self, change: Change) -> None:
        self.journal.note(
            at=wire(self._clock()),
            op=change.op,
            sobject=change.sobject.name,
            id=change.id,
            fields=dict(change.given),
            user_id=change.user_id,
            api=change.api,
            transport=change.transport,
        )

    def _log_delete(self, change: Change) -> None:
        self.tables.connection.execute(
            "INSERT OR REPLACE INTO emulator_deletes VALUES (?, ?, ?, 0)",
            (change.id, change.sobject.name, change.stamp),
        )

    def _cascade(self, change: Change) -> None:
        for child, field in self.registry.children(change.sobject.name):
            if field.cascade and child.has_bin:
                where = f'"{field.name}" = ? AND "IsDeleted" = 0'
                for row in self.tables.rows(child, where, (change.id,)):
                    self.apply(self.removed(child, row, change.stamp, change.user_id))

    def add(self, name: str, values: Row, cause: Change) -> str:
        """Create a row that follows from a change, under the same stamp and user."""
        sobject = self.thing(name)
        row = entry.with_defaults(sobject, values, user_id=cause.user_id, hours_id=self.hours_id)
        change = self.born(sobject, row, user_id=cause.user_id, stamp=cause.stamp)
        self.apply(change)
        return change.id

    def amend(self, name: str, id_: str, values: Row, cause: Change) -> None:
        """Change a row because another changed, under the same stamp and user."""
        sobject = self.thing(name)
        before = self.tables.row(sobject, id_)
        if before and not before.get("IsDeleted"):
            change = self.changed(sobject, before, values, user_id=cause.user_id, stamp=cause.stamp)
            self.apply(change)

    def thing(self, name: str) -> SObject:
        return next(sobject for sobject in self.registry.every() if sobject.name == name)

    def _touch(self, sobject: SObject, stamp: str, user_id: str) -> Row:
        touched = {
            "LastModifiedDate": stamp,
            "LastModifiedById": user_id,
            "SystemModstamp": stamp,
        }
        return {name: value for name, value in touched.items() if name in sobject.fields}
