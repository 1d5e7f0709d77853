"""Submission: commands are checked, then stored all together; refused ones leave no trace."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection

from models import by_name
from models.command import Command, Conflict, InvalidCommand, Op, lane
from models.naming import column_name
from models.outbox import KeyKind, OutboxEntry, Ready
from pipelines import merged
from pipelines.basis import Basis, NoBasis
from pipelines.describes import Describes
from pipelines.validate import Problem, problems
from salesforce.describe import Describe, FieldDescribe
from salesforce.errors import Rejected
from salesforce.ids import to_18
from store import dependencies, lanes, outbox, revival
from store.engine import Store

Clock = Callable[[], datetime]
_CHUNK = 1_000
_MOST_REFUSALS = 20
_NOW = timedelta(0)
_KEY_LENGTH = 36  # a UUID
_GUARDED = frozenset({Op.UPDATE, Op.DELETE})
_NOUNS = {"Knowledge__kav": "knowledge_article"}


@dataclass(frozen=True)
class Receipt:
    """A command's id; `repeated` when its idempotency key was known, and so is its answer."""

    id: str
    repeated: bool = False


@dataclass(frozen=True)
class Refusal:
    """One command of a submission that will not do, and why."""

    place: int
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return f"command {self.place}: " + "; ".join(str(problem) for problem in self.problems)


@dataclass(frozen=True)
class Admitted:
    """A command that will do, and what is known of it beforehand."""

    command: Command
    key_kind: KeyKind | None = None
    """How its create is kept from happening twice."""
    base: dict[str, Any] | None = None
    """What its fields held when it was accepted, in the form of the wire."""

    @property
    def parent(self) -> str | None:
        """The other record that its write locks, as far as it names it."""
        try:
            name = by_name(self.command.sobject).lock_parent
        except LookupError:
            return None  # an object that is written, and not read
        named = self.command.fields.get(name or "")
        return named if isinstance(named, str) else None


class Refused(Exception):  # noqa: N818 - read at the call site
    """Nothing was stored: these commands will not do."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where commands are handed in: the one door for the command line, Python and messages."""

    store: Store
    describes: Describes
    clock: Clock
    allows: Callable[[str], bool]
    key_field: str

    def submit(self, commands: Iterable[Command]) -> list[Receipt]:
        """Store all of these commands, or none; raises `Refused` with every reason."""
        ready = self._checked(commands)
        receipts: list[Receipt] = []
        with self.store.begin() as tx:
            for start in range(0, len(ready), _CHUNK):
                receipts += self._append(tx, ready[start : start + _CHUNK], start)
        return receipts

    def admit(self, *, limit: int = _CHUNK) -> int:
        """Check rows that other programs inserted: each gets its lane, or a cause for refusal."""
        with self.store.read() as tx:
            entries = outbox.unadmitted(tx, limit)
        # Describes may be asked for here, so no transaction is open; two workers may check the
        # same row, and come to the same result.
        look = _Look(self.describes)
        checked = [(entry, *self._read(entry, look)) for entry in entries]
        if checked:
            with self.store.begin() as tx:
                for entry, command, found in checked:
                    self._admit(tx, entry, command, found)
        return len(entries)

    def _check(self, command: Command, look: "_Look") -> tuple[Admitted, list[Problem]]:
        """Give the command as it will be stored, and what is wrong with it."""
        action = action_of(command)
        if not self.allows(action):
            refusal = f"the action {action} is not enabled: see SCSYNC_ACTIONS"
            return Admitted(command), [Problem("ACTION_DISABLED", None, refusal)]
        try:
            describe = look.known(command.sobject)
        except Rejected as error:  # no name that could stand in an address
            return Admitted(command), [Problem(error.code, None, str(error))]
        found = problems(command, describe)
        if any(problem.code == "INVALID_FIELD" for problem in found):
            # The field may be newer than our describe.
            describe = look.anew(command.sobject)
            found = problems(command, describe)
        if found or describe is None:
            return Admitted(command), found
        return self._based(self._complete(command, describe, look))

    def _based(self, admitted: Admitted) -> tuple[Admitted, list[Problem]]:
        """Take down what the record holds, where the command is to be guarded by that."""
        command = admitted.command
        if command.op not in _GUARDED or command.on_conflict in {None, Conflict.OVERWRITE}:
            return admitted, []
        try:
            basis = Basis(self.store).of(command)
        except NoBasis as error:
            return admitted, [Problem("NO_BASIS", "on_conflict", str(error))]
        guarded = replace(command, expected_modstamp=command.expected_modstamp or basis.stamp)
        return replace(admitted, command=guarded, base=basis.values), []

    def _complete(self, command: Command, describe: Describe, look: "_Look") -> Admitted:
        """Write names and ids in their one form, and put a key on a create that can bear one.

        Salesforce takes `case` for `Case` and 15 characters for 18; the lane must not.
        """
        command = replace(
            command,
            sobject=describe.name,
            record_id=to_18(command.record_id) if command.record_id else None,
            external_id_field=_api_name(command.external_id_field or "", describe) or None,
            fields={_api_name(name, describe): value for name, value in command.fields.items()},
        )
        if command.op is not Op.CREATE:
            return Admitted(command)
        if command.external_id:
            return Admitted(command, KeyKind.EXTERNAL_ID)
        key = describe.field(self.key_field)
        if key and key.name not in command.fields and bears_keys(key):
            keyed = replace(command, external_id_field=key.name, external_id=command.id)
            return Admitted(keyed, KeyKind.EXTERNAL_ID)
        by_ui = look.serves_once(command.sobject)
        return Admitted(command, KeyKind.IDEMPOTENCY if by_ui else KeyKind.PROBE)

    def _checked(self, commands: Iterable[Command]) -> list[Admitted]:
        look = _Look(self.describes)
        ready: list[Admitted] = []
        refusals: list[Refusal] = []
        for place, given in enumerate(commands, start=1):
            admitted, found = self._check(given, look)
            ready.append(admitted)
            if found:
                refusals.append(Refusal(place, tuple(found)))
            if len(refusals) >= _MOST_REFUSALS:
                break
        if refusals:
            raise Refused(refusals)
        return ready

    def _append(self, tx: Connection, ready: list[Admitted], start: int) -> list[Receipt]:
        commands = [one.command for one in ready]
        first = self._first_of_each_key(tx, commands)
        there = outbox.known(tx, [command.id for command in commands])
        fresh = [
            (place, one)
            for place, one in enumerate(ready, start=start + 1)
            if first.get(one.command.idempotency_key, one.command.id) == one.command.id
            and one.command.id not in there
        ]
        now = self.clock()
        outbox.append(tx, self._rows(tx, [one for _, one in fresh], now))
        # On PostgreSQL another submission may have brought the same key in this very moment.
        keys = [x.command.idempotency_key for _, x in fresh if x.command.idempotency_key]
        first.update(outbox.by_key(tx, keys))
        stored = {
            one.command.id
            for _, one in fresh
            if first.get(one.command.idempotency_key, one.command.id) == one.command.id
        }
        for place, one in fresh:
            if one.command.id in stored:
                self._link(tx, one.command, place)
        merged.redirect(tx, [x.command for _, x in fresh if x.command.id in stored], now=now)
        ids = [first.get(command.idempotency_key, command.id) for command in commands]
        return [_receipt(command_id, stored) for command_id in ids]

    def _rows(self, tx: Connection, ready: list[Admitted], now: datetime) -> list[dict[str, Any]]:
        """Lay commands out as rows; each lane's first is due, unless others are there already."""
        taken = lanes.occupied(tx, [lane(one.command) for one in ready])
        rows = []
        for one in ready:
            row = _row(one, now)
            row["ready"] = int(Ready.BLOCKED if row["lane"] in taken else _waits(one.command, now))
            taken.add(row["lane"])
            rows.append(row)
        return rows

    @staticmethod
    def _first_of_each_key(tx: Connection, commands: list[Command]) -> dict[str | None, str]:
        keyed = {c.idempotency_key: c.id for c in reversed(commands) if c.idempotency_key}
        first: dict[str | None, str] = {}
        first.update(keyed)
        first.update(outbox.by_key(tx, keyed))
        return first

    def _link(self, tx: Connection, command: Command, place: int) -> None:
        parents = command.references()
        if not parents:
            return
        waits_for, broken = dependencies.link(tx, command.id, parents)
        if broken:
            raise Refused([Refusal(place, (_broken(broken),))])
        lanes.hold(tx, command.id, waits_for=waits_for)

    def _read(self, entry: OutboxEntry, look: "_Look") -> tuple[Admitted | None, list[Problem]]:
        try:
            return self._check(read(entry), look)
        except InvalidCommand as error:
            return None, [Problem("INVALID_COMMAND", None, str(error))]

    def _admit(
        self, tx: Connection, entry: OutboxEntry, ready: Admitted | None, found: list[Problem]
    ) -> None:
        waits_for, broken = 0, None
        if ready and not found:
            waits_for, broken = dependencies.link(tx, entry.id, ready.command.references())
        if broken:
            found = [_broken(broken)]
        if ready is None or found:
            text = "; ".join(str(problem) for problem in found)
            revival.refuse(tx, entry.id, found[0].code, text, now=self.clock())
            return
        row = _row(ready, entry.submitted_at)
        settled = {"id", "idempotency_key", "submitted_at"}
        values = {name: value for name, value in row.items() if name not in settled}
        lanes.admit(tx, entry.id, {**values, "waits_for": waits_for}, now=self.clock())
        merged.redirect(tx, [ready.command], now=self.clock())


class _Look:
    """Describes for one submission: each is looked up once, and asked for anew at most once."""

    def __init__(self, describes: Describes) -> None:
        self.known = cache(describes.get)
        self.anew = cache(partial(describes.get, max_age=_NOW))
        self.serves_once = cache(describes.serves_once)


def drop_in(command: Command, *, store: Store, now: datetime, key: str | None = None) -> None:
    """Store a command unchecked, as any program may: it is admitted like all such rows."""
    command = replace(command, idempotency_key=command.idempotency_key or key)
    with store.begin() as tx:
        row = _row(Admitted(command), now)
        outbox.append(tx, [{**row, "lane": None, "ready": int(Ready.BLOCKED)}])


def action_of(command: Command) -> str:
    """Name the action a command amounts to: `update_case`, `publish_knowledge_article`."""
    noun = _NOUNS.get(command.sobject) or column_name(command.sobject)
    return f"{command.op}_{noun}"


def parse_lines(lines: Iterable[str]) -> Iterator[Command]:
    """Read commands, one JSON object a line; raises `InvalidCommand` naming the line."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse(number, line)


def read(entry: OutboxEntry) -> Command:
    """Read a row as the command it is; raises `InvalidCommand` for a row that is none."""
    columns: dict[str, Any] = {
        name: getattr(entry, name)
        for name in Command.__dataclass_fields__
        if getattr(entry, name) is not None
    }
    return Command.from_json(columns)


def _parse(number: int, line: str) -> Command:
    try:
        return Command.from_json(json.loads(line))
    except json.JSONDecodeError as error:
        raise InvalidCommand(f"line {number} is not JSON: {error.msg}") from None
    except InvalidCommand as error:
        raise InvalidCommand(f"line {number}: {error}") from None


def bears_keys(field: FieldDescribe) -> bool:
    """Tell whether a field can hold the keys of creates: an external id, unique, long enough."""
    is_key = field.external_id and field.unique and field.createable
    return is_key and field.length >= _KEY_LENGTH


def _waits(command: Command, now: datetime) -> Ready:
    is_timed = command.not_before is not None and command.not_before > now
    return Ready.TIMED if is_timed else Ready.DUE


def _row(ready: Admitted, now: datetime) -> dict[str, Any]:
    command = ready.command
    return {
        "id": command.id,
        "op": command.op,
        "sobject": command.sobject,
        "record_id": command.record_id,
        "external_id_field": command.external_id_field,
        "external_id": command.external_id,
        "fields": command.fields,
        "idempotency_key": command.idempotency_key,
        "expected_modstamp": command.expected_modstamp,
        "depends_on": list(command.depends_on) or None,
        "priority": command.priority,
        "not_before": command.not_before,
        "submitted_at": now,
        "on_conflict": command.on_conflict,
        "auto_assign": command.auto_assign,
        "allow_duplicates": command.allow_duplicates,
        "base": ready.base,
        "key_kind": ready.key_kind,
        "parent": ready.parent,
        "lane": lane(command),
    }


def _receipt(command_id: str, stored: set[str]) -> Receipt:
    """Give the receipt; the first of several with one key is the command, the rest repeat it."""
    repeated = command_id not in stored
    stored.discard(command_id)
    return Receipt(command_id, repeated)


def _api_name(name: str, describe: Describe) -> str:
    field = describe.field(name)
    return field.name if field else name


def _broken(parent: str) -> Problem:
    return Problem(
        dependencies.FAILED_CODE,
        "depends_on",
        f"command {parent} is unknown, later than this one, or has failed: "
        "submit or revive it first",
    )
