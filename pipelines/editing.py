"""Edits as people ask for them: values as the fields take them, new names that the org knows."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from models.command import InvalidCommand
from models.edit import Edit
from pipelines import typed
from pipelines.describes import Describes
from pipelines.validate import unknown
from salesforce.errors import Rejected

_AS_IT_IS: Mapping[str, Any] = MappingProxyType({})


def asked(
    sobject: str,
    *,
    describes: Callable[[], Describes],
    values: Mapping[str, str],
    renamed: Mapping[str, str],
    dropped: Sequence[str],
    manners: Mapping[str, Any] = _AS_IT_IS,
) -> Edit:
    """Read an edit of commands on one sObject.

    The org's describe is asked for where it matters alone. Raises `InvalidCommand` for a new name
    that is none: many would be refused for it once more.
    """
    return Edit(
        values=typed.values(values, sobject, describes=describes()) if values else {},
        renamed={old: _name(sobject, new, describes()) for old, new in renamed.items()},
        dropped=tuple(dropped),
        manners=manners,
    )


def _name(sobject: str, name: str, describes: Describes) -> str:
    try:
        describe = describes.get(sobject)
    except Rejected:
        describe = None
    if describe is None:
        return name
    if field := describe.field(name):
        return field.name
    raise InvalidCommand(str(unknown(sobject, name, describe)))
