"""An sObject: its names, its key prefix, what may be done with it, and its fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from emulator.schema.field import Field, boolean, moment, reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_ID = Field(name="Id", type="id", flags="", length=18, default="", id_lookup=True)
_DELETED = boolean("IsDeleted", "")
_AUDIT = (
    moment("CreatedDate", "", default=""),
    reference("CreatedById", "", "User", default=""),
    moment("LastModifiedDate", "", default=""),
    reference("LastModifiedById", "", "User", default=""),
    moment("SystemModstamp", "", default=""),
)
ALL = "create update delete"


@dataclass(frozen=True)
class SObject:
    """One kind of record; `allows` lists the writes that describe admits."""

    name: str
    prefix: str
    declared: tuple[Field, ...]
    allows: str = ALL
    label: str = ""
    plural: str = ""
    has_bin: bool = True
    searchable: bool = True
    created_only: bool = False

    @cached_property
    def fields(self) -> dict[str, Field]:
        system = (_DELETED,) if self.has_bin else ()
        audit = _AUDIT[:2] if self.created_only else _AUDIT
        return {field.name: field for field in (_ID, *system, *self.declared, *audit)}

    @cached_property
    def lowered(self) -> dict[str, Field]:
        return {name.lower(): field for name, field in self.fields.items()}

    @cached_property
    def relationships(self) -> dict[str, Field]:
        """Fields by the lower-case name of the parent they lead to."""
        found = ((field.relationship, field) for field in self.fields.values())
        return {name.lower(): field for name, field in found if name}

    @cached_property
    def stored(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields.values() if field.is_stored)

    @cached_property
    def unique(self) -> tuple[Field, ...]:
        return tuple(field for field in self.stored if field.unique)

    @property
    def title(self) -> str:
        return self.label or re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", self.name)

    @property
    def titles(self) -> str:
        return self.plural or f"{self.title}s"

    @property
    def stamp(self) -> str:
        """The best cursor the object has: history rows know only when they were made."""
        return "SystemModstamp" if "SystemModstamp" in self.fields else "CreatedDate"

    def can(self, verb: str) -> bool:
        return verb in self.allows.split()

    def without(self, names: Collection[str]) -> SObject:
        return replace(self, declared=tuple(f for f in self.declared if f.name not in names))

    def with_fields(self, fields: Iterable[Field]) -> SObject:
        return replace(self, declared=(*self.declared, *fields))
