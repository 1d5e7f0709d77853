"""The emulated org: every call a client, a test or the desk can make of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emulator import permission_set, replication
from emulator.articles import Articles
from emulator.bin import RecycleBin
from emulator.engine import Engine
from emulator.errors import entity_is_deleted, not_found
from emulator.ids import canonical
from emulator.manners import Manners
from emulator.queries import LARGEST_PAGE, Queries
from emulator.records import Records
from emulator.schema.registry import Registry
from emulator.seed import plant
from emulator.shape import Shape
from emulator.stamps import instant, utcnow, wire
from emulator.tables import Tables
from emulator.turns import VERSION, bare, turn
from emulator.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from emulator.results import Results, Style
    from emulator.rights import PermissionSet, Sight
    from emulator.schema.sobject import SObject
    from emulator.soql.render import Rendered


class Org(Shape, Articles, Records):
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
        if row is None or self._is_hidden(sobject, row["Id"]):
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
            id_ for id_ in wanted if id_.startswith(view.prefix) and not self._is_hidden(view, id_)
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
    def updated(self, sobject: str, start: datetime, end: datetime) -> dict[str, Any]:
        view = self._known(sobject)
        found = replication.updated(self._engine, view, start, end, self.now())
        shared = self._registry.row_test(view.name, "t0")
        if shared or view.name in self._registry.with_hidden_rows:
            found["ids"] = [id_ for id_ in found["ids"] if not self._is_hidden(view, id_)]
        return found

    @contextmanager
    def through(self, sight: Sight | None) -> Iterator[None]:
        """Let whoever asks inside see what its permissions show."""
        with self._lock, self._registry.through(sight):
            yield

    def sobject_of(self, record_id: str) -> str | None:
        """Tell an Id's sObject by its key prefix, if the user may see such an object."""
        found = self._registry.of_id(record_id)
        return found.name if found and self._registry.has(found.name) else None

    def objects(self) -> list[SObject]:
        """Give every object as it is, whoever may see it."""
        return list(self._registry.every())

    def permission_set(self, xml: str) -> PermissionSet:
        """Read a permission set against the org's schema."""
        with self._lock:
            return permission_set.read(xml, self._registry)

    @turn
    def deleted(self, sobject: str, start: datetime, end: datetime) -> dict[str, Any]:
        return replication.deleted(
            self._engine, self._known(sobject), start, end, self.now(), self.manners.log
        )

    @turn
    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the applied writes numbered after `since`, in order."""
        return self._engine.journal.since(since)
