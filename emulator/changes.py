"""A write, decided but perhaps not yet visible: what late commits keep aside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from emulator.schema.sobject import SObject


@dataclass(frozen=True, slots=True)
class Change:
    """One row's write: `values` go to the table, `given` is what the writer asked for."""

    op: str
    sobject: SObject
    id: str
    stamp: str
    user_id: str
    values: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    api: bool = True
    transport: str = "org"

    @property
    def after(self) -> dict[str, Any]:
        return (self.before or {}) | self.values


@dataclass(frozen=True, slots=True)
class Late:
    """A change that commits at `due`, with the stamp it was given when it was made."""

    due: datetime
    change: Change
