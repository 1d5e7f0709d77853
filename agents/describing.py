"""An object's fields for an agent: page by page, however many there are."""

from typing import Any

from agents.fields import Schema, values_of
from agents.reading import Arguments
from pipelines.describes import Describes
from pipelines.validate import required_to_create
from salesforce.describe import Describe, FieldDescribe
from salesforce.errors import NotFound

PAGE = 50
MOST_VALUES = 200

DESCRIBE_OUTPUT: Schema = {
    "type": "object",
    "properties": {
        "sobject": {"type": "string"},
        "fields": {"type": "array", "items": {"type": "object"}},
        "total": {"type": "integer"},
        "next_page": {"type": ["integer", "null"]},
    },
    "required": ["sobject", "fields", "total", "next_page"],
}


def describe_input(objects: list[str]) -> Schema:
    """Say what the tool takes; only objects of enabled actions are described."""
    return {
        "type": "object",
        "properties": {
            "sobject": {"type": "string", "enum": objects},
            "search": {
                "type": "string",
                "minLength": 1,
                "description": "A part of the field's name or label.",
            },
            "page": {"type": "integer", "minimum": 1, "default": 1},
        },
        "required": ["sobject"],
        "additionalProperties": False,
    }


def described(describes: Describes, given: Arguments) -> dict[str, Any]:
    """Tell of an object's fields, those that match, one page of them."""
    found = describes.get(given["sobject"])
    if found is None:
        raise NotFound(
            f"this org has no {given['sobject']}, or hides it from this user",
            code="INVALID_TYPE",
            remedy="See scsync doctor.",
        )
    page = given.get("page", 1)
    fields = _matching(found, given.get("search", ""))
    shown = fields[(page - 1) * PAGE : page * PAGE]
    required = {one.name for one in required_to_create(found)}
    return {
        "sobject": found.name,
        "createable": found.createable,
        "updateable": found.updateable,
        "deletable": found.deletable,
        "fields": [_told(one) | _required(one, required) for one in shown],
        "total": len(fields),
        "next_page": page + 1 if len(fields) > page * PAGE else None,
    }


def _matching(describe: Describe, words: str) -> list[FieldDescribe]:
    wanted = words.lower()
    return [one for one in describe.fields if wanted in f"{one.name} {one.label}".lower()]


def _told(field: FieldDescribe) -> dict[str, Any]:
    """Tell what is so of a field; what is not is left out."""
    values = values_of(field)
    told = {
        "name": field.name,
        "type": field.type,
        "label": field.label,
        "length": field.length,
        "createable": field.createable,
        "updateable": field.updateable,
        "restricted": field.restricted_picklist,
        "values": values[:MOST_VALUES],
        "more_values": max(0, len(values) - MOST_VALUES),
        "reference_to": list(field.reference_to),
    }
    return {name: value for name, value in told.items() if value}


def _required(field: FieldDescribe, names: set[str]) -> dict[str, Any]:
    return {"required_to_create": True} if field.name in names else {}
