"""The outbox: every command as a row, its state, and the moves allowed between states."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    false,
    text,
)
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import CommandId, Control
from models.defaults import new_uuid, next_command, utc_now
from models.given import GivenInstant, GivenJson


class CommandState(StrEnum):
    """Where a command stands; `docs/outbox.md` draws the moves."""

    PENDING = "pending"
    SENDING = "sending"
    UNCLEAR = "unclear"
    APPLIED = "applied"
    REJECTED = "rejected"
    DEAD = "dead"
    DISCARDED = "discarded"


class Ready(IntEnum):
    """What a pending command waits for: only those that wait for nothing are looked at.

    Kept up to date with every move, so that no question about what is due reads the backlog.
    """

    BLOCKED = 0
    """Not admitted yet, behind another of its record, or waiting for what it depends on."""
    TIMED = 1
    """For nothing but the time in `not_before`."""
    DUE = 2


class KeyKind(StrEnum):
    """How a create is kept from happening twice."""

    EXTERNAL_ID = "external_id"
    """An upsert on a unique field that holds the command's key."""
    IDEMPOTENCY = "idempotency_key"
    """The UI API replays its first answer to the same key, for thirty days."""
    PROBE = "probe"
    """Looked for by creator, time and contents."""


IN_FLIGHT = (CommandState.SENDING, CommandState.UNCLEAR)
OPEN = (CommandState.PENDING, *IN_FLIGHT)
FAILED = (CommandState.REJECTED, CommandState.DEAD)
FINISHED = tuple(state for state in CommandState if state not in OPEN)

MOVES: dict[CommandState, frozenset[CommandState]] = {
    CommandState.PENDING: frozenset(
        {
            CommandState.SENDING,
            CommandState.APPLIED,  # folded into the one before it
            CommandState.REJECTED,
            CommandState.DISCARDED,
        }
    ),
    CommandState.SENDING: frozenset(
        {
            CommandState.APPLIED,
            CommandState.REJECTED,
            CommandState.UNCLEAR,
            CommandState.DEAD,
            CommandState.PENDING,
        }
    ),
    CommandState.UNCLEAR: frozenset(
        {CommandState.APPLIED, CommandState.PENDING, CommandState.DEAD}
    ),
    CommandState.REJECTED: frozenset({CommandState.PENDING, CommandState.DISCARDED}),
    CommandState.DEAD: frozenset({CommandState.PENDING, CommandState.DISCARDED}),
    CommandState.APPLIED: frozenset(),
    CommandState.DISCARDED: frozenset(),
}


def _states(states: tuple[CommandState, ...]) -> str:
    return "state IN ({})".format(", ".join(f"'{state}'" for state in states))


class OutboxEntry(Control, table=True):
    """A row of `scsync_commands`, the public outbox: `op, sobject, fields` are enough to insert."""

    __tablename__ = "scsync_commands"

    id: str = Field(sa_column=Column(CommandId, primary_key=True, server_default=new_uuid()))
    seq: int | None = Field(sa_column=Column(BigInteger, server_default=next_command()))
    op: str = Field(sa_column=Column(String(16), nullable=False))
    sobject: str = Field(sa_column=Column(String(80), nullable=False))
    record_id: str | None = Field(sa_column=Column(String(18)))
    external_id_field: str | None = Field(sa_column=Column(String(80)))
    external_id: str | None = Field(sa_column=Column(String(255)))
    fields: Any = Field(sa_column=Column(GivenJson, nullable=False, server_default=text("'{}'")))
    idempotency_key: str | None = Field(sa_column=Column(String(255), unique=True))
    expected_modstamp: datetime | None = Field(sa_column=Column(GivenInstant))
    depends_on: Any = Field(sa_column=Column(GivenJson))
    priority: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    not_before: datetime | None = Field(sa_column=Column(GivenInstant))
    state: str = Field(
        sa_column=Column(String(16), nullable=False, server_default=text("'pending'"))
    )
    attempts: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    error_code: str | None = Field(sa_column=Column(String(80)))
    error_message: str | None = Field(sa_column=Column(Text))
    result_id: str | None = Field(sa_column=Column(String(18)))
    submitted_at: datetime = Field(
        sa_column=Column(GivenInstant, nullable=False, server_default=utc_now())
    )
    finished_at: datetime | None = Field(sa_column=Column(UtcDateTime))
    # Ours: null until the row has been admitted (validated, put into its lane).
    lane: str | None = Field(sa_column=Column(String(400)))
    waits_for: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    failures: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    lease_owner: str | None = Field(sa_column=Column(String(80)))
    lease_until: datetime | None = Field(sa_column=Column(UtcDateTime))
    # How it is to be done; any program may set these, too.
    on_conflict: str | None = Field(sa_column=Column(String(16)))
    auto_assign: str | None = Field(sa_column=Column(String(18)))
    allow_duplicates: bool = Field(
        sa_column=Column(Boolean, nullable=False, server_default=false())
    )
    # Ours again: what the record held when the command was accepted, and what it holds now.
    base: Any = Field(sa_column=Column(GivenJson))
    stands: Any = Field(sa_column=Column(GivenJson))
    key_kind: str | None = Field(sa_column=Column(String(16)))
    parent: str | None = Field(sa_column=Column(String(18)))
    alone: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    carrier: str | None = Field(sa_column=Column(CommandId))
    """The command of the same record in whose request this one travels."""
    ready: int = Field(sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    job_id: str | None = Field(sa_column=Column(String(18)))
    refusals: int = Field(sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    trace: str | None = Field(sa_column=Column(String(64)))
    """The trace it belongs to, as a W3C `traceparent`; any program may set it."""
    digest: str | None = Field(sa_column=Column(String(32)))
    """Of what it does, as it was submitted; none of a row that another program inserted, nor, as a
    rule, of a line of a file that bore neither key nor id."""

    __table_args__ = (
        Index("ix_scsync_commands_seq", "seq", unique=True),
        Index(
            "ix_scsync_commands_new",
            "seq",
            sqlite_where=text("state = 'pending' AND lane IS NULL"),
            postgresql_where=text("state = 'pending' AND lane IS NULL"),
        ),
        # ix_scsync_commands_due (priority DESC, seq) stands in a migration, by hand.
        Index(
            "ix_scsync_commands_timed",
            "not_before",
            sqlite_where=text("state = 'pending' AND ready = 1"),
            postgresql_where=text("state = 'pending' AND ready = 1"),
        ),
        Index(
            "ix_scsync_commands_parent",
            "parent",
            sqlite_where=text(_states(IN_FLIGHT)),
            postgresql_where=text(_states(IN_FLIGHT)),
        ),
        Index(
            "ix_scsync_commands_result",
            "result_id",
            sqlite_where=text("result_id IS NOT NULL"),
            postgresql_where=text("result_id IS NOT NULL"),
        ),
        # What is finished, for whoever counts, lists by cause, or clears away.
        Index(
            "ix_scsync_commands_finished",
            "state",
            "finished_at",
            # Not of what is open: SQLite would take this index for that as well, and read it all.
            sqlite_where=text(_states(FINISHED)),
            postgresql_where=text(_states(FINISHED)),
        ),
        Index(
            "ix_scsync_commands_lane",
            "lane",
            "seq",
            sqlite_where=text(_states(OPEN)),
            postgresql_where=text(_states(OPEN)),
        ),
        # The promise "one in flight per record" is kept by the database itself.
        Index(
            "ux_scsync_commands_in_flight",
            "lane",
            unique=True,
            sqlite_where=text(_states(IN_FLIGHT)),
            postgresql_where=text(_states(IN_FLIGHT)),
        ),
        Index(
            "ix_scsync_commands_lease",
            "lease_until",
            sqlite_where=text(_states(IN_FLIGHT)),
            postgresql_where=text(_states(IN_FLIGHT)),
        ),
    )


class Taken(NamedTuple):
    """A command as its claim holds it: what sending and settling need, and no more."""

    id: str
    seq: int
    op: str
    sobject: str
    record_id: str | None
    external_id_field: str | None
    external_id: str | None
    fields: dict[str, Any]
    expected_modstamp: datetime | None
    depends_on: list[str] | None
    priority: int
    state: str
    attempts: int
    failures: int
    lane: str
    parent: str | None
    alone: bool
    key_kind: str | None
    on_conflict: str | None
    base: dict[str, Any] | None
    auto_assign: str | None
    allow_duplicates: bool
    carrier: str | None
    job_id: str | None
    refusals: int
    """How often the org has said no for certain: a key that met a refusal is spent."""
    trace: str | None

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        return cls._fields


class Dependency(Control, table=True):
    """One command that waits for another's record."""

    __tablename__ = "scsync_dependencies"

    depends_on: str = Field(sa_column=Column(CommandId, primary_key=True))
    command_id: str = Field(sa_column=Column(CommandId, primary_key=True, index=True))


class Attempt(Control, table=True):
    """One try at a command: when, by whom, and how it ended."""

    __tablename__ = "scsync_attempts"

    command_id: str = Field(sa_column=Column(CommandId, primary_key=True))
    number: int = Field(sa_column=Column(Integer, primary_key=True))
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    finished_at: datetime | None = Field(sa_column=Column(UtcDateTime))
    outcome: str = Field(sa_column=Column(String(16), nullable=False))
    error_code: str | None = Field(sa_column=Column(String(80)))
    error_message: str | None = Field(sa_column=Column(Text))
    worker: str | None = Field(sa_column=Column(String(80)))
