"""Submission: commands are checked, then stored all together; refused ones leave no trace.

However many they are: what is checked lies in a file until all of it is, and the transaction that
stores it is as short as it can be.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import compress, islice
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec
from sqlalchemy import Connection

from models import by_name
from models.command import (
    REFERENCE,
    Command,
    Conflict,
    InvalidCommand,
    Op,
    Usual,
    is_reference,
    lane,
    new_ids,
    usual,
)
from models.naming import column_name
from models.outbox import FAILED, CommandState, KeyKind, OutboxEntry, Ready, Taken
from pipelines import merged
from pipelines.basis import Basis, NoBasis
from pipelines.describes import Describes
from pipelines.hand import command_of
from pipelines.parcels import MOST, Kind, Letter, parcels
from pipelines.validate import Checks, Form, Problem, form_of, problems
from salesforce.describe import Describe, FieldDescribe
from salesforce.errors import Rejected
from store import dependencies, lanes, outbox, revival
from store.engine import Store
from store.outbox import Columns, Row

Clock = Callable[[], datetime]
Item = TypeVar("Item")
_CHUNK = 2_000
_MOST_REFUSALS = 20
_NOW = timedelta(0)
_KEY_LENGTH = 36  # a UUID
_REPEATED = "*"
_encode = msgspec.json.Encoder().encode
_IN_MEMORY = 1 << 22  # bytes; what is more goes into a file
_GUARDED = frozenset({Op.UPDATE, Op.DELETE})
_HOPELESS = frozenset({*FAILED, CommandState.DISCARDED})
_MISSING = CommandState.DISCARDED
_DOCUMENTS = ("fields", "depends_on", "base")
_NOUNS = {"Knowledge__kav": "knowledge_article"}
_Checked: TypeAlias = tuple[OutboxEntry, Row | None, list[Problem]]


class Receipt(NamedTuple):
    """A command's id; `repeated` when its idempotency key was known, and so is its answer."""

    id: str
    repeated: bool = False


class Progress(NamedTuple):
    """How far a submission is."""

    checked: int
    stored: int


@dataclass(frozen=True)
class Refusal:
    """One command of a submission that will not do, and why."""

    place: int
    problems: tuple[Problem, ...]
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, command {self.place}" if self.line else f"command {self.place}"
        return f"{where}: " + "; ".join(str(problem) for problem in self.problems)


class Refused(Exception):  # noqa: N818 - read at the call site
    """Nothing was stored: these commands will not do."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals


class Dependent(NamedTuple):
    """A command that refers to others, and where it stood: in its chunk, and in all."""

    id: str
    position: int
    parents: tuple[str, ...]
    place: int
    line: int | None

    def broken(self, parent: str) -> Refused:
        return Refused([Refusal(self.place, (_broken(parent),), self.line)])


class Chunk(msgspec.Struct):
    """Checked commands on their way into the store, and what is unusual about some."""

    columns: Columns
    named: list[str] = []
    """Ids that their authors gave them, and that may be known already."""
    dependents: list[Dependent] = []

    @property
    def ids(self) -> list[str]:
        return self.column("id")

    def column(self, name: str) -> list[Any]:
        """Give one value for each command, also of a column that holds none."""
        return self.columns.get(name) or [None] * len(self.columns.get("id", ()))

    def only(self, wanted: list[bool]) -> "Chunk":
        """Leave commands out."""
        if all(wanted):
            return self
        columns = {name: list(compress(x, wanted)) for name, x in self.columns.items()}
        return Chunk(columns, self.named, [one for one in self.dependents if wanted[one.position]])


class Spool:
    """Chunks, in memory while they are few."""

    def __init__(self) -> None:
        self.commands = 0
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `close`

    def add(self, chunk: Chunk) -> None:
        self.commands += len(chunk.ids)
        body = msgspec.msgpack.encode(chunk)
        self._file.write(len(body).to_bytes(8))
        self._file.write(body)

    def __iter__(self) -> Iterator[Chunk]:
        self._file.seek(0)
        while head := self._file.read(8):
            yield msgspec.msgpack.decode(self._file.read(int.from_bytes(head)), type=Chunk)

    def close(self) -> None:
        self._file.close()


class Receipts:
    """Receipts in the order of their commands, as often as they are asked for."""

    def __init__(self) -> None:
        self.total = 0
        self.repeated = 0
        self._file = SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8")  # noqa: SIM115

    def clear(self) -> None:
        """Begin anew."""
        self.total = self.repeated = 0
        self._file.seek(0)
        self._file.truncate()

    def add(self, ids: list[str], repeated: set[int]) -> None:
        """Take down ids, and the positions of those that are another command's."""
        self.total += len(ids)
        self.repeated += len(repeated)
        for position in repeated:
            ids[position] += _REPEATED
        self._file.write("\n".join([*ids, ""]))

    def __iter__(self) -> Iterator[Receipt]:
        self._file.seek(0)
        for line in self._file:
            name = line.rstrip()
            yield Receipt(name.rstrip(_REPEATED), name.endswith(_REPEATED))

    def close(self) -> None:
        self._file.close()


@dataclass
class Calls:
    """Requests of one kind: how many, for how many commands, and how creates are kept single."""

    kind: Kind
    calls: int = 0
    commands: int = 0
    kept_single: Counter[KeyKind] = field(default_factory=Counter)


@dataclass
class Rehearsal:
    """What a submission would lead to, were it alone in the queue."""

    commands: int = 0
    repeated: int = 0
    kinds: dict[Kind, Calls] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return sum(one.calls for one in self.kinds.values())

    def add(self, commands: int, fresh: Chunk) -> None:
        """Count commands, and the requests for those that are new, as many as go in one hand."""
        self.commands += commands
        self.repeated += commands - len(fresh.ids)
        for hand in _parts(_letters(fresh), MOST):
            for parcel in parcels(hand):
                found = self.kinds.setdefault(parcel.kind, Calls(parcel.kind))
                found.calls += 1
                found.commands += len(parcel.letters)
                kept = [one.entry.key_kind for one in parcel.letters]
                found.kept_single.update(KeyKind(one) for one in kept if one)


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
        with self._stored(Intake(self).commands(commands)) as receipts:
            return list(receipts)

    @contextmanager
    def submit_lines(
        self, lines: Iterable[str], *, report: Callable[[Progress], None] = lambda _: None
    ) -> Iterator[Receipts]:
        """Store commands, one JSON object a line, as `submit` does, however many there are.

        Raises `InvalidCommand` for a line that is none. The receipts are there until the block
        ends.
        """
        with self._stored(Intake(self).lines(lines), report) as receipts:
            yield receipts

    def rehearse(self, commands: Iterable[Command]) -> Rehearsal:
        """Check as `submit` does, store nothing, and count the requests that it would lead to."""
        return self._rehearsed(Intake(self).commands(commands))

    def rehearse_lines(self, lines: Iterable[str]) -> Rehearsal:
        """Do the same for one JSON object a line."""
        return self._rehearsed(Intake(self).lines(lines))

    def admit(self, *, limit: int = 1_000) -> int:
        """Check rows that other programs inserted: each gets its lane, or a cause for refusal."""
        with self.store.read() as tx:
            entries = outbox.unadmitted(tx, limit)
        # Describes may be asked for here, so no transaction is open; two workers may check the
        # same row, and come to the same result.
        clerk = Clerk(self)
        checked = [(entry, *_reread(entry, clerk)) for entry in entries]
        if checked:
            self.store.write(lambda tx: self._admitted(tx, checked))
        return len(entries)

    @contextmanager
    def _stored(
        self, chunks: Iterable[Chunk], report: Callable[[Progress], None] = lambda _: None
    ) -> Iterator[Receipts]:
        with closing(Receipts()) as receipts:
            with closing(Spool()) as spool:
                for chunk in chunks:
                    spool.add(chunk)
                    report(Progress(spool.commands, 0))
                self.store.write(lambda tx: self._append_all(tx, spool, receipts, report))
            yield receipts

    def _append_all(
        self, tx: Connection, spool: Spool, receipts: Receipts, report: Callable[[Progress], None]
    ) -> None:
        receipts.clear()
        with outbox.room(tx):
            for chunk in spool:
                receipts.add(*self._append(tx, chunk))
                report(Progress(spool.commands, receipts.total))

    def _append(self, tx: Connection, chunk: Chunk) -> tuple[list[str], set[int]]:
        """Store what is new; give the id that answers to each, and which are another command's."""
        now, before = self.clock(), _Before()
        fresh = _fresh(tx, chunk, before)
        waits = _waits(tx, fresh, before, held=True)
        columns = {**fresh.columns, "ready": _readiness(tx, fresh, waits, now)}
        if waits:
            columns["waits_for"] = [len(waits.get(one, ())) for one in fresh.ids]
        outbox.append(tx, columns, now=now)
        lost = _lost(tx, fresh, before)
        _link(tx, fresh, waits, lost)
        _follow(tx, fresh, now)
        if fresh is chunk and not lost:
            return chunk.ids, set()
        return _answers(chunk, before, set(fresh.ids) - lost)

    def _rehearsed(self, chunks: Iterable[Chunk]) -> Rehearsal:
        found, before = Rehearsal(), _Before()
        for chunk in chunks:
            with self.store.read() as tx:
                fresh = _fresh(tx, chunk, before)
                _waits(tx, fresh, before, held=False)
            before.ids.update(set(fresh.named).intersection(fresh.ids))
            found.add(len(chunk.ids), fresh)
        return found

    def _admitted(self, tx: Connection, checked: Iterable[_Checked]) -> None:
        if not lanes.may_admit(tx):
            return
        for entry, row, found in checked:
            self._admit(tx, entry, row, found)

    def _admit(
        self, tx: Connection, entry: OutboxEntry, row: Row | None, found: list[Problem]
    ) -> None:
        waits_for, broken = 0, None
        if row:
            documents = {name: json.loads(getattr(row, name) or "null") for name in _DOCUMENTS}
            parents = _parents(documents["depends_on"], documents["fields"])
            waits_for, broken = dependencies.link(tx, entry.id, parents)
        if broken:
            found = [_broken(broken)]
        if row is None or found:
            text = "; ".join(str(problem) for problem in found)
            revival.refuse(tx, entry.id, found[0].code, text, now=self.clock())
            return
        settled = {"id", "idempotency_key"}
        values = {name: value for name, value in row._asdict().items() if name not in settled}
        values |= {**documents, "waits_for": waits_for}
        lanes.admit(tx, entry.id, values, now=self.clock())
        _follow(tx, Chunk(outbox.columns_of([row])), self.clock())


class Clerk:
    """Checks commands; each describe is looked up once, and asked for anew at most once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._describes: dict[str, Describe | None] = {}
        self._renewed: set[str] = set()
        self._ways: dict[tuple[Op, str], _Way | None] = {}
        self._serves_once = cache(desk.describes.serves_once)

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
        if not self._desk.allows(action):
            message = f"the action {action} is not enabled: see SCSYNC_ACTIONS"
            return None, [Problem("ACTION_DISABLED", None, message)]
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
        way = _Way(command.op, describe, self._desk.key_field, self._serves_once)
        return self._based(command, way.row(command, form_of(command, describe), command.id))

    def _based(self, command: Command, row: Row) -> tuple[Row | None, list[Problem]]:
        """Take down what the record holds, where the command is to be guarded by that."""
        if command.op not in _GUARDED or command.on_conflict in {None, Conflict.OVERWRITE}:
            return row, []
        fields = json.loads(row.fields)
        try:
            basis = Basis(self._desk.store).of(
                replace(command, sobject=row.sobject, record_id=row.record_id, fields=fields)
            )
        except NoBasis as error:
            return None, [Problem("NO_BASIS", "on_conflict", str(error))]
        stamp = command.expected_modstamp or basis.stamp
        return row._replace(expected_modstamp=stamp, base=_json(basis.values)), []

    def _way(self, op: Op, sobject: str) -> "_Way | None":
        if not self._desk.allows(action_of(op, sobject)):
            return None
        try:
            describe = self._known(sobject)
        except Rejected:
            return None
        if describe is None:
            return None
        return _Way(op, describe, self._desk.key_field, self._serves_once)

    def _known(self, sobject: str) -> Describe | None:
        if sobject not in self._describes:
            self._describes[sobject] = self._desk.describes.get(sobject)
        return self._describes[sobject]

    def _anew(self, sobject: str) -> Describe | None:
        if sobject not in self._renewed:
            self._renewed.add(sobject)
            self._describes[sobject] = self._desk.describes.get(sobject, max_age=_NOW)
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
            key_field, key, key_kind = self._key(form, key, command_id)
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
            _json(one.depends_on) if one.depends_on else None,
            one.priority,
            one.not_before,
            one.on_conflict,
            one.auto_assign,
            one.allow_duplicates,
            None,
            key_kind,
            parent if isinstance(parent, str) else None,
            lane(one.op, self._sobject, record_id, (key_field, key), command_id),
        )
        return tuple.__new__(Row, row)  # a fifth of the time that `Row(...)` takes

    def _key(
        self, form: Form, key: str | None, command_id: str
    ) -> tuple[str | None, str | None, KeyKind]:
        """Put a key on a create that can bear one, and say how it is kept single."""
        if key:
            return form[1], key, KeyKind.EXTERNAL_ID
        if self._key_field and self._key_field not in form[2]:
            return self._key_field, command_id, KeyKind.EXTERNAL_ID
        by_ui = self._serves_once(self._sobject)
        return None, None, KeyKind.IDEMPOTENCY if by_ui else KeyKind.PROBE


class Intake:
    """Takes commands in, one after the other, and gives those that will do, many at a time."""

    def __init__(self, desk: Desk) -> None:
        self._clerk = Clerk(desk)
        self._place = 0
        self._refusals: list[Refusal] = []
        self._clear()

    def commands(self, commands: Iterable[Command]) -> Iterator[Chunk]:
        """Check commands; raises `Refused` at the end, or as soon as there is enough to say."""
        for some in _parts(commands, _CHUNK):
            for command in some:
                self._place += 1
                self._take(command, is_named=True)
            yield from self._given()
        self._end()

    def lines(self, lines: Iterable[str]) -> Iterator[Chunk]:
        """Do the same for lines of JSON; raises `InvalidCommand` naming the line."""
        for some in _parts(enumerate(lines, start=1), _CHUNK):
            for (number, line), spare_id in zip(some, new_ids(len(some)), strict=True):
                if line and not line.isspace():
                    self._place += 1
                    self._take_line(line, number, spare_id)
            yield from self._given()
        self._end()

    def _take_line(self, line: str, number: int, spare_id: str) -> None:
        one = usual(line)
        command_id = spare_id if one is None or one.id is None else str(one.id)
        row = self._clerk.glance(one, command_id) if one is not None else None
        if one is None or row is None:
            command = _parse(line, number, spare_id)
            self._take(command, number, is_named=command.id != spare_id)
            return
        if command_id is not spare_id:
            self._named.append(command_id)
        # A reference is an object within an object within the command's.
        if line.count("{") > 2:  # noqa: PLR2004
            self._refer(command_id, _parents((), one.fields), number)
        self._rows.append(row)

    def _take(self, command: Command, line: int | None = None, *, is_named: bool) -> None:
        row, found = self._clerk.check(command)
        if row is None:
            self._refuse(Refusal(self._place, tuple(found), line))
            return
        if is_named:
            self._named.append(command.id)
        self._refer(command.id, command.references(), line)
        self._rows.append(row)

    def _refer(self, command_id: str, parents: tuple[str, ...], line: int | None) -> None:
        if parents:
            one = Dependent(command_id, len(self._rows), parents, self._place, line)
            self._dependents.append(one)

    def _refuse(self, refusal: Refusal) -> None:
        self._refusals.append(refusal)
        if len(self._refusals) == _MOST_REFUSALS:
            self._end()

    def _given(self) -> Iterator[Chunk]:
        """Give what has been taken in, unless it is in vain."""
        if self._rows and not self._refusals:
            yield Chunk(outbox.columns_of(self._rows), self._named, self._dependents)
        self._clear()

    def _clear(self) -> None:
        self._rows: list[Row] = []
        self._named: list[str] = []
        self._dependents: list[Dependent] = []

    def _end(self) -> None:
        if self._refusals:
            raise Refused(self._refusals)


@dataclass
class _Before:
    """What came earlier and may come again: commands by their keys, and ids that were named."""

    holders: dict[str | None, str] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)


def drop_in(command: Command, *, store: Store, now: datetime, key: str | None = None) -> None:
    """Store a command unchecked, as any program may: it is admitted like all such rows."""
    values = {name: getattr(command, name, None) for name in Row._fields}
    values["idempotency_key"] = command.idempotency_key or key
    values |= {"fields": _json(command.fields), "depends_on": _json(command.depends_on or None)}
    row = Row._make(values[name] for name in Row._fields)
    with store.begin() as tx:
        outbox.append(tx, outbox.columns_of([row]), now=now)


def action_of(op: Op, sobject: str) -> str:
    """Name the action a command amounts to: `update_case`, `publish_knowledge_article`."""
    return f"{op}_{_NOUNS.get(sobject) or column_name(sobject)}"


def parse_lines(lines: Iterable[str]) -> Iterator[Command]:
    """Read commands, one JSON object a line; raises `InvalidCommand` naming the line."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse(line, number)


def read(entry: OutboxEntry) -> Command:
    """Read a row as the command it is; raises `InvalidCommand` for a row that is none."""
    columns: dict[str, Any] = {
        name: getattr(entry, name)
        for name in Command.__dataclass_fields__
        if getattr(entry, name) is not None
    }
    return Command.from_json(columns)


def bears_keys(field: FieldDescribe) -> bool:
    """Tell whether a field can hold the keys of creates: an external id, unique, long enough."""
    is_key = field.external_id and field.unique and field.createable
    return is_key and field.length >= _KEY_LENGTH


def _reread(entry: OutboxEntry, clerk: Clerk) -> tuple[Row | None, list[Problem]]:
    try:
        return clerk.check(read(entry))
    except InvalidCommand as error:
        return None, [Problem("INVALID_COMMAND", None, str(error))]


def _parse(line: str, number: int, spare_id: str | None = None) -> Command:
    try:
        return Command.from_json(json.loads(line), spare_id=spare_id)
    except json.JSONDecodeError as error:
        raise InvalidCommand(f"line {number} is not JSON: {error.msg}") from None
    except InvalidCommand as error:
        raise InvalidCommand(f"line {number}: {error}") from None
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond all bounds
        raise InvalidCommand(f"line {number} cannot be read: {error}") from None


def _parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while some := list(islice(source, size)):
        yield some


def _fresh(tx: Connection, chunk: Chunk, before: _Before) -> Chunk:
    """Choose those whose key and id are new, in the store and among what came before."""
    keys = [key for key in chunk.columns.get("idempotency_key", ()) if key]
    if not keys and not chunk.named:
        return chunk
    before.holders.update(outbox.by_key(tx, keys) if keys else {})
    there = outbox.known(tx, chunk.named) | before.ids.intersection(chunk.named)
    wanted = []
    for command_id, key in zip(chunk.ids, chunk.column("idempotency_key"), strict=True):
        is_first = not key or before.holders.setdefault(key, command_id) == command_id
        wanted.append(is_first and command_id not in there)
        if wanted[-1]:
            there.add(command_id)
    return chunk.only(wanted)


def _waits(tx: Connection, chunk: Chunk, before: _Before, *, held: bool) -> dict[str, list[str]]:
    """Find what each waits for; raises `Refused` for what can never come to be.

    Commands that only wait for earlier ones never wait for each other.
    """
    parents = {parent for one in chunk.dependents for parent in one.parents}
    if not parents:
        return {}
    states = dict.fromkeys(before.ids & parents, str(CommandState.PENDING))
    states |= outbox.standing(tx, parents, held=held)
    places = {command_id: place for place, command_id in enumerate(chunk.ids)}
    waits: dict[str, list[str]] = {}
    for one in chunk.dependents:
        for parent in one.parents:
            is_earlier = places.get(parent, len(places)) < places[one.id]
            state = CommandState.PENDING if is_earlier else states.get(parent, _MISSING)
            if state in _HOPELESS:
                raise one.broken(parent)
            if state != CommandState.APPLIED:
                waits.setdefault(one.id, []).append(parent)
    return waits


def _readiness(
    tx: Connection, chunk: Chunk, waits: dict[str, list[str]], now: datetime
) -> list[int]:
    """Say of each what it waits for; its lane's first is due, unless others are there already."""
    blocked, timed, due = int(Ready.BLOCKED), int(Ready.TIMED), int(Ready.DUE)
    names: list[str] = chunk.column("lane")
    # A create's lane is its own.
    shared = [x for x, op in zip(names, chunk.column("op"), strict=True) if op != Op.CREATE]
    # Few are taken as a rule, and only those are worth a lock.
    busy = outbox.busy(tx, shared) if shared else set()
    taken = lanes.occupied(tx, busy) if busy else busy
    ready = []
    for name, command_id, then in zip(names, chunk.ids, chunk.column("not_before"), strict=True):
        if name in taken or command_id in waits:
            ready.append(blocked)
        else:
            ready.append(timed if then and then > now else due)
        taken.add(name)
    return ready


def _lost(tx: Connection, chunk: Chunk, before: _Before) -> set[str]:
    """Find those whose key another submission brought in this very moment, on PostgreSQL."""
    keys = chunk.columns.get("idempotency_key", [])
    if tx.dialect.name == "sqlite" or not any(keys):
        return set()
    before.holders.update(outbox.by_key(tx, [key for key in keys if key]))
    return {x for x, key in zip(chunk.ids, keys, strict=True) if key and before.holders[key] != x}


def _link(tx: Connection, chunk: Chunk, waits: dict[str, list[str]], lost: set[str]) -> None:
    """Write down what waits for what."""
    links = []
    for one in chunk.dependents:
        if one.id in lost:
            continue
        for parent in waits.get(one.id, ()):
            if parent in lost:
                raise one.broken(parent)
            links.append((one.id, parent))
    outbox.link(tx, links)


def _follow(tx: Connection, chunk: Chunk, now: datetime) -> None:
    """Have updates of records that are known to have been merged follow them."""
    ids: dict[str, list[str]] = {}
    for op, sobject, record_id in zip(
        chunk.column("op"), chunk.column("sobject"), chunk.column("record_id"), strict=True
    ):
        if op == Op.UPDATE:
            ids.setdefault(sobject, []).append(record_id)
    for sobject, records in ids.items():
        try:
            model = by_name(sobject)
        except LookupError:
            continue  # an object that is written, and not read
        if merged.MASTER in model.table().columns:
            losers = outbox.merged(tx, model, records)
            lost = [Command(op=Op.UPDATE, sobject=sobject, record_id=one) for one in losers]
            merged.redirect(tx, lost, now=now)


def _answers(chunk: Chunk, before: _Before, stored: set[str]) -> tuple[list[str], set[int]]:
    """Tell which command each is; the first of several with one key is new, the rest repeat it."""
    ids, repeated = [], set()
    keys = chunk.column("idempotency_key")
    for position, (command_id, key) in enumerate(zip(chunk.ids, keys, strict=True)):
        ids.append(before.holders.get(key) or command_id)
        if ids[-1] not in stored:
            repeated.add(position)
        stored.discard(ids[-1])
    return ids, repeated


def _letters(chunk: Chunk) -> Iterator[Letter]:
    """Make letters of commands that nobody has stored."""
    columns = {name: chunk.column(name) for name in Row._fields}
    for place, row in enumerate(zip(*columns.values(), strict=True)):
        values = dict(zip(columns, row, strict=True))
        values |= {name: json.loads(values[name] or "null") for name in _DOCUMENTS}
        values |= {"seq": place, "state": CommandState.PENDING}
        values |= {"priority": 0, "allow_duplicates": bool(values["allow_duplicates"])}
        entry = Taken._make(values.get(name) for name in Taken.columns())
        yield Letter(entry, command_of(entry), entry.fields, entry.parent)


def _parents(depends_on: Iterable[str] | None, fields: dict[str, Any]) -> tuple[str, ...]:
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


def _json(value: Any) -> str:
    return _encode(value).decode()


def _broken(parent: str) -> Problem:
    return Problem(
        dependencies.FAILED_CODE,
        "depends_on",
        f"command {parent} is unknown, later than this one, or has failed: "
        "submit or revive it first",
    )
