"""The schema as one org has it: some objects switched off, fields hidden, added and removed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulator.errors import invalid_type
from emulator.schema.case import CASE, CASE_COMMENT, CASE_HISTORY, CASE_MILESTONE
from emulator.schema.contract import CONTRACT, CONTRACT_LINE_ITEM, SERVICE_CONTRACT
from emulator.schema.customer import (
    ACCOUNT,
    ASSET,
    CONTACT,
    PRICEBOOK2,
    PRICEBOOK_ENTRY,
    PRODUCT2,
)
from emulator.schema.entitlement import ENTITLEMENT, MILESTONE_TYPE, SLA_PROCESS
from emulator.schema.field import Field
from emulator.schema.knowledge import KNOWLEDGE_KA, KNOWLEDGE_KAV
from emulator.schema.organization import BUSINESS_HOURS, GROUP, ORGANIZATION, RECORD_TYPE, USER
from emulator.schema.work_order import SERVICE_TERRITORY, WORK_ORDER, WORK_ORDER_LINE_ITEM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from emulator.rights import Sight
    from emulator.schema.sobject import SObject

CATALOG = (
    *(ORGANIZATION, USER, GROUP, BUSINESS_HOURS, RECORD_TYPE),
    *(ACCOUNT, CONTACT, PRODUCT2, PRICEBOOK2, PRICEBOOK_ENTRY, ASSET),
    *(SLA_PROCESS, MILESTONE_TYPE, SERVICE_CONTRACT, CONTRACT_LINE_ITEM, CONTRACT, ENTITLEMENT),
    *(CASE, CASE_COMMENT, CASE_HISTORY, CASE_MILESTONE),
    *(SERVICE_TERRITORY, WORK_ORDER, WORK_ORDER_LINE_ITEM, KNOWLEDGE_KA, KNOWLEDGE_KAV),
)


class Registry:
    """What a user may see, and what is really there.

    `whole` is every stored column, for the rules; `find` is the view through permissions: those
    of the sight in force, of none when nobody in particular asks.
    """

    def __init__(self, born: datetime, without: Collection[str] = ()) -> None:
        self.without = frozenset(without)
        self._looks = 0
        self._sight: Sight | None = None
        self.added: dict[str, dict[str, dict[str, Any]]] = {}
        self.removed: dict[str, set[str]] = {}
        self.hidden: dict[str, set[str]] = {}
        self.hidden_objects: set[str] = set()
        self.with_hidden_rows: frozenset[str] = frozenset()
        self._whole = {sobject.name: sobject for sobject in CATALOG}
        self._born = born
        self._touched: dict[str, datetime] = {}
        self._look()

    def _look(self) -> None:
        self._looks += 1
        self._here = {
            name.lower(): sobject.without(self._unseen(sobject))
            for name, sobject in self._whole.items()
            if name not in self.without | self.hidden_objects
        }
        self._views: dict[Sight, dict[str, SObject]] = {}
        self._seen = self._view(self._sight)
        self._by_prefix = {sobject.prefix: sobject for sobject in self._whole.values()}

    def _unseen(self, sobject: SObject) -> set[str]:
        dangling = {
            field.name
            for field in sobject.fields.values()
            if field.to and self.without.issuperset(field.to)
        }
        return dangling | self.hidden.get(sobject.name, set())

    @property
    def version(self) -> tuple[int, Sight | None]:
        """Change with all that could make a query read differently, its asker included."""
        return self._looks, self._sight

    @contextmanager
    def through(self, sight: Sight | None) -> Iterator[None]:
        """Look through somebody's permissions while the context is open."""
        before, self._sight = self._sight, sight
        self._seen = self._view(sight)
        try:
            yield
        finally:
            self._sight = before
            self._seen = self._view(before)

    def _view(self, sight: Sight | None) -> dict[str, SObject]:
        if sight is None:
            return self._here
        if sight not in self._views:
            found = ((name, sight.view(sobject)) for name, sobject in self._here.items())
            self._views[sight] = {name: sobject for name, sobject in found if sobject}
        return self._views[sight]

    def row_test(self, name: str, alias: str) -> str:
        """Write SQL for the rows that the sight in force shows; empty where it shows all."""
        if self._sight is None:
            return ""
        return self._sight.row_test(self._whole[name], alias, self._whole.__getitem__)

    def above(self, name: str) -> Iterator[str]:
        """Name the objects that decide about the rows of one that has no owner."""
        parent = next((field for field in self._whole[name].stored if field.cascade), None)
        if parent is not None:
            yield parent.to[0]
            yield from self.above(parent.to[0])

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._seen.values())

    def find(self, name: str) -> SObject:
        """Return the visible object of that name, in any case, or refuse with INVALID_TYPE."""
        sobject = self._seen.get(name.lower())
        if sobject is None:
            raise invalid_type(name)
        return sobject

    def has(self, name: str) -> bool:
        return name.lower() in self._seen

    def whole(self, name: str) -> SObject:
        return self._whole[self.find(name).name]

    def every(self) -> Iterator[SObject]:
        return iter(self._whole.values())

    def of_id(self, record_id: str) -> SObject | None:
        return self._by_prefix.get(record_id[:3])

    def modified(self, name: str | None = None) -> datetime:
        since = self._sight.since if self._sight else self._born
        if name is None:
            return max(since, *self._touched.values(), self._born)
        return max(since, self._touched.get(self.find(name).name, self._born))

    def hide(self, name: str, field: str, at: datetime) -> None:
        sobject = self.whole(name)
        self.hidden.setdefault(sobject.name, set()).add(sobject.fields[field].name)
        self._touch(sobject.name, at)

    def show(self, name: str, field: str, at: datetime) -> None:
        sobject = self.whole(name)
        self.hidden.get(sobject.name, set()).discard(field)
        self._touch(sobject.name, at)

    def hide_object(self, name: str, at: datetime) -> None:
        sobject = self.find(name)
        self._touched[sobject.name] = at
        self.hidden_objects.add(sobject.name)
        self._look()

    def show_object(self, name: str, at: datetime) -> None:
        for one in [one for one in self.hidden_objects if one.lower() == name.lower()]:
            self.hidden_objects.discard(one)
            self._touch(one, at)

    def hide_rows(self, names: Collection[str]) -> None:
        """Note which objects have records out of the user's sight; what was read is void."""
        self.with_hidden_rows = frozenset(names)
        self._looks += 1

    def change(self, name: str, field: str, changes: Mapping[str, Any], at: datetime) -> Field:
        """Give a field another name or type; what is declared counts as removed and added."""
        sobject = self.whole(name)
        known = sobject.lowered[field.lower()]
        spec = self.added.get(sobject.name, {}).get(known.name) or _spec(known)
        hidden = known.name in self.hidden.get(sobject.name, set())
        wanted = _made({**spec, **changes})
        if wanted.name != known.name and wanted.name.lower() in sobject.lowered:
            raise ValueError(f"{sobject.name} has a field {wanted.name} already")
        self.remove(name, known.name, at)
        changed = self.add(name, {**spec, **changes}, at)
        if hidden:
            self.show(name, known.name, at)
            self.hide(name, changed.name, at)
        return changed

    def add(self, name: str, spec: Mapping[str, Any], at: datetime) -> Field:
        """Add a field; the mapping holds the arguments of Field, lists for tuples."""
        field = _made(spec)
        sobject = self.whole(name)
        if field.name.lower() in sobject.lowered:
            raise ValueError(f"{sobject.name} has a field {field.name} already")
        self._whole[sobject.name] = sobject.with_fields((field,))
        self.added.setdefault(sobject.name, {})[field.name] = dict(spec)
        self._touch(sobject.name, at)
        return field

    def remove(self, name: str, field: str, at: datetime) -> Field:
        sobject = self.whole(name)
        gone = sobject.fields[field]
        self._whole[sobject.name] = sobject.without({field})
        if self.added.get(sobject.name, {}).pop(field, None) is None:
            self.removed.setdefault(sobject.name, set()).add(field)
        self._touch(sobject.name, at)
        return gone

    def field(self, name: str, field: str) -> Field:
        found = self.whole(name).lowered.get(field.lower())
        if found is None:
            raise ValueError(f"{name} has no field {field}")
        return found

    def _touch(self, name: str, at: datetime) -> None:
        self._touched[name] = at
        self._look()

    def children(self, parent: str) -> Iterator[tuple[SObject, Field]]:
        """Every stored reference to an object: who would be left behind if it went."""
        for sobject in self._whole.values():
            for field in sobject.fields.values():
                if parent in field.to:
                    yield sobject, field


def _made(spec: Mapping[str, Any]) -> Field:
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.items()}
    try:
        return Field(**settings)
    except TypeError as error:
        raise ValueError(f"no such field can be: {error}") from error


def _spec(field: Field) -> dict[str, Any]:
    """Write a field as the arguments it would be added by."""
    plain = asdict(field)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}
