"""What people type as a field's value, taken as the field's type wants it."""

import json
import math
from collections.abc import Mapping
from typing import Any

from models.command import is_reference
from pipelines.describes import Describes
from salesforce.errors import Rejected

_JSON_KINDS = frozenset({"boolean", "int", "long", "double", "currency", "percent"})


def values(given: Mapping[str, str], sobject: str, *, describes: Describes) -> dict[str, Any]:
    """Read texts as values of an sObject's fields."""
    kinds = _kinds(sobject, describes)
    return {name: value(text, kinds.get(name.lower())) for name, text in given.items()}


def value(text: str, kind: str | None) -> Any:
    """Take a number or a flag where the field is one, null and {…} anywhere; the rest is text."""
    if kind in _JSON_KINDS or text == "null" or text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def filled_in(given: Mapping[str, str], sobject: str, *, describes: Describes) -> dict[str, Any]:
    """Read the inputs of a form as values of an sObject's fields: an empty one is none."""
    kinds = _kinds(sobject, describes)
    return {name: _filled_in(text, kinds.get(name.lower())) for name, text in given.items()}


def _filled_in(text: str, kind: str | None) -> Any:
    """Take a number or a flag where the field is one, a reference anywhere; the rest is text.

    Whatever else is no number stays text, too: the check says at its field that it will not do.
    """
    if not text:
        return None
    if kind not in _JSON_KINDS and not text.startswith("{"):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    match found:
        case dict():
            return found if is_reference(found) else text
        case float():
            return found if math.isfinite(found) else text
    return found if isinstance(found, int) else text


def _kinds(sobject: str, describes: Describes) -> dict[str, str]:
    """Look up the fields' types; none where the desk will refuse the sObject by name."""
    try:
        describe = describes.get(sobject)
    except Rejected:
        return {}
    return {field.name.lower(): field.type for field in describe.fields} if describe else {}
