"""A permission set's metadata, written from what is needed."""

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from models.access import Need

NAME = "scsync"
_NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def permission_set(needs: Sequence[Need], *, all_records: bool) -> str:
    """Write it; what only some orgs have stands in comments."""
    root = ET.Element("PermissionSet", xmlns=_NAMESPACE)
    _add(root, "description", "What scsync needs for the actions that were chosen.")
    root.extend(_fields(needs))
    _add(root, "hasActivationRequired", "false")
    _add(root, "label", NAME)
    root.extend(_object(need, all_records=all_records) for need in needs)
    user = ET.SubElement(root, "userPermissions")
    _add(user, "enabled", "true")
    _add(user, "name", "ApiEnabled")
    ET.indent(root, "    ")
    return f"{_DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def _fields(needs: Sequence[Need]) -> Iterator["ET.Element[Any]"]:
    for need in needs:
        for name in sorted((*need.editable, *need.readable)):
            found = ET.Element("fieldPermissions")
            _add(found, "editable", _flag(name in need.editable))
            _add(found, "field", f"{need.sobject}.{name}")
            _add(found, "readable", "true")
            yield found
        if need.elsewhere:
            names = " ".join(need.elsewhere)
            yield ET.Comment(f" {need.sobject}, where your org has them: {names} ")


def _object(need: Need, *, all_records: bool) -> ET.Element:
    found = ET.Element("objectPermissions")
    _add(found, "allowCreate", _flag(need.create))
    _add(found, "allowDelete", _flag(need.delete))
    _add(found, "allowEdit", _flag(need.edit))
    _add(found, "allowRead", _flag(need.read))
    _add(found, "modifyAllRecords", "false")
    _add(found, "object", need.sobject)
    _add(found, "viewAllRecords", _flag(all_records))
    return found


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _flag(*given: bool) -> str:
    return "true" if all(given) else "false"
