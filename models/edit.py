"""An edit: what is to become of the fields of commands that failed, and of how they are done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.command import Fields


@dataclass(frozen=True, kw_only=True)
class Edit:
    """New values, new names, fields to be dropped; names are compared without regard to case."""

    values: Fields = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The new name of each field, by its old one."""
    dropped: tuple[str, ...] = ()
    manners: Mapping[str, Any] = field(default_factory=dict)
    """How the command is done, beside what, as it holds that."""

    def __bool__(self) -> bool:
        return bool(self.values or self.renamed or self.dropped or self.manners)

    def of(self, fields: Fields) -> Fields | None:
        """Give a command's fields as they are to be; None where this edit is not about it.

        It lacks a field that is to be renamed or dropped, or has one of the new name already.
        """
        held = {name.lower() for name in fields}
        names = {old.lower(): new for old, new in self.renamed.items()}
        dropped = {name.lower() for name in self.dropped}
        taken = any(new.lower() in held - {old} for old, new in names.items())
        if taken or not held >= names.keys() | dropped:
            return None
        gone = dropped | {name.lower() for name in self.values}
        kept = {
            names.get(name.lower(), name): value
            for name, value in fields.items()
            if name in self.values or name.lower() not in gone
        }
        return {**kept, **self.values}
