"""The emulated org: every call a client, a test or the desk can make of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from emulator import replication
from emulator.behaviour import knowledge
from emulator.bin import RecycleBin
from emulator.engine import Engine
from emulator.errors import ApiError, entity_is_deleted, not_found
from emulator.ids import canonical
from emulator.queries import LARGEST_PAGE, Queries
from emulator.schema.describe import describe_flags, describe_sobject
from emulator.schema.registry import Registry
from emulator.seed import plant
from emulator.stamps import instant, utcnow, wire
from emulator.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from emulator.schema.sobject import SObject
    from emulator.soql.render import Rendered

_P = ParamSpec("_P")
_R = TypeVar("_R")
VERSION = "67.0"
MASTER_TYPE = "012000000000000AAA"


def _turn(call: Callable[Concatenate[Org, _P], _R]) -> Callable[Concatenate[Org, _P], _R]:
    """Let one caller in at a time, after the late commits that are due."""

    @wraps(call)
    def taken(self: Org, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self._lock:
            self._catch_up()
            return call(self, *args, **kwargs)

    return taken


class Org:
    """A Salesforce org in a SQLite database; see `Engine` for writes, `Queries` for reads."""

    def __init__(
        self,
        *,
        cases: int = 1000,
        seed: int = 1,
        path: str | None = None,
        clock: Callable[[], datetime] = utcnow,
        without: Collection[str] = (),
    ) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._tables = Tables(path)
        facts = self._tables.fact("org") or {"born": wire(clock()), "without": sorted(without)}
        self._registry = Registry(instant(facts["born"]), facts["without"])
        self._engine = Engine(self._registry, self._tables, clock)
        self._bin = RecycleBin(self._engine)
        self._queries = Queries(self._registry, self._tables, clock)
        if "id" not in facts:
            facts |= plant(self._tables, self._registry, cases=cases, seed=seed, now=clock())
            self._tables.keep("org", facts)
        else:
            self._restore_schema()
        self.id: str = facts["id"]
        self.default_user_id: str = facts["user_id"]
        self._engine.default_user_id = self.default_user_id
        self._engine.hours_id = facts["hours_id"]

    def _restore_schema(self) -> None:
        """Open a file as it stood: the fields that were hidden, added and removed."""
        kept = self._tables.fact("schema") or {}
        now = self._clock()
        for name, specs in kept.get("added", {}).items():
            for spec in specs.values():
                self._registry.add(name, spec, now)
        for name, fields in kept.get("removed", {}).items():
            for field in fields:
                self._registry.remove(name, field, now)
        for name, fields in kept.get("hidden", {}).items():
            for field in fields:
                self._registry.hide(name, field, now)

    def _keep_schema(self) -> None:
        registry = self._registry
        hidden = {name: sorted(fields) for name, fields in registry.hidden.items()}
        removed = {name: sorted(fields) for name, fields in registry.removed.items()}
        facts = {"added": registry.added, "removed": removed, "hidden": hidden}
        self._tables.keep("schema", facts)

    def _catch_up(self) -> None:
        now = self._clock()
        self._engine.release(now)
        self._bin.age(now)

    def _known(self, name: str) -> SObject:
        if not self._registry.has(name):
            raise not_found()
        return self._registry.find(name)

    def now(self) -> datetime:
        return self._clock()

    @_turn
    def close(self) -> None:
        """Commit what is still to come, and let go of the file."""
        self._engine.release(None)
        self._tables.close()

    @_turn
    def describe_global(self, *, version: str = VERSION) -> dict[str, Any]:
        flags = [describe_flags(sobject, _base(version)) for sobject in self._registry]
        ordered = sorted(flags, key=lambda flag: str(flag["name"]))
        return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": ordered}

    @_turn
    def describe(self, sobject: str, *, version: str = VERSION) -> dict[str, Any]:
        view = self._known(sobject)
        types = self._record_types(view.name, _base(version))
        return describe_sobject(view, self._registry, _base(version), types)

    def _record_types(self, name: str, base: str) -> list[dict[str, Any]]:
        rows = self._tables.rows(self._engine.thing("RecordType"), '"SobjectType" = ?', (name,))
        master = {"Id": MASTER_TYPE, "Name": "Master", "DeveloperName": "Master", "IsActive": 1}
        return [
            {
                "active": bool(row["IsActive"]),
                "available": True,
                "defaultRecordTypeMapping": row is master,
                "developerName": row["DeveloperName"],
                "master": row is master,
                "name": row["Name"],
                "recordTypeId": row["Id"],
                "urls": {"layout": f"{base}/sobjects/{name}/describe/layouts/{row['Id']}"},
            }
            for row in (*rows, master)
        ]

    @_turn
    def schema_modified(self, sobject: str | None = None) -> datetime:
        return self._registry.modified(sobject and self._known(sobject).name)

    @_turn
    def hide_field(self, sobject: str, field: str) -> None:
        self._registry.hide(sobject, field, self.now())
        self._keep_schema()

    @_turn
    def show_field(self, sobject: str, field: str) -> None:
        self._registry.show(sobject, field, self.now())
        self._keep_schema()

    @_turn
    def add_field(self, sobject: str, spec: Mapping[str, Any]) -> None:
        field = self._registry.add(sobject, spec, self.now())
        self._tables.add_column(self._registry.find(sobject).name, field)
        self._keep_schema()

    @_turn
    def remove_field(self, sobject: str, field: str) -> None:
        gone = self._registry.remove(sobject, field, self.now())
        if gone.is_stored:
            self._tables.drop_column(self._registry.find(sobject).name, gone)
        self._keep_schema()

    @_turn
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
            version=_bare(version),
            include_deleted=include_deleted,
            batch_size=batch_size,
        )

    @_turn
    def query_more(self, locator: str, *, version: str = VERSION) -> Rendered:
        return self._queries.more(locator, version=_bare(version))

    @_turn
    def query_rows(self, soql: str, *, include_deleted: bool = False) -> list[dict[str, Any]]:
        return self._queries.records(soql, include_deleted=include_deleted, version=VERSION)

    @_turn
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
        return self._queries.by_id(view.name, [row["Id"]], wanted, _bare(version))[row["Id"]]

    def _row(self, name: str, record_id: str) -> dict[str, Any]:
        sobject = self._registry.whole(self._known(name).name)
        found = canonical(record_id)
        row = self._tables.row(sobject, found) if found else None
        if row is None:
            raise not_found("Provided external ID field does not exist or is not accessible: Id")
        if row.get("IsDeleted"):
            raise entity_is_deleted()
        return row

    @_turn
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
        ours = [id_ for id_ in wanted if id_.startswith(view.prefix)]
        chosen = [*fields, "IsDeleted"] if view.has_bin else list(fields)
        asked = {field.lower() for field in fields}
        found = self._queries.by_id(view.name, ours, chosen, _bare(version))
        for record in found.values():
            if "isdeleted" not in asked and view.has_bin and record.pop("IsDeleted"):
                record.clear()
        return [found.get(id_) or None for id_ in wanted]

    @_turn
    def last_modified(self, sobject: str, record_id: str) -> datetime:
        row = self._row(sobject, record_id)
        return instant(row.get("LastModifiedDate") or row["CreatedDate"])

    @_turn
    def user_by_username(self, name: str) -> str | None:
        rows = self._tables.rows(self._engine.thing("User"), '"Username" = ?', (name,))
        return rows[0]["Id"] if rows else None

    @_turn
    def find_by_external_id(self, sobject: str, field: str, value: Any) -> list[str]:
        return self._engine.find_by(self._known(sobject).name, field, value)

    @_turn
    def create(
        self, sobject: str, fields: Mapping[str, Any], *, user_id: str, api: bool = True
    ) -> str:
        return self._engine.create(self._known(sobject).name, fields, user_id=user_id, api=api)

    @_turn
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
        self._engine.update(
            self._known(sobject).name,
            record_id,
            fields,
            user_id=user_id,
            api=api,
            unmodified_since=unmodified_since,
        )

    @_turn
    def delete(self, sobject: str, record_id: str, *, user_id: str, api: bool = True) -> None:
        self._engine.delete(self._known(sobject).name, record_id, user_id=user_id, api=api)

    @_turn
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
        found = self._engine.find_by(view.name, ext_field, value)
        key = view.lowered[ext_field.lower()].name
        if len(found) > 1:
            raise _several(view.name, found)
        if found:
            self._engine.update(view.name, found[0], fields, user_id=user_id, api=True)
            return found[0], False
        if update_only or key == "Id":
            raise not_found("The requested resource does not exist")
        whole = {**fields, key: value}
        return self._engine.create(view.name, whole, user_id=user_id, api=True), True

    @_turn
    def undelete(self, ids: Sequence[str], *, user_id: str) -> None:
        for id_ in ids:
            self._bin.undelete(id_, user_id=user_id)

    @_turn
    def purge(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            self._bin.purge(id_)

    @_turn
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

    @_turn
    def release_due(self) -> int:
        """Let late commits arrive (every call does) and tell how many are still to come."""
        return len(self._engine.late)

    @_turn
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

    @_turn
    def updated(self, sobject: str, start: datetime, end: datetime) -> dict[str, Any]:
        return replication.updated(self._engine, self._known(sobject), start, end, self.now())

    @_turn
    def deleted(self, sobject: str, start: datetime, end: datetime) -> dict[str, Any]:
        return replication.deleted(self._engine, self._known(sobject), start, end, self.now())

    @_turn
    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the applied writes numbered after `since`, in order."""
        return self._engine.journal.since(since)

    @_turn
    def publish(self, kav_id: str, *, new_version: bool = True, user_id: str | None = None) -> None:
        with self._engine.savepoint():
            knowledge.publish(
                self._engine,
                kav_id,
                new_version=new_version,
                user_id=user_id or self.default_user_id,
            )

    @_turn
    def new_draft(self, article_id: str, *, user_id: str | None = None) -> str:
        with self._engine.savepoint():
            return knowledge.new_draft(
                self._engine, canonical(article_id) or "", user_id=user_id or self.default_user_id
            )

    @_turn
    def archive(self, kav_id: str, *, user_id: str | None = None) -> None:
        with self._engine.savepoint():
            knowledge.archive(self._engine, kav_id, user_id=user_id or self.default_user_id)

    @_turn
    def delete_version(self, kav_id: str, *, user_id: str | None = None) -> None:
        with self._engine.savepoint():
            knowledge.delete_version(self._engine, kav_id, user_id=user_id or self.default_user_id)


def _bare(version: str) -> str:
    return version.removeprefix("v")


def _base(version: str) -> str:
    return f"/services/data/v{_bare(version)}"


def _several(name: str, ids: list[str]) -> ApiError:
    urls = [f"{_base(VERSION)}/sobjects/{name}/{id_}" for id_ in ids]
    return ApiError(
        300, "MULTIPLE_RECORDS_FOUND", "external id is not unique", extra={"urls": urls}
    )
