"""Records and objects as the UI API shows them: its Record and its Object Info, in essence.

Shapes: UI API guide, "Record" and "Object Info" (v67), as in the samples of Salesforce's public
Postman collection.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.shape import MASTER_TYPE
from emulator.stamps import instant

if TYPE_CHECKING:
    from collections.abc import Sequence

Document = dict[str, Any]
AUDIT = ("Id", "LastModifiedById", "LastModifiedDate", "SystemModstamp")
_WITH_LABELS = frozenset({"picklist", "multipicklist"})


def record(described: Document, row: Document, names: Sequence[str]) -> Document:
    """Show a row; without names all its fields but the compound ones."""
    kinds = {field["name"]: field["type"] for field in described["fields"]}
    wanted = {name.lower() for name in names}
    fields = {
        name: _cell(kinds[name], value)
        for name, value in row.items()
        if name in kinds and not isinstance(value, dict) and (not wanted or name.lower() in wanted)
    }
    return {
        "apiName": described["name"],
        "childRelationships": {},
        "eTag": _tag(row),
        "fields": fields,
        "id": row["Id"],
        "lastModifiedById": row["LastModifiedById"],
        "lastModifiedDate": _zulu(row["LastModifiedDate"]),
        "recordTypeId": row.get("RecordTypeId") or MASTER_TYPE,
        "recordTypeInfo": None,
        "systemModstamp": _zulu(row["SystemModstamp"]),
        "weakEtag": int(instant(row["SystemModstamp"]).timestamp() * 1000),
    }


def _cell(kind: str, value: Any) -> Document:
    if kind == "datetime" and value is not None:
        return {"displayValue": None, "value": _zulu(value)}
    return {"displayValue": value if kind in _WITH_LABELS else None, "value": value}


def _zulu(stamp: str) -> str:
    return stamp.replace("+0000", "Z")


def _tag(document: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(document)).hexdigest()[:32]


def object_info(described: Document) -> Document:
    """Show what may be done with an object and its fields."""
    same = ("createable", "custom", "deletable", "feedEnabled", "keyPrefix", "label")
    more = ("labelPlural", "layoutable", "mruEnabled", "queryable", "searchable", "updateable")
    return {
        "apiName": described["name"],
        "defaultRecordTypeId": MASTER_TYPE,
        "eTag": _tag(described),
        "fields": {field["name"]: _field(field) for field in described["fields"]},
        "nameFields": [field["name"] for field in described["fields"] if field["nameField"]],
        **{name: described[name] for name in (*same, *more)},
    }


def _field(field: Document) -> Document:
    same = ("calculated", "createable", "custom", "filterable", "htmlFormatted", "label", "length")
    more = ("precision", "relationshipName", "scale", "sortable", "unique", "updateable")
    needed = field["createable"] and not field["nillable"] and not field["defaultedOnCreate"]
    return {
        "apiName": field["name"],
        "dataType": _DATA_TYPES.get(field["type"], field["type"].title()),
        "reference": field["type"] == "reference",
        "referenceToInfos": [{"apiName": target} for target in field["referenceTo"]],
        "required": needed,
        **{name: field[name] for name in (*same, *more)},
    }


_DATA_TYPES = {
    "anyType": "AnyType",
    "datetime": "DateTime",
    "id": "Reference",
    "multipicklist": "MultiPicklist",
    "textarea": "TextArea",
}
