"""Fields as JSON Schema: what an agent may put into them, as the org's describe has it."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from models.command import Op
from pipelines.validate import NUMBERS, TEXT, WHOLE, required_to_create, writable
from salesforce.describe import Describe, FieldDescribe

Schema: TypeAlias = dict[str, Any]

MOST_FIELDS = 40
"""Fields that a schema spells out; an agent reads all of it before it does anything."""
MOST_VALUES = 40
ID_PATTERN = "^[a-zA-Z0-9]{15}([a-zA-Z0-9]{3})?$"
DESCRIBE_TOOL = "describe_object"

_FORMATS = {
    "email": "email",
    "date": "date",
    "datetime": "date-time",
    "time": "time",
}


def fields_schema(op: Op, describe: Describe, first: Sequence[str]) -> Schema:
    """Say what a command's fields may hold: the required, then those named first, then the rest."""
    required = [one.name for one in required_to_create(describe)] if op is Op.CREATE else []
    rank = {name: place for place, name in enumerate(dict.fromkeys([*required, *first]))}
    open_ = [one for one in describe.fields if writable(op, one)]
    open_.sort(key=lambda one: rank.get(one.name, len(rank)))
    spelt = open_[: max(MOST_FIELDS, len(required))]
    schema: Schema = {
        "type": "object",
        "properties": {one.name: field_schema(op, one) for one in spelt},
        "minProperties": 1,
        "additionalProperties": len(spelt) < len(open_),
    }
    if required:
        schema["required"] = required
    if left := len(open_) - len(spelt):
        schema["description"] = f"{left} more fields can be written: {DESCRIBE_TOOL} names them."
    return schema


def field_schema(op: Op, field: FieldDescribe) -> Schema:
    """Say what one field takes; an update may empty it by null where the org allows that."""
    schema = _of_type(field)
    if op is Op.UPDATE and field.nillable and "type" in schema:
        kinds = schema["type"]
        schema["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    if said := _said(field):
        schema["description"] = said
    return schema


def values_of(field: FieldDescribe) -> list[str]:
    """Name the values of a picklist that may be chosen today."""
    return [one.value for one in field.picklist_values if one.active]


def _of_type(field: FieldDescribe) -> Schema:
    kind = field.type
    if kind in {"reference", "id"}:
        return {"type": "string", "pattern": ID_PATTERN}
    if kind == "boolean":
        return {"type": "boolean"}
    if kind in WHOLE:
        return {"type": "integer"}
    if kind in NUMBERS:
        return {"type": "number", **_bounds(field)}
    if kind not in TEXT | {"picklist", "multipicklist"} | _FORMATS.keys():
        return {}  # Salesforce alone knows what it takes
    schema: Schema = {"type": "string"}
    if kind in TEXT and field.length:
        schema["maxLength"] = field.length
    if kind in _FORMATS:
        schema["format"] = _FORMATS[kind]
    if kind == "picklist" and field.restricted_picklist and len(values_of(field)) <= MOST_VALUES:
        schema["enum"] = values_of(field)
    return schema


def _bounds(field: FieldDescribe) -> Schema:
    if not field.precision:
        return {}
    end = 10 ** (field.precision - field.scale)
    return {"exclusiveMinimum": -end, "exclusiveMaximum": end}


def _said(field: FieldDescribe) -> str:
    """Say what name and type leave open, and no more: it is read at every start."""
    parts = []
    if field.label and field.label.replace(" ", "").lower() != field.name.lower():
        parts.append(field.label)
    if field.reference_to:
        parts.append(f"id of {' or '.join(field.reference_to[:4])}")
    values = values_of(field)
    if values and len(values) > MOST_VALUES:
        parts.append(f"one of {len(values)} values: {DESCRIBE_TOOL} lists them")
    elif values and (field.type == "multipicklist" or not field.restricted_picklist):
        parts.append(f"values: {', '.join(values)}")
    if field.type == "multipicklist":
        parts.append("several are joined by ;")
    return "; ".join(parts)
