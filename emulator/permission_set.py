"""Reads a permission set's metadata, and refuses it whole where the org would not deploy it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from emulator.rights import GOVERNORS, OPEN, READ, PermissionSet, is_secured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.schema.registry import Registry

NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
ROOT = f"{NAMESPACE}PermissionSet"
_VERBS = {
    "allowRead": READ,
    "allowCreate": "create",
    "allowEdit": "update",
    "allowDelete": "delete",
}
_MOST_CHARACTERS = 1 << 20


def read(xml: str, registry: Registry) -> PermissionSet:
    """Make a permission set of its metadata; ValueError says what will not do."""
    root = _root(xml)
    name = _text(root, "label")
    if not name:
        raise ValueError("the permission set has no label")
    rows = list(root.iter(f"{NAMESPACE}objectPermissions"))
    objects = {_known(_text(row, "object"), registry): _verbs(row) for row in rows}
    _check_readable(objects)
    return PermissionSet(
        name=name,
        objects=objects,
        fields=dict(_fields(root, registry)),
        all_rows=frozenset(_text(row, "object") for row in rows if _says(row, "viewAllRecords")),
        permissions=frozenset(
            _text(row, "name")
            for row in root.iter(f"{NAMESPACE}userPermissions")
            if _says(row, "enabled")
        ),
    )


def _root(xml: str) -> ET.Element:
    # An entity can grow without end, and metadata has none.
    if len(xml) > _MOST_CHARACTERS or "<!DOCTYPE" in xml:
        raise ValueError("this is no permission set: too long, or it declares a document type")
    try:
        root = ET.fromstring(xml)  # noqa: S314 - bounded, and without declarations
    except ET.ParseError as error:
        raise ValueError(f"this is no XML: {error}") from error
    if root.tag != ROOT:
        raise ValueError(f"this is no PermissionSet of the metadata API, but {root.tag}")
    return root


def _known(name: str, registry: Registry) -> str:
    if name in OPEN or name in GOVERNORS or not registry.has(name):
        raise ValueError(f"In field: objectPermissions - no object named {name} found")
    return registry.find(name).name


def _verbs(row: ET.Element) -> frozenset[str]:
    return frozenset(verb for tag, verb in _VERBS.items() if _says(row, tag))


def _fields(root: ET.Element, registry: Registry) -> Iterator[tuple[str, bool]]:
    for row in root.iter(f"{NAMESPACE}fieldPermissions"):
        name = _text(row, "field")
        sobject, _, field_name = name.partition(".")
        found = registry.has(sobject) and registry.whole(sobject).fields.get(field_name)
        if not found:
            raise ValueError(f"In field: field - no field named {name} found")
        if not is_secured(registry.whole(sobject), found) or found.compound:
            raise ValueError(f"You cannot deploy to a required field: {name}")
        if _says(row, "readable"):
            yield name, _says(row, "editable")


def _check_readable(objects: dict[str, frozenset[str]]) -> None:
    for name, verbs in objects.items():
        if verbs and READ not in verbs:
            raise ValueError(f"Permission Edit {name} depends on permission(s): Read {name}")


def _says(row: ET.Element, tag: str) -> bool:
    return _text(row, tag) == "true"


def _text(row: ET.Element, tag: str) -> str:
    return (row.findtext(f"{NAMESPACE}{tag}") or "").strip()
