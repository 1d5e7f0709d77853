"""Arguments held against a tool's schema, before anything is asked of Salesforce."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from agents.fields import DESCRIBE_TOOL, ID_PATTERN, Schema

MOST_PROBLEMS = 5
_SHOWN = 80  # characters of a value that is quoted


class Checks:
    """A schema, compiled."""

    def __init__(self, schema: Schema) -> None:
        self._validator = Draft202012Validator(schema)

    def problems(self, given: Any) -> list[str]:
        """Say what is wrong with arguments, the first few of it; none: they fit the schema."""
        found = (text for error in self._validator.iter_errors(given) for text in _said(error))
        return list(islice(found, MOST_PROBLEMS))


def _said(error: ValidationError) -> Iterator[str]:
    at = ".".join(map(str, error.absolute_path))
    match error.validator:
        case "additionalProperties":
            for name in sorted(set(error.instance) - set(error.schema["properties"])):
                yield _unknown(_joined(at, name), name, list(error.schema["properties"]))
        case "required":
            for name in error.validator_value:
                if name not in error.instance:
                    yield f"{_joined(at, name)} is missing"
        case _:
            yield f"{at or 'the arguments'}: {_wrong(error)}"


def _wrong(error: ValidationError) -> str:
    given, wanted = error.instance, error.validator_value
    match error.validator:
        case "enum":
            return f"{_quoted(given)} is not one of {', '.join(map(str, wanted))}"
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return f"{_quoted(given)} is not of type {' or '.join(kinds)}"
        case "pattern" if wanted == ID_PATTERN:
            return f"{_quoted(given)} is no record id (15 or 18 letters and digits)"
        case "maxLength":
            return f"has {len(given)} characters, at most {wanted} fit: shorten it"
        case "minProperties":
            return "at least one field is needed"
    return error.message if len(error.message) < 2 * _SHOWN else f"breaks the rule {wanted!r}"


def _unknown(place: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.lower(), {one.lower(): one for one in known}, 1)
    if near:
        return f"{place}: did you mean {next(one for one in known if one.lower() == near[0])}?"
    if place.startswith("fields."):
        return f"{place} is no field that can be written here: {DESCRIBE_TOOL} names those"
    return f"{place} is not taken; there are {', '.join(known)}"


def _joined(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
