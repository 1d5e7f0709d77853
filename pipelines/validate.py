"""Commands checked against describe before anything is stored: what would fail is refused."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import cache
from string import ascii_letters, ascii_uppercase, digits
from typing import Any, NamedTuple, TypeAlias

from models.command import REFERENCE, Command, Fields, Op, Usual, is_reference
from salesforce.describe import Describe, FieldDescribe

TEXT = frozenset(
    {"string", "textarea", "email", "phone", "url", "combobox", "encryptedstring", "base64"}
)
NUMBERS = frozenset({"double", "currency", "percent"})
WHOLE = frozenset({"int", "long"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_KNOWLEDGE = "__kav"
_MOVES = frozenset({Op.PUBLISH, Op.ARCHIVE})
_BARE = frozenset({Op.CREATE, Op.DELETE})  # what needs no fields
_NONE, _NO_END = -1, 2**31
_SIMPLE_ASSIGNMENT = frozenset({None, "true"})
NEW_VERSION = "NewVersion"
"""What a publish may say: whether the version gets the next number, or takes the old one's."""


@dataclass(frozen=True)
class Problem:
    """Why a command is refused: the part at fault and what to do about it."""

    code: str
    field: str | None
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


@dataclass(frozen=True)
class NotEnabled(Problem):
    """The action that a command amounts to is none that this profile enables."""

    action: str


Form: TypeAlias = tuple[str | None, str | None, Fields]
"""What names a record (its id, or the field that holds its key) and its fields, in their one form.

Salesforce takes `case` for `Case` and 15 characters for 18; our lanes must not.
"""


class Taker(NamedTuple):
    """What a field takes: text of some length at a glance, any other value by a closer look."""

    name: str
    longest: int
    takes: Callable[[Any], bool]


class Checks:
    """`problems`, compiled for one op on one sObject: quick to say that there are none."""

    def __init__(self, op: Op, describe: Describe) -> None:
        self.describe = describe
        self._op = op
        self._by_key = op in {Op.CREATE, Op.UPSERT}
        self._serves = op not in _MOVES and not any(_permission(op, describe, describe.name))
        self._prefix = describe.key_prefix or ""
        self._takers: dict[str, Taker] = {}
        self._keys: dict[str, FieldDescribe] = {}
        required = required_to_create(describe) if op is Op.CREATE else []
        self._required = [one.name for one in required]

    def passed(self, one: Command | Usual) -> Form | None:
        """Give the form of a command that is all right; None leaves it to `problems` to say."""
        if not self._serves or one.on_conflict or one.auto_assign not in _SIMPLE_ASSIGNMENT:
            return None
        fields = self._fields(one.fields)
        if fields is None or not (fields or self._op in _BARE):
            return None
        if self._by_key:
            return self._by_its_key(one, fields)
        record_id = full_id(one.record_id or "")
        if record_id is None or not record_id.startswith(self._prefix):
            return None
        return (record_id, None, fields) if one.external_id_field is None else None

    def _by_its_key(self, one: Command | Usual, fields: Fields) -> Form | None:
        name, key = one.external_id_field, one.external_id
        if one.record_id:
            return None
        if name or key:
            field = self._keys.get(name or "") or self._learnt_key(name or "")
            if field is None or not key or _wrong_key(field, key) or field.name in fields:
                return None
            name = field.name
        elif self._op is Op.UPSERT:
            return None
        for required in self._required:
            if fields.get(required) is None and required != name:
                return None
        return None, name or None, fields

    def _fields(self, given: Fields) -> Fields | None:
        """Put fields under their API names; None as soon as one will not do."""
        fields = {}
        takers = self._takers
        for name, value in given.items():
            taker = takers.get(name) or self._learnt(name)
            if taker is None:
                return None
            its_name, longest, takes = taker
            # Most values are texts, and each call costs.
            if (type(value) is not str or len(value) > longest) and not takes(value):
                return None
            fields[its_name] = value
        return fields

    def _learnt(self, name: str) -> Taker | None:
        field = self.describe.field(name)
        if field is None or self._op is Op.DELETE or not writable(self._op, field):
            return None
        return self._takers.setdefault(name, _taker(self._op, field))

    def _learnt_key(self, name: str) -> FieldDescribe | None:
        field = self.describe.field(name)
        if field is None or not (field.external_id or field.id_lookup):
            return None
        return self._keys.setdefault(name, field)


def form_of(command: Command, describe: Describe) -> Form:
    """Give the form of a command that has no problems."""
    record_id = full_id(command.record_id) if command.record_id else None
    key_field = _api_name(command.external_id_field or "", describe) or None
    fields = {_api_name(name, describe): value for name, value in command.fields.items()}
    return record_id, key_field, fields


def problems(command: Command, describe: Describe | None) -> list[Problem]:
    """List everything that is wrong with a command, best known first; empty: it may be sent."""
    if describe is None:
        return [
            Problem(
                "INVALID_TYPE",
                None,
                f"the org has no sObject {command.sobject!r}, or hides it from this user: "
                "check the API name and the user's permissions",
            )
        ]
    return [
        *_target(command, describe),
        *_permission(command.op, describe, command.sobject),
        *_fields(command, describe),
        *_required(command, describe),
    ]


def _target(command: Command, describe: Describe) -> Iterator[Problem]:
    match command.op:
        case Op.CREATE:
            if command.record_id:
                yield Problem("RECORD_ID", "record_id", "a create has none: Salesforce gives it")
            if command.external_id_field or command.external_id:
                yield from _external_id(command, describe)
        case Op.UPSERT:
            yield from _upsert(command, describe)
        case _:
            yield from _record_id(command, describe)
    if command.op in {Op.DELETE, Op.ARCHIVE} and command.fields:
        yield Problem("FIELDS", "fields", f"{command.op} takes none: leave them out")
    if command.op in _MOVES and not command.sobject.endswith(_KNOWLEDGE):
        message = f"only knowledge articles take {command.op}, not {command.sobject}"
        yield Problem("OP", "op", message)
    if command.on_conflict and command.op not in {Op.UPDATE, Op.DELETE}:
        yield Problem("ON_CONFLICT", "on_conflict", f"is for updates and deletes, not {command.op}")
    if command.auto_assign not in {None, "true"} and not is_id(command.auto_assign or ""):
        yield Problem("AUTO_ASSIGN", "auto_assign", "must be true, or the id of an assignment rule")
    if command.op in {Op.UPDATE, Op.UPSERT} and not command.fields:
        yield Problem("FIELDS", "fields", f"{command.op} needs at least one field")


def _upsert(command: Command, describe: Describe) -> Iterator[Problem]:
    yield from _external_id(command, describe)
    if command.record_id and not is_id(command.record_id):
        yield _malformed(command.record_id)


def _external_id(command: Command, describe: Describe) -> Iterator[Problem]:
    if not command.external_id_field or not command.external_id:
        yield Problem(
            "EXTERNAL_ID", "external_id", "by key means both: external_id_field and external_id"
        )
        return
    field = describe.field(command.external_id_field)
    if field is None or not (field.external_id or field.id_lookup):
        usable = [f.name for f in describe.fields if f.external_id]
        yield Problem(
            "EXTERNAL_ID",
            "external_id_field",
            f"{command.external_id_field} is not an external id of {command.sobject}"
            f"{_offer(usable)}",
        )
    elif message := _wrong_key(field, command.external_id):
        yield Problem("EXTERNAL_ID", "external_id", message)


def _wrong_key(field: FieldDescribe, key: str) -> str | None:
    if key in {".", ".."}:
        return f"{key!r} cannot stand in an address: Salesforce would not find the record"
    # Keys travel as text, whatever the field's type.
    return _wrong_text(field, key) if field.type in TEXT else None


def _record_id(command: Command, describe: Describe) -> Iterator[Problem]:
    if not command.record_id:
        yield Problem("RECORD_ID", "record_id", f"{command.op} needs the record's id")
        return
    if not is_id(command.record_id):
        yield _malformed(command.record_id)
    elif describe.key_prefix and not command.record_id.startswith(describe.key_prefix):
        yield Problem(
            "MALFORMED_ID",
            "record_id",
            f"{command.record_id} is not a {command.sobject}: "
            f"its ids start with {describe.key_prefix}",
        )


def _malformed(record_id: str) -> Problem:
    message = f"{record_id!r} is not a Salesforce id (15 or 18 letters and digits)"
    return Problem("MALFORMED_ID", "record_id", message)


def _permission(op: Op, describe: Describe, sobject: str) -> Iterator[Problem]:
    allowed = {
        Op.CREATE: describe.createable,
        Op.UPDATE: describe.updateable,
        Op.UPSERT: describe.createable or describe.updateable,
        Op.DELETE: describe.deletable,
        Op.PUBLISH: True,
        Op.ARCHIVE: True,
    }
    if not allowed[op]:
        yield Problem(
            "INSUFFICIENT_ACCESS",
            None,
            f"this user may not {op} {sobject}: grant the permission in Salesforce",
        )


def _fields(command: Command, describe: Describe) -> Iterator[Problem]:
    if command.op is Op.PUBLISH:
        for name, value in command.fields.items():
            if name != NEW_VERSION or not isinstance(value, bool):
                yield Problem("FIELDS", name, f"a publish takes {NEW_VERSION} alone: true or false")
        return
    for name, value in command.fields.items():
        yield from _field(command, describe, name, value)


def unknown(sobject: str, name: str, describe: Describe) -> Problem:
    """Say that there is no field of this name, and what may be meant."""
    near = get_close_matches(name, [f.name for f in describe.fields], 3)
    told = f"{sobject} has no such field, or hides it from this user{_offer(near)}"
    return Problem("INVALID_FIELD", name, told)


def _field(command: Command, describe: Describe, name: str, value: Any) -> Iterator[Problem]:
    field = describe.field(name)
    if field is None:
        yield unknown(command.sobject, name, describe)
        return
    key = command.external_id_field
    if command.op in {Op.CREATE, Op.UPSERT} and key and field.name.lower() == key.lower():
        yield Problem("FIELDS", name, "the external id stands in external_id: leave it out here")
    if not writable(command.op, field):
        yield Problem("INVALID_FIELD_FOR_INSERT_UPDATE", name, f"cannot be written by {command.op}")
        return
    if value is None:
        if command.op is Op.UPDATE and not field.nillable:
            yield Problem("REQUIRED_FIELD_MISSING", name, "cannot be emptied")
        return
    if isinstance(value, dict) and set(value) == {REFERENCE}:
        return
    message = _wrong(field, value)
    if message:
        yield Problem("INVALID_VALUE", name, message)


def writable(op: Op, field: FieldDescribe) -> bool:
    if op is Op.CREATE:
        return field.createable
    return field.updateable if op is Op.UPDATE else field.createable or field.updateable


def _taker(op: Op, field: FieldDescribe) -> Taker:
    def takes(value: Any) -> bool:
        if value is None:
            return op is not Op.UPDATE or field.nillable
        if isinstance(value, dict):
            return is_reference(value)
        return _wrong(field, value) is None

    if field.type in TEXT and field.type != "email":
        return Taker(field.name, field.length or _NO_END, takes)
    if field.type != "picklist":
        return Taker(field.name, _NONE, takes)
    if not field.restricted_picklist:
        return Taker(field.name, _NO_END, takes)
    known = {entry.value for entry in field.picklist_values if entry.active}
    return Taker(field.name, _NONE, lambda x: (type(x) is str and x in known) or takes(x))


def _wrong(field: FieldDescribe, value: Any) -> str | None:  # noqa: PLR0911 - one line a type
    kind = field.type
    if kind in TEXT:
        return _wrong_text(field, value)
    if kind in {"picklist", "multipicklist"}:
        return _wrong_choice(field, value)
    if kind == "boolean":
        return None if isinstance(value, bool) else f"must be true or false, not {value!r}"
    if kind in WHOLE:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole else f"must be a whole number, not {value!r}"
    if kind in NUMBERS:
        return _wrong_number(field, value)
    if kind in {"reference", "id"}:
        good = isinstance(value, str) and is_id(value)
        return None if good else f"must be a Salesforce id, not {value!r}"
    if kind in _MOMENTS:
        return _wrong_moment(kind, value)
    return None


def _wrong_text(field: FieldDescribe, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    if field.length and len(value) > field.length:
        return f"has {len(value)} characters, at most {field.length} fit: shorten it"
    if field.type == "email" and value and not _EMAIL.fullmatch(value):
        return f"{value!r} is not an e-mail address"
    return None


def _wrong_choice(field: FieldDescribe, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    if not field.restricted_picklist:
        return None
    known = [entry.value for entry in field.picklist_values if entry.active]
    parts = value.split(";") if field.type == "multipicklist" else [value]
    for part in parts:
        if part and part not in known:
            return f"{part!r} is not one of {', '.join(known[:12])}"
    return None


def _wrong_number(field: FieldDescribe, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {value!r}"
    digits = field.precision - field.scale
    if field.precision and abs(value) >= 10**digits:
        return f"is too large: at most {digits} digits before the point"
    return None


_MOMENTS: dict[str, tuple[Any, str]] = {
    "date": (date.fromisoformat, "2026-01-31"),
    "datetime": (datetime.fromisoformat, "2026-01-31T09:00:00Z"),
    "time": (time.fromisoformat, "09:00:00.000Z"),
}


def _wrong_moment(kind: str, value: Any) -> str | None:
    read, example = _MOMENTS[kind]
    try:
        moment = read(value)
    except (TypeError, ValueError):
        return f"must be a {kind} like {example}, not {value!r}"
    if isinstance(moment, datetime) and moment.tzinfo is None:
        return f"needs a zone: write {value}Z if it is UTC"
    return None


def _required(command: Command, describe: Describe) -> Iterator[Problem]:
    if command.op is not Op.CREATE:
        return
    given = {name.lower() for name, value in command.fields.items() if value is not None}
    given.add((command.external_id_field or "").lower())
    for field in required_to_create(describe):
        if given.isdisjoint({field.name.lower(), *_parts(field, describe)}):
            yield Problem("REQUIRED_FIELD_MISSING", field.name, "is required to create a record")


def _parts(field: FieldDescribe, describe: Describe) -> Iterator[str]:
    """Name what a compound may be given by instead: a person account has no Name but a LastName."""
    for part in describe.fields:
        if part.compound_field_name == field.name and part.createable:
            yield part.name.lower()


def required_to_create(describe: Describe) -> list[FieldDescribe]:
    return [f for f in describe.fields if f.required_on_create and f.type != "boolean"]


_CAPITALS = str.maketrans({x: str(int(x.isupper())) for x in ascii_letters + digits})
_ALPHABET = {f"{place:05b}"[::-1]: x for place, x in enumerate(f"{ascii_uppercase}012345")}


def full_id(text: str) -> str | None:
    """`to_18` in a tenth of the time, which counts here; None for what is no id."""
    short = text[:15]
    try:
        full = short + _check_characters(short.translate(_CAPITALS))
    except KeyError:
        return None
    return full if text in (full, short) else None


@cache
def _check_characters(capitals: str) -> str:
    return _ALPHABET[capitals[:5]] + _ALPHABET[capitals[5:10]] + _ALPHABET[capitals[10:]]


def is_id(text: str) -> bool:
    return full_id(text) is not None


def _api_name(name: str, describe: Describe) -> str:
    field = describe.field(name)
    return field.name if field else name


def _offer(names: list[str]) -> str:
    return f"; did you mean {', '.join(names)}?" if names else ""
