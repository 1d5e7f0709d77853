"""A field of an sObject, and the short words that declare one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT_TYPES = frozenset(
    [
        "string",
        "textarea",
        "email",
        "phone",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
    ]
)
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})
LONG_TEXT = 255  # longer text areas cannot be filtered or sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of an sObject with all that describe and the write rules need to know.

    `flags` holds n for nillable, c for createable, u for updateable.
    `expression` is SQL for values computed when read: `{t}` is the row, `:today` and `:now` the
    clock, `reads` the other table it looks into.
    """

    name: str
    type: str
    flags: str = "ncu"
    length: int = 0
    precision: int = 0
    scale: int = 0
    to: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    restricted: bool = False
    default: Any = None
    default_picked: bool = False
    unique: bool = False
    case_sensitive: bool = False
    external_id: bool = False
    id_lookup: bool = False
    name_field: bool = False
    html: bool = False
    number_format: str = ""
    expression: str = ""
    reads: str = ""
    filterable: bool = True
    cascade: bool = False
    restrict: bool = False
    tracked: bool = False
    parts: tuple[str, ...] = ()
    compound: str | None = None
    children: str | None = None

    @property
    def nillable(self) -> bool:
        return "n" in self.flags

    @property
    def createable(self) -> bool:
        return "c" in self.flags

    @property
    def updateable(self) -> bool:
        return "u" in self.flags

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def relationship(self) -> str | None:
        """The name a parent is reached by in SOQL: OwnerId gives Owner, X__c gives X__r."""
        if not self.to:
            return None
        return self.name[:-3] + "__r" if self.custom else self.name.removesuffix("Id")

    @property
    def defaulted(self) -> bool:
        return self.default is not None or self.default_picked or self.type == "boolean"

    @property
    def required(self) -> bool:
        return self.createable and not self.nillable and not self.defaulted

    @property
    def is_long(self) -> bool:
        return self.type == "textarea" and self.length > LONG_TEXT

    @property
    def can_filter(self) -> bool:
        return self.filterable and not self.is_long

    @property
    def label(self) -> str:
        bare = self.name.removesuffix("__c").replace("_", " ")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", bare)

    @property
    def column(self) -> str:
        """The SQLite column: text compares without case, Ids and stamps byte by byte."""
        if self.type == "boolean":
            return f'"{self.name}" INTEGER NOT NULL DEFAULT 0'
        kind = "INTEGER" if self.type == "int" else "REAL"
        if self.type not in NUMBER_TYPES:
            folds = self.type in TEXT_TYPES and not self.case_sensitive
            kind = "TEXT COLLATE NOCASE" if folds else "TEXT"
        return f'"{self.name}" {kind}'

    @property
    def is_stored(self) -> bool:
        return not self.expression and not self.parts


def text(name: str, flags: str = "ncu", length: int = 255, **more: Any) -> Field:
    return Field(name=name, type="string", flags=flags, length=length, **more)


def area(name: str, flags: str = "ncu", length: int = 32000, **more: Any) -> Field:
    return Field(name=name, type="textarea", flags=flags, length=length, **more)


def pick(name: str, flags: str = "ncu", values: str = "", length: int = 255, **more: Any) -> Field:
    """Declare a picklist from its values, parted by `|`."""
    given = tuple(values.split("|")) if values else ()
    return Field(name=name, type="picklist", flags=flags, length=length, values=given, **more)


def reference(name: str, flags: str = "ncu", to: str = "", **more: Any) -> Field:
    target = tuple(to.split()) or (name.removesuffix("Id"),)
    return Field(name=name, type="reference", flags=flags, length=18, to=target, **more)


def boolean(name: str, flags: str = "cu", **more: Any) -> Field:
    return Field(name=name, type="boolean", flags=flags, **more)


def moment(name: str, flags: str = "ncu", **more: Any) -> Field:
    return Field(name=name, type="datetime", flags=flags, **more)


def day(name: str, flags: str = "ncu", **more: Any) -> Field:
    return Field(name=name, type="date", flags=flags, **more)


def integer(name: str, flags: str = "ncu", **more: Any) -> Field:
    return Field(name=name, type="int", flags=flags, **more)


def double(
    name: str, flags: str = "ncu", precision: int = 18, scale: int = 2, **more: Any
) -> Field:
    return Field(name=name, type="double", flags=flags, precision=precision, scale=scale, **more)


def money(name: str, flags: str = "ncu", precision: int = 18, scale: int = 2, **more: Any) -> Field:
    return Field(name=name, type="currency", flags=flags, precision=precision, scale=scale, **more)


def percent(name: str, flags: str = "ncu", **more: Any) -> Field:
    return Field(name=name, type="percent", flags=flags, precision=5, scale=2, **more)


def phone(name: str, flags: str = "ncu", length: int = 40, **more: Any) -> Field:
    return Field(name=name, type="phone", flags=flags, length=length, **more)


def email(name: str, flags: str = "ncu", length: int = 80, **more: Any) -> Field:
    return Field(name=name, type="email", flags=flags, length=length, **more)


def url(name: str, flags: str = "ncu", length: int = 255, **more: Any) -> Field:
    return Field(name=name, type="url", flags=flags, length=length, **more)


def auto_number(name: str, shape: str, length: int = 30, **more: Any) -> Field:
    return text(name, "", length, number_format=shape, **more)


def each(kind: Callable[..., Field], names: str, *args: Any, **more: Any) -> tuple[Field, ...]:
    """Declare several fields alike, as one row of the fact sheet does."""
    return tuple(kind(name, *args, **more) for name in names.split())


def sync_key() -> Field:
    """Declare the unique external id by which a repeated create becomes an update."""
    return text("Sync_Key__c", "ncu", 64, unique=True, external_id=True, id_lookup=True)


def address(prefix: str = "", compound: str = "") -> tuple[Field, ...]:
    """Declare the writable parts of an address and the read-only compound of them."""
    whole = compound or f"{prefix}Address"
    parts = (
        text(f"{prefix}Street", length=255, compound=whole),
        text(f"{prefix}City", length=40, compound=whole),
        text(f"{prefix}State", length=80, compound=whole),
        text(f"{prefix}PostalCode", length=20, compound=whole),
        text(f"{prefix}Country", length=80, compound=whole),
        double(f"{prefix}Latitude", precision=18, scale=15, compound=whole),
        double(f"{prefix}Longitude", precision=18, scale=15, compound=whole),
        pick(f"{prefix}GeocodeAccuracy", values=ACCURACIES, length=40, compound=whole),
    )
    names = tuple(part.name for part in parts)
    return (*parts, Field(name=whole, type="address", flags="n", parts=names, filterable=False))


ACCURACIES = "Address|NearAddress|Block|Street|ExtendedZip|Zip|Neighborhood|City|County|State"
