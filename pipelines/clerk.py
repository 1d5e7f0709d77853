"""The check of a command, and how it is laid out as a row of the outbox."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec

from models import by_name
from models.command import REFERENCE, Command, Conflict, Op, Usual, is_reference, lane
from models.digest import digest
from models.naming import column_name
from models.outbox import KeyKind
from pipelines.basis import Basis, NoBasis
from pipelines.describes import Describes
from pipelines.keys import bears_keys
from pipelines.validate import Checks, Form, NotEnabled, Problem, form_of, problems
from salesforce.describe import Describe
from salesforce.errors import Rejected
from store.engine import Store
from store.outbox import Row

ACTION_DISABLED = "ACTION_DISABLED"
NO_BASIS = "NO_BASIS"
_NOW = timedelta(0)
DOCUMENTS = ("fields", "depends_on", "base")
"""Columns that hold JSON."""
_GUARDED = frozenset({Op.UPDATE, Op.DELETE})
_NOUNS = {"Knowledge__kav": "knowledge_article"}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a command is checked against."""

    store: Store
    describes: Describes
    allows: Callable[[str], bool]
    key_field: str


class Clerk:
    """Checks commands; each describe is looked up once, and asked for anew at most once."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._describes: dict[str, Describe | None] = {}
        self._renewed: set[str] = set()
        self._ways: dict[tuple[Op, str], _Way | None] = {}
        self._serves_once = cache(rules.describes.serves_once)

    def glance(self, one: Command | Usual, command_id: str) -> Row | None:
        """Lay a command out if it is certainly all right; None: it has to be looked at."""
        try:
            way = self._ways[one.op, one.sobject]
        except KeyError:
            way = self._ways[one.op, one.sobject] = self._way(one.op, one.sobject)
        if way is None:
            return None
        form = way.passed(one)
        return way.row(one, form, command_id) if form else None

    def check(self, command: Command) -> tuple[Row | None, list[Problem]]:
        """Lay a command out, or say what is wrong with it."""
        row = self.glance(command, command.id)
        return (row, []) if row else self._look(command)

    def _look(self, command: Command) -> tuple[Row | None, list[Problem]]:
        action = action_of(command.op, command.sobject)
        if not self._rules.allows(action):
            return None, [NotEnabled(ACTION_DISABLED, None, disabled(action), action)]
        try:
            describe = self._known(command.sobject)
        except Rejected as error:  # no name that could stand in an address
            return None, [Problem(error.code, None, str(error))]
        found = problems(command, describe)
        if any(problem.code == "INVALID_FIELD" for problem in found):
            # The field may be newer than our describe.
            describe = self._anew(command.sobject)
            found = problems(command, describe)
        if found or describe is None:
            return None, found
        way = _Way(command.op, describe, self._rules.key_field, self._serves_once)
        return self._based(command, way.row(command, form_of(command, describe), command.id))

    def _based(self, command: Command, row: Row) -> tuple[Row | None, list[Problem]]:
        """Take down what the record holds, where the command is to be guarded by that."""
        if command.op not in _GUARDED or command.on_conflict in {None, Conflict.OVERWRITE}:
            return row, []
        fields = json.loads(row.fields)
        try:
            basis = Basis(self._rules.store).of(
                replace(command, sobject=row.sobject, record_id=row.record_id, fields=fields)
            )
        except NoBasis as error:
            return None, [Problem(NO_BASIS, "on_conflict", str(error))]
        stamp = command.expected_modstamp or basis.stamp
        return row._replace(expected_modstamp=stamp, base=as_json(basis.values)), []

    def _way(self, op: Op, sobject: str) -> "_Way | None":
        if not self._rules.allows(action_of(op, sobject)):
            return None
        try:
            describe = self._known(sobject)
        except Rejected:
            return None
        if describe is None:
            return None
        return _Way(op, describe, self._rules.key_field, self._serves_once)

    def _known(self, sobject: str) -> Describe | None:
        if sobject not in self._describes:
            self._describes[sobject] = self._rules.describes.get(sobject)
        return self._describes[sobject]

    def _anew(self, sobject: str) -> Describe | None:
        if sobject not in self._renewed:
            self._renewed.add(sobject)
            self._describes[sobject] = self._rules.describes.get(sobject, max_age=_NOW)
            self._ways.clear()
        return self._describes[sobject]


class _Way:
    """How commands of one op on one sObject are laid out."""

    def __init__(
        self, op: Op, describe: Describe, key_field: str, serves_once: Callable[[str], bool]
    ) -> None:
        self.passed = Checks(op, describe).passed
        self._sobject = describe.name
        self._lock_parent = _lock_parent(describe.name)
        self._serves_once = serves_once
        key = describe.field(key_field) if op is Op.CREATE else None
        self._key_field = key.name if key and bears_keys(key) else None

    def row(self, one: Command | Usual, form: Form, command_id: str) -> Row:
        record_id, key_field, fields = form
        key, key_kind = one.external_id, None
        if one.op is Op.CREATE:
            key_field, key, key_kind = self._key(one, form, command_id)
        parent = fields.get(self._lock_parent)
        row = (
            command_id,
            one.op,
            self._sobject,
            record_id,
            key_field,
            key,
            _encode(fields).decode(),
            one.idempotency_key,
            one.expected_modstamp,
            as_json(one.depends_on) if one.depends_on else None,
            one.priority,
            one.not_before,
            one.on_conflict,
            one.auto_assign,
            one.allow_duplicates,
            None,
            key_kind,
            parent if isinstance(parent, str) else None,
            lane(one.op, self._sobject, record_id, (key_field, key), command_id),
            # A line without either is no repeat, and there may be very many.
            digest(one) if one.idempotency_key or one.id else None,
        )
        return tuple.__new__(Row, row)  # a fifth of the time that `Row(...)` takes

    def _key(
        self, one: Command | Usual, form: Form, command_id: str
    ) -> tuple[str | None, str | None, KeyKind]:
        """Put a key on a create that can bear one, and say how it is kept single."""
        if one.external_id:
            return form[1], one.external_id, KeyKind.EXTERNAL_ID
        if self._key_field and self._key_field not in form[2]:
            return self._key_field, command_id, KeyKind.EXTERNAL_ID
        # The UI API runs the active assignment rule or none; one that is named, REST does.
        by_ui = one.auto_assign in {None, "true"} and self._serves_once(self._sobject)
        return None, None, KeyKind.IDEMPOTENCY if by_ui else KeyKind.PROBE


def action_of(op: Op, sobject: str) -> str:
    """Name the action a command amounts to: `update_case`, `publish_knowledge_article`."""
    return f"{op}_{_NOUNS.get(sobject) or column_name(sobject)}"


def disabled(action: str) -> str:
    """Say that an action is not enabled, and where it would be."""
    return f"the action {action} is not enabled: see SCSYNC_ACTIONS, or the account's profile"


def parents_of(depends_on: Iterable[str] | None, fields: dict[str, Any]) -> tuple[str, ...]:
    """Name the commands that one refers to, each once."""
    named = [
        value[REFERENCE]
        for value in fields.values()
        if isinstance(value, dict) and is_reference(value)
    ]
    return tuple(dict.fromkeys([*(depends_on or ()), *named]))


def _lock_parent(sobject: str) -> str:
    """Name the field whose record a write locks, too; empty where there is none."""
    try:
        return by_name(sobject).lock_parent or ""
    except LookupError:
        return ""  # an object that is written, and not read


def as_json(value: Any) -> str:
    return _encode(value).decode()
