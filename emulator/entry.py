"""From what a client sends to what a row holds: names, permissions, types, references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.errors import bad
from emulator.rules import missing, read_only, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from emulator.schema.field import Field
    from emulator.schema.registry import Registry
    from emulator.schema.sobject import SObject
    from emulator.tables import Tables

Values = dict[str, Any]


def accept(
    view: SObject,
    fields: Mapping[str, Any],
    *,
    creating: bool,
    resolve: Callable[[Field, Mapping[str, Any]], str],
) -> Values:
    """Return stored values under their proper names, or refuse the whole row."""
    chosen: dict[str, tuple[Field, Any]] = {}
    for name, value in fields.items():
        if name.lower() == "attributes":
            continue
        field = view.lowered.get(name.lower())
        if field is None and isinstance(value, dict):
            field = view.relationships.get(name.lower())
            value = resolve(field, value) if field else value  # noqa: PLW2901 - the parent's Id takes its place
        if field is None:
            raise bad("INVALID_FIELD", f"No such column '{name}' on sobject of type {view.name}")
        chosen[field.name] = (field, value)
    _check_writable((field for field, _ in chosen.values()), creating=creating)
    return {name: stored(field, value) for name, (field, value) in chosen.items()}


def _check_writable(fields: Iterable[Field], *, creating: bool) -> None:
    refused = []
    for field in fields:
        if field.name == "Id":
            raise bad(
                "INVALID_FIELD", "The Id field should not be specified in the sobject data.", "Id"
            )
        if not (field.createable if creating else field.updateable):
            refused.append(field.name)
    if refused:
        raise read_only(refused)


def check_required(view: SObject, values: Values, *, creating: bool) -> None:
    """Refuse a row without what it must have; an update may leave fields out, not clear them."""
    absent = [
        field.name
        for field in view.fields.values()
        if (field.required if creating else field.updateable and not field.nillable)
        and field.type != "boolean"
        and (creating or field.name in values)
        and values.get(field.name) is None
    ]
    if absent:
        raise missing(absent)


def check_references(view: SObject, values: Values, registry: Registry, tables: Tables) -> None:
    """Refuse Ids of the wrong kind, and Ids that lead nowhere."""
    for name, value in values.items():
        field = view.fields[name]
        if field.type == "reference" and value is not None:
            _check_reference(field, value, registry, tables)


def _check_reference(field: Field, value: str, registry: Registry, tables: Tables) -> None:
    known = [target for target in field.to if registry.has(target)]
    if not known:
        return  # Profile, EmailMessage and the like: objects this org does not model
    target = registry.of_id(value)
    if target is None or target.name not in known:
        raise bad("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", field.name)
    row = tables.row(target, value)
    if row is None or row.get("IsDeleted"):
        raise bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", field.name)
    if target.name == "User" and field.name == "OwnerId" and not row["IsActive"]:
        raise bad(
            "INACTIVE_OWNER_OR_USER", f"operation performed with inactive user [{value}] as owner"
        )


def with_defaults(
    sobject: SObject, values: Values, *, user_id: str, hours_id: str | None
) -> Values:
    """Fill what a creator left out: owner, hours, first picklist value, false."""
    picked = {"OwnerId": user_id, "BusinessHoursId": hours_id}
    row = dict(values)
    for field in sobject.stored:
        if row.get(field.name) is not None:
            continue
        if field.default_picked:
            row[field.name] = picked[field.name]
        elif field.default not in (None, ""):
            row[field.name] = field.default
        elif field.type == "boolean":
            row[field.name] = 0
    return row
