"""What a field accepts: wire values in, stored values out, or Salesforce's refusal."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from emulator.errors import bad
from emulator.ids import canonical
from emulator.schema.field import NUMBER_TYPES, TEXT_TYPES
from emulator.stamps import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.errors import ApiError
    from emulator.schema.field import Field

_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[A-Za-z]{2,}")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?Z?")
_INT_LIMIT = 2**31
_SHOWN = 50  # characters of a long value quoted in an error


def stored(field: Field, value: Any) -> Any:
    """Return what the table keeps for a value that came over the wire; None stays None."""
    if value is None:
        return 0 if field.type == "boolean" else None
    return _BY_TYPE[field.type](field, value)


def _text(field: Field, value: Any) -> str | None:
    if not isinstance(value, str):
        raise _wrong_json(field.type if field.type == "string" else "string", value)
    trimmed = value.strip()
    if len(trimmed) > field.length:
        shown = trimmed if len(trimmed) <= _SHOWN else trimmed[:_SHOWN] + "..."
        raise bad(
            "STRING_TOO_LONG",
            f"{field.name}: data value too large: {shown} (max length={field.length})",
            field.name,
        )
    return trimmed or None


def _email(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is not None and not _EMAIL.fullmatch(text):
        raise bad(
            "INVALID_EMAIL_ADDRESS", f"{field.name}: invalid email address: {text}", field.name
        )
    return text


def _picklist(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is None:
        return None
    known = next((v for v in field.values if v.lower() == text.lower()), None)
    if known is None and field.restricted:
        raise _not_in_picklist(field, text)
    return known or text


def _multipicklist(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is None:
        return None
    chosen = {part.strip().lower(): part.strip() for part in text.split(";") if part.strip()}
    known = [v for v in field.values if chosen.pop(v.lower(), None)]
    if chosen and field.restricted:
        raise _not_in_picklist(field, next(iter(chosen.values())))
    return ";".join([*known, *chosen.values()]) or None


def _boolean(_field: Field, value: Any) -> int:
    if not isinstance(value, bool):
        raise _wrong_json("boolean", value)
    return int(value)


def _int(field: Field, value: Any) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise _wrong_json("int", value)
    if not -_INT_LIMIT <= value < _INT_LIMIT:
        raise _out_of_range(field)
    return int(value)


def _number(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _wrong_json("double", value)
    step = Decimal(1).scaleb(-field.scale)
    exact = Decimal(str(value))
    if not exact.is_finite() or abs(exact) >= Decimal(10) ** (field.precision - field.scale):
        raise _out_of_range(field)
    return float(exact.quantize(step, ROUND_HALF_UP))


def _date(_field: Field, value: Any) -> str | None:
    if value == "":
        return None
    try:
        return date.fromisoformat(value[: len("2026-01-02")]).isoformat()
    except (TypeError, ValueError):
        raise _wrong_json("date", value) from None


def _datetime(_field: Field, value: Any) -> str | None:
    if value == "":
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong_json("datetime", value) from None
    if at.tzinfo is None:
        raise _wrong_json("datetime", value)
    return wire(at)


def _time(_field: Field, value: Any) -> str | None:
    if value == "":
        return None
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise _wrong_json("time", value)
    parts = [float(part) for part in value.rstrip("Z").split(":")]
    hours, minutes, seconds = (*parts, 0.0)[:3]
    return f"{int(hours):02}:{int(minutes):02}:{seconds:06.3f}Z"


def _reference(field: Field, value: Any) -> str | None:
    if value == "":
        return None
    if not isinstance(value, str):
        raise _wrong_json("reference", value)
    found = canonical(value)
    if found is None:
        raise bad(
            "MALFORMED_ID",
            f"{field.label}: id value of incorrect type: {value[:_SHOWN]}",
            field.name,
        )
    return found


def _read_only(field: Field, _value: Any) -> None:
    raise read_only([field.name])


_BY_TYPE: dict[str, Callable[[Field, Any], Any]] = (
    dict.fromkeys(TEXT_TYPES, _text)
    | dict.fromkeys(NUMBER_TYPES, _number)
    | {
        "anyType": _read_only,
        "address": _read_only,
        "id": _reference,
        "reference": _reference,
        "boolean": _boolean,
        "int": _int,
        "date": _date,
        "datetime": _datetime,
        "time": _time,
        "email": _email,
        "picklist": _picklist,
        "multipicklist": _multipicklist,
    }
)


def read_only(names: list[str]) -> ApiError:
    return bad(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings "
        "of this field and verify that it is read/write for your profile or permission set.",
        *names,
    )


def missing(names: list[str]) -> ApiError:
    return bad(
        "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", *names
    )


def _not_in_picklist(field: Field, value: str) -> ApiError:
    return bad(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        f"{field.label}: bad value for restricted picklist field: {value}",
        field.name,
    )


def _out_of_range(field: Field) -> ApiError:
    return bad(
        "NUMBER_OUTSIDE_VALID_RANGE",
        f"{field.label}: value outside of valid range on numeric field",
        field.name,
    )


_TOKENS = {bool: "BOOLEAN", int: "NUMBER_INT", float: "NUMBER_FLOAT", str: "STRING"}


def _wrong_json(kind: str, value: Any) -> ApiError:
    if isinstance(value, (dict, list)):
        token = "START_OBJECT" if isinstance(value, dict) else "START_ARRAY"
        found = f"{token} token"
    else:
        shown = str(value).lower() if isinstance(value, bool) else str(value)[:_SHOWN]
        found = f"VALUE_{_TOKENS.get(type(value), 'STRING')} value {shown}"
    return bad(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {kind} from {found} or request may be missing a required "
        "field at [line:1, column:2]",
    )
