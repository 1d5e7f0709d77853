"""Values compared as Salesforce means them: what was asked against what now stands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def same(asked: Any, found: Any) -> bool:
    """Tell whether a value that was written reads back as this one."""
    if asked in {None, ""} if isinstance(asked, str | None) else False:
        return found in {None, ""} if isinstance(found, str | None) else False
    if isinstance(asked, bool) or isinstance(found, bool):
        return asked is found
    if isinstance(asked, int | float) and isinstance(found, int | float):
        return float(asked) == float(found)
    if isinstance(asked, str) and isinstance(found, str):
        return _same_text(asked, found)
    return bool(asked == found)


def stands(asked: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether every field that was asked for is as asked."""
    return all(same(value, found.get(name)) for name, value in asked.items())


def _same_text(asked: str, found: str) -> bool:
    a, b = _trimmed(asked), _trimmed(found)
    if a == b:
        return True
    if ";" in a:  # a multi-select picklist comes back in the picklist's order
        return set(a.split(";")) == set(b.split(";"))
    return _same_id(a, b) or _same_instant(a, b)


def _trimmed(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _same_id(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return len(short) == 15 and len(long) == 18 and long.startswith(short)  # noqa: PLR2004 - ids


def _same_instant(a: str, b: str) -> bool:
    try:
        first, second = datetime.fromisoformat(a), datetime.fromisoformat(b)
    except ValueError:
        return False
    return bool(first.tzinfo and second.tzinfo and first == second)
