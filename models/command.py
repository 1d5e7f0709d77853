"""A command: one change that somebody wants made in Salesforce, in the form it travels in."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeAlias, cast
from uuid import UUID, uuid4

import msgspec

from models.columns import utc

Fields: TypeAlias = dict[str, Any]
REFERENCE = "$command"
LONGEST = {  # characters that the outbox has room for
    "sobject": 80,
    "record_id": 18,
    "external_id_field": 80,
    "external_id": 255,
    "idempotency_key": 255,
    "auto_assign": 18,
}
_INT32 = 2**31
_ID = 36  # characters of a UUID
_HEX_DIGITS = b"0123456789abcdef" * 16


class Op(StrEnum):
    """What a command does."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"
    PUBLISH = "publish"
    ARCHIVE = "archive"


class Conflict(StrEnum):
    """What becomes of an update or delete whose record was changed by somebody else meanwhile.

    Since `expected_modstamp`, or, where that is not given, since the row that the store had when
    the command was accepted.
    """

    REJECT = "reject"
    OVERWRITE = "overwrite"
    MERGE = "merge"
    """Write only the fields that nobody else touched."""


class InvalidCommand(ValueError):  # noqa: N818 - read at the call site: `except InvalidCommand`
    """The JSON form is not a command; the message names the part and the remedy."""


class UnknownCommand(LookupError):  # noqa: N818 - read at the call site
    """No command has this id."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command, as in files, messages and Python; `from_json` reads the JSON form."""

    op: Op
    sobject: str
    record_id: str | None = None
    external_id_field: str | None = None
    external_id: str | None = None
    fields: Fields = field(default_factory=dict)
    idempotency_key: str | None = None
    expected_modstamp: datetime | None = None
    depends_on: tuple[str, ...] = ()
    priority: int = 0
    not_before: datetime | None = None
    on_conflict: Conflict | None = None
    auto_assign: str | None = None
    """`true`, or the id of an assignment rule; without it none runs."""
    allow_duplicates: bool = False
    """Whether to save what a duplicate rule would only warn of."""
    id: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        """Refuse what no store could hold, whoever made the command."""
        for key, longest in LONGEST.items():
            value = getattr(self, key)
            if value is not None and len(_storable(key, value)) > longest:
                raise InvalidCommand(f"{key!r} has {len(value)} characters, at most {longest} fit")
        if not -_INT32 <= self.priority < _INT32:
            raise InvalidCommand(f"'priority' must be a 32-bit number, not {self.priority}")
        for key in ("expected_modstamp", "not_before"):
            _in_utc(key, getattr(self, key))
        for name, content in self.fields.items():
            _storable("fields", name)
            _storable(f"fields.{name}", content)

    @classmethod
    def from_json(cls, form: object, *, spare_id: str | None = None) -> "Command":
        """Read the JSON form; raises `InvalidCommand` for anything that is not one.

        `spare_id` is for a command that names none of its own.
        """
        if not isinstance(form, Mapping):
            raise InvalidCommand(
                'a command is a JSON object like {"op":"update","sobject":"Case",…}'
            )
        unknown = sorted(set(form) - _KEYS)
        if unknown:
            raise InvalidCommand(
                f"unknown key {unknown[0]!r}: a command has {', '.join(sorted(_KEYS))}"
            )
        values = {key: _READERS.get(key, _text)(key, value) for key, value in form.items()}
        for key in ("op", "sobject"):
            if not values.get(key):
                raise InvalidCommand(f"{key!r} is missing")
        values["id"] = values.get("id") or spare_id
        return cls(**{key: value for key, value in values.items() if value is not None})

    def references(self) -> tuple[str, ...]:
        """Ids of the commands whose records the fields refer to, each once."""
        found = [
            value[REFERENCE]
            for value in self.fields.values()
            if isinstance(value, Mapping) and set(value) == {REFERENCE}
        ]
        return tuple(dict.fromkeys([*self.depends_on, *found]))

    def resolved(self, records: Mapping[str, str | None]) -> Fields:
        """Give the fields with every reference replaced by the record that its command made."""
        named = [name for name, value in self.fields.items() if isinstance(value, dict)]
        return {**self.fields, **{name: records[self.fields[name][REFERENCE]] for name in named}}


def lane(
    op: Op,
    sobject: str,
    record_id: str | None,
    key: tuple[str | None, str | None],
    command_id: str,
) -> str:
    """Name the record a command works on: commands of one lane run one after another."""
    if record_id:
        return f"{sobject}/{record_id}"
    if op is Op.UPSERT:
        # Most external ids are compared without regard to case: one lane too few is safe.
        return f"{sobject}/{key[0]}={(key[1] or '').lower()}"
    return f"{sobject}/new/{command_id}"


def is_reference(value: Mapping[str, Any]) -> bool:
    """Tell whether an object is a reference to a command, and no more than that."""
    try:
        return value.keys() == {REFERENCE} and UUID(value[REFERENCE]) is not None
    except (TypeError, ValueError, AttributeError):
        return False


def new_ids(number: int) -> list[str]:
    """Make ids as `uuid4` does, all from one draw, and all their digits at once."""
    drawn = bytearray(os.urandom(_ID * number).translate(_HEX_DIGITS))
    for place in (8, 13, 18, 23):
        drawn[place::_ID] = b"-" * number
    drawn[14::_ID] = b"4" * number
    drawn[19::_ID] = b"a" * number
    text = drawn.decode()
    return [text[start : start + _ID] for start in range(0, _ID * number, _ID)]


_Name = Annotated[str, msgspec.Meta(max_length=LONGEST["external_id_field"])]
_Key = Annotated[str, msgspec.Meta(max_length=LONGEST["external_id"])]


class Usual(msgspec.Struct, forbid_unknown_fields=True):
    """A command with the usual keys alone, held to the letter: a quick reading of most lines.

    What it takes, `Command.from_json` takes for the same, if `fields` hold no objects but
    references.
    """

    op: Op
    sobject: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST["sobject"])]
    fields: dict[str, str | int | float | bool | dict[str, str] | None] = {}
    record_id: Annotated[str, msgspec.Meta(max_length=LONGEST["record_id"])] | None = None
    external_id_field: _Name | None = None
    external_id: _Key | None = None
    idempotency_key: _Key | None = None
    priority: Annotated[int, msgspec.Meta(ge=-_INT32, lt=_INT32)] = 0
    id: UUID | None = None

    expected_modstamp: ClassVar[None] = None
    depends_on: ClassVar[tuple[str, ...]] = ()
    not_before: ClassVar[None] = None
    on_conflict: ClassVar[None] = None
    auto_assign: ClassVar[None] = None
    allow_duplicates: ClassVar[bool] = False


_USUAL = msgspec.json.Decoder(Usual)


def usual(line: str) -> Usual | None:
    """Read a line of JSON; None where another look is needed, be it to say what is wrong."""
    if "\\u0000" in line:
        return None
    try:
        return _USUAL.decode(line)
    except (ValueError, RecursionError):
        return None


def _text(key: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InvalidCommand(f"{key!r} must be text, not {type(value).__name__}")


def _op(_key: str, value: object) -> Op:
    try:
        return Op(cast("str", value))
    except ValueError:
        raise InvalidCommand(f"unknown op {value!r}: use one of {', '.join(Op)}") from None


def _fields(key: str, value: object) -> Fields | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidCommand(f"{key!r} must be an object of field names and values")
    for name, content in value.items():
        if isinstance(content, Mapping) and set(content) == {REFERENCE}:
            _uuid(f"fields.{name}.{REFERENCE}", content[REFERENCE])
        elif isinstance(content, Mapping | list):
            raise InvalidCommand(
                f"'fields.{name}' must be text, a number, true, false, null, "
                f'or {{"{REFERENCE}": "<id of an earlier command>"}}'
            )
    return dict(value)


def _storable(key: str, value: Any) -> Any:
    """Let through what both databases and JSON can hold."""
    if isinstance(value, str) and ("\0" in value or not (value.isascii() or _is_text(value))):
        raise InvalidCommand(f"{key!r} holds a character that is no text (NUL or a lone surrogate)")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidCommand(f"{key!r} must be a number that JSON knows, not {value!r}")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _instant(key: str, value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        instant = value
    else:
        try:
            instant = datetime.fromisoformat(cast("str", value))
        except (TypeError, ValueError):
            raise InvalidCommand(
                f"{key!r} must be an instant like 2026-01-31T09:00:00Z, not {value!r}"
            ) from None
    if instant is not None and instant.tzinfo is None:
        raise InvalidCommand(f"{key!r} needs a zone: write {instant.isoformat()}Z if it is UTC")
    return instant


def _in_utc(key: str, instant: datetime | None) -> None:
    try:
        _ = instant and utc(instant)
    except ValueError as error:
        raise InvalidCommand(f"{key!r}: {error}") from None


def _conflict(key: str, value: object) -> Conflict | None:
    if value is None:
        return None
    try:
        return Conflict(cast("str", value))
    except ValueError:
        raise InvalidCommand(
            f"{key!r} must be one of {', '.join(Conflict)}, not {value!r}"
        ) from None


def _rule(key: str, value: object) -> str | None:
    if value is None or value is False or value == "false":
        return None
    if value is True or value == "true":
        return "true"
    if isinstance(value, str):
        return value
    raise InvalidCommand(f"{key!r} must be true, false, or the id of an assignment rule")


def _flag(key: str, value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise InvalidCommand(f"{key!r} must be true or false, not {value!r}")


def _whole(key: str, value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float) and value.is_integer():  # JSON Schema calls it an integer
        return int(value)
    raise InvalidCommand(f"{key!r} must be a whole number, not {value!r}")


def _uuid(key: str, value: object) -> str | None:
    if value is None:
        return None
    try:
        return str(UUID(cast("str", value)))
    except (TypeError, ValueError, AttributeError):
        raise InvalidCommand(f"{key!r} must be a command id (a UUID), not {value!r}") from None


def _uuids(key: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(str(_uuid(key, item)) for item in items)


_READERS: dict[str, Any] = {
    "op": _op,
    "fields": _fields,
    "expected_modstamp": _instant,
    "not_before": _instant,
    "priority": _whole,
    "depends_on": _uuids,
    "on_conflict": _conflict,
    "auto_assign": _rule,
    "allow_duplicates": _flag,
    "id": _uuid,
}
_KEYS = frozenset(Command.__dataclass_fields__)
