"""What may be done to records: one by one, undone together, or by the org's own people."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError, not_found
from emulator.turns import VERSION, Turns, base, turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from emulator.assignment import Assignment
    from emulator.duplicates import Duplicates
    from emulator.errand import Errand
    from emulator.locks import Locks


class Records(Turns):
    """The writes of an org, and the rules that stand against them."""

    @property
    def assignment(self) -> Assignment:
        return self._engine.assignment

    @property
    def duplicates(self) -> Duplicates:
        return self._engine.duplicates

    @property
    def locks(self) -> Locks:
        return self._engine.locks

    @turn
    def find_by_external_id(self, sobject: str, field: str, value: Any) -> list[str]:
        return self._writes.find_by(self._known(sobject).name, field, value)

    @turn
    def create(
        self, sobject: str, fields: Mapping[str, Any], *, user_id: str, api: bool = True
    ) -> str:
        return self._writes.create(self._known(sobject).name, fields, user_id=user_id, api=api)

    @turn
    def update(
        self,
        sobject: str,
        record_id: str,
        fields: Mapping[str, Any],
        *,
        user_id: str,
        unmodified_since: datetime | None = None,
        api: bool = True,
    ) -> None:
        self._writes.update(
            self._known(sobject).name,
            record_id,
            fields,
            user_id=user_id,
            api=api,
            unmodified_since=unmodified_since,
        )

    @turn
    def delete(self, sobject: str, record_id: str, *, user_id: str, api: bool = True) -> None:
        self._writes.delete(self._known(sobject).name, record_id, user_id=user_id, api=api)

    @turn
    def upsert(
        self,
        sobject: str,
        ext_field: str,
        value: Any,
        fields: Mapping[str, Any],
        *,
        user_id: str,
        update_only: bool = False,
    ) -> tuple[str, bool]:
        """Update the row with that key or create it; return its Id and whether it is new."""
        view = self._known(sobject)
        found = self._writes.find_by(view.name, ext_field, value)
        key = view.lowered[ext_field.lower()].name
        if len(found) > 1:
            raise _several(view.name, found)
        if found:
            self._writes.update(view.name, found[0], fields, user_id=user_id, api=True)
            return found[0], False
        if update_only or key == "Id":
            raise not_found("The requested resource does not exist")
        whole = {**fields, key: value}
        return self._writes.create(view.name, whole, user_id=user_id, api=True), True

    @turn
    def hard_delete(self, sobject: str, record_id: str, *, user_id: str) -> None:
        """Delete a row past the recycle bin."""
        with self._engine.savepoint():
            self._writes.delete(self._known(sobject).name, record_id, user_id=user_id, api=True)
            self._bin.purge(record_id)

    @turn
    def undelete(self, ids: Sequence[str], *, user_id: str) -> None:
        for id_ in ids:
            self._bin.undelete(id_, user_id=user_id)

    @turn
    def purge(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            self._bin.purge(id_)

    @turn
    def merge_cases(
        self, master: str, losers: Sequence[str], *, user_id: str | None = None
    ) -> None:
        self._bin.merge("Case", master, losers, user_id=user_id or self.default_user_id)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo everything written inside when an exception leaves it."""
        with self._lock:
            self._catch_up()
            with self._engine.savepoint():
                yield

    @contextmanager
    def errand(self, errand: Errand) -> Iterator[None]:
        """Do what is written inside on somebody's errand."""
        with self._lock, self._engine.running(errand):
            yield

    @contextmanager
    def hold(self, seconds: float) -> Iterator[None]:
        """Write now, commit later: rows get the stamp of now and appear after the wait."""
        with self._lock, self._engine.holding(seconds):
            yield

    @turn
    def release_due(self) -> int:
        """Let late commits arrive (every call does) and tell how many are still to come."""
        return len(self._engine.late)

    @turn
    def burst(self, sobject: str, n: int) -> list[str]:
        """Give n live rows one stamp, as a mass update does; return their Ids."""
        thing = self._engine.thing(self._known(sobject).name)
        alive = '"IsDeleted" = 0' if thing.has_bin else "1"
        rows = self._tables.rows(thing, f"{alive} ORDER BY seq DESC LIMIT ?", (n,))
        busy = {late.change.id for late in self._engine.late}
        stamp = self._engine.stamp()
        with self._engine.savepoint():
            for row in rows:
                if row["Id"] not in busy:
                    change = self._engine.changed(
                        thing, row, {}, user_id=self.default_user_id, stamp=stamp
                    )
                    self._engine.apply(change)
        return [row["Id"] for row in rows if row["Id"] not in busy]

    @turn
    def recompute(self, sobject: str, record_id: str, fields: Mapping[str, Any]) -> None:
        """Give stored fields other values without moving a stamp, as roll-ups do."""
        thing = self._registry.whole(self._known(sobject).name)
        row = self._engine.live(thing, record_id)
        known = [field for field in thing.stored if field.name in fields]
        if len(known) < len(fields):
            raise ValueError(f"{thing.name} has no stored {', '.join(fields)}")
        self._tables.update(thing, row["Id"], fields)


def _several(name: str, ids: list[str]) -> ApiError:
    urls = [f"{base(VERSION)}/sobjects/{name}/{id_}" for id_ in ids]
    return ApiError(
        300, "MULTIPLE_RECORDS_FOUND", "external id is not unique", extra={"urls": urls}
    )
