"""`@{reference.path}` inside composite subrequests, replaced by what earlier ones answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE = re.compile(r"@\{(\w+)\.([^}]+)\}")
STEP = re.compile(r"(\w+)|\[(\d+)\]")


def resolve(value: Any, answers: Mapping[str, Any]) -> Any:
    """Return the value with every reference in it replaced, however deep it stands."""
    if isinstance(value, dict):
        return {key: resolve(one, answers) for key, one in value.items()}
    if isinstance(value, list):
        return [resolve(one, answers) for one in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value)
    if whole:
        return _look_up(whole[1], whole[2], answers)
    return REFERENCE.sub(lambda found: str(_look_up(found[1], found[2], answers)), value)


def _look_up(reference: str, path: str, answers: Mapping[str, Any]) -> Any:
    found = answers.get(reference)
    for name, index in STEP.findall(path):
        try:
            found = found[int(index)] if index else found[name]  # type: ignore[index]
        except (KeyError, IndexError, TypeError) as error:
            raise _unknown(reference, path) from error
    if found is None or isinstance(found, dict | list):
        raise _unknown(reference, path)
    return found


def _unknown(reference: str, path: str) -> ApiError:
    message = f"Invalid reference specified. No value for {path} found in {reference}"
    return ApiError(400, "PROCESSING_HALTED", message)
