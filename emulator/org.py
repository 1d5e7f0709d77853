"""The emulated org: every call a client, a test or the desk can make of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator import replication
from emulator.articles import Articles
from emulator.bin import RecycleBin
from emulator.engine import Engine
from emulator.errors import ApiError, entity_is_deleted, not_found
from emulator.ids import canonical
from emulator.manners import Manners
from emulator.queries import LARGEST_PAGE, Queries
from emulator.schema.registry import Registry
from emulator.seed import plant
from emulator.shape import Shape
from emulator.stamps import instant, utcnow, wire
from emulator.tables import Tables
from emulator.turns import VERSION, bare, base, turn
from emulator.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from emulator.results import Results, Style
    from emulator.soql.render import Rendered


class Org(Shape, Articles):
    """A Salesforce org in a SQLite database; see `Engine` for writes, `Queries` for reads."""

    def __init__(
        self,
        *,
        cases: int = 1000,
        seed: int = 1,
        path: str | None = None,
        clock: Callable[[], datetime] = utcnow,
        without: Collection[str] = (),
        organization: int = 1,
    ) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._tables = Tables(path)
        facts = self._tables.fact("org") or {"born": wire(clock()), "without": sorted(without)}
        self._registry = Registry(instant(facts["born"]), facts["without"])
        self._engine = Engine(self._registry, self._tables, clock)
        self._writes = Writes(self._engine)
        self._bin = RecycleBin(self._engine)
        self.manners = Manners()
        self._queries = Queries(self._registry, self._tables, clock, self.manners)
        if "id" not in facts:
            facts |= plant(self._tables, self._registry, cases=cases, seed=seed, now=clock())
            facts["id"] = self._tables.renumber(
                self._registry.whole("Organization"), facts["id"], organization
            )
            self._tables.keep("org", facts)
        else:
            self._restore_schema()
        self.id: str = facts["id"]
        self.default_user_id: str = facts["user_id"]
        self._engine.default_user_id = self.default_user_id
        self._engine.hours_id = facts["hours_id"]

    @turn
    def close(self) -> None:
        """Commit what is still to come, and let go of the file."""
        self._engine.release(None)
        self._tables.close()

    @turn
    def query(
        self,
        soql: str,
        *,
        version: str = VERSION,
        include_deleted: bool = False,
        batch_size: int = LARGEST_PAGE,
    ) -> Rendered:
        return self._queries.run(
            soql,
            version=bare(version),
            include_deleted=include_deleted,
            batch_size=batch_size,
        )

    @turn
    def query_more(self, locator: str, *, version: str = VERSION) -> Rendered:
        return self._queries.more(locator, version=bare(version))

    @turn
    def export(
        self, soql: str, *, include_deleted: bool, style: Style, refused: frozenset[str]
    ) -> tuple[str, Results]:
        return self._queries.export(
            soql, include_deleted=include_deleted, style=style, refused=refused
        )

    @turn
    def query_rows(self, soql: str, *, include_deleted: bool = False) -> list[dict[str, Any]]:
        return self._queries.records(soql, include_deleted=include_deleted, version=VERSION)

    @turn
    def retrieve(
        self,
        sobject: str,
        record_id: str,
        fields: Sequence[str] | None = None,
        *,
        version: str = VERSION,
    ) -> dict[str, Any]:
        row = self._row(sobject, record_id)
        view = self._known(sobject)
        wanted = fields or list(view.fields)
        return self._queries.by_id(view.name, [row["Id"]], wanted, bare(version))[row["Id"]]

    def _row(self, name: str, record_id: str) -> dict[str, Any]:
        sobject = self._registry.whole(self._known(name).name)
        found = canonical(record_id)
        row = self._tables.row(sobject, found) if found else None
        if row is None or self._tables.is_hidden(row["Id"]):
            raise not_found("Provided external ID field does not exist or is not accessible: Id")
        if row.get("IsDeleted"):
            raise entity_is_deleted()
        return row

    @turn
    def retrieve_many(
        self,
        sobject: str,
        ids: Sequence[str],
        fields: Sequence[str],
        *,
        version: str = VERSION,
    ) -> list[dict[str, Any] | None]:
        view = self._known(sobject)
        wanted = [canonical(id_) or "" for id_ in ids]
        ours = [
            id_ for id_ in wanted if id_.startswith(view.prefix) and not self._tables.is_hidden(id_)
        ]
        chosen = [*fields, "IsDeleted"] if view.has_bin else list(fields)
        asked = {field.lower() for field in fields}
        found = self._queries.by_id(view.name, ours, chosen, bare(version))
        for record in found.values():
            if "isdeleted" not in asked and view.has_bin and record.pop("IsDeleted"):
                record.clear()
        return [found.get(id_) or None for id_ in wanted]

    @turn
    def last_modified(self, sobject: str, record_id: str) -> datetime:
        row = self._row(sobject, record_id)
        return instant(row.get("LastModifiedDate") or row["CreatedDate"])

    @turn
    def user_by_username(self, name: str) -> str | None:
        rows = self._tables.rows(self._engine.thing("User"), '"Username" = ?', (name,))
        return rows[0]["Id"] if rows else None

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

    @turn
    def updated(self, sobject: str, start: datetime, end: datetime) -> dict[str, Any]:
        found = replication.updated(self._engine, self._known(sobject), start, end, self.now())
        if self._known(sobject).name in self._registry.with_hidden_rows:
            found["ids"] = [id_ for id_ in found["ids"] if not self._tables.is_hidden(id_)]
        return found

    @turn
    def deleted(self, sobject: str, start: datetime, end: datetime) -> dict[str, Any]:
        return replication.deleted(
            self._engine, self._known(sobject), start, end, self.now(), self.manners.log
        )

    @turn
    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the applied writes numbered after `since`, in order."""
        return self._engine.journal.since(since)


def _several(name: str, ids: list[str]) -> ApiError:
    urls = [f"{base(VERSION)}/sobjects/{name}/{id_}" for id_ in ids]
    return ApiError(
        300, "MULTIPLE_RECORDS_FOUND", "external id is not unique", extra={"urls": urls}
    )
