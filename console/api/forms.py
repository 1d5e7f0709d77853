"""Commands as the API takes and tells them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from models.command import LONGEST, REFERENCE, Conflict, Op

_ANY_TEXT = r"^[^\u0000]*$"  # what both databases hold
_INT32 = 2**31

Name = Annotated[str, Meta(max_length=LONGEST["sobject"], min_length=1, pattern=_ANY_TEXT)]
FieldName = Annotated[str, Meta(max_length=LONGEST["external_id_field"], pattern=_ANY_TEXT)]
ExternalId = Annotated[str, Meta(max_length=LONGEST["external_id"], pattern=_ANY_TEXT)]
RecordId = Annotated[str, Meta(max_length=LONGEST["record_id"], pattern=_ANY_TEXT)]
Key = Annotated[str, Meta(max_length=LONGEST["idempotency_key"], pattern=_ANY_TEXT)]
Rule = Annotated[str, Meta(max_length=LONGEST["auto_assign"], pattern=_ANY_TEXT)]
Instant = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(pattern=_ANY_TEXT)]


class Reference(msgspec.Struct, forbid_unknown_fields=True, rename={"command": REFERENCE}):
    """The record of an earlier command."""

    command: UUID


Value = Text | int | float | bool | None | Reference
Fields = dict[Text, Value]


class Manners(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a command is to be done."""

    on_conflict: Conflict | None = None
    auto_assign: bool | Rule | None = None
    allow_duplicates: bool | None = None

    def given(self) -> dict[str, Any]:
        """Give what was said, in the JSON form of a command."""
        form: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in form.items() if value is not None}


class WriteForm(Manners, kw_only=True):
    """What an action writes, and where."""

    record_id: RecordId | None = None
    fields: Fields | None = None
    idempotency_key: Key | None = None
    expected_modstamp: Instant | None = None


class CommandForm(WriteForm, kw_only=True):
    """One command."""

    op: Op
    sobject: Name
    id: UUID | None = None
    external_id_field: FieldName | None = None
    external_id: ExternalId | None = None
    depends_on: list[UUID] | None = None
    priority: Annotated[int, Meta(ge=-_INT32, lt=_INT32)] | None = None
    not_before: Instant | None = None


class EditForm(Manners, kw_only=True):
    """What is to be otherwise about a rejected or dead command."""

    fields: Fields | None = None


class RetryForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a failed command is tried again."""

    overwrite: bool = False


class ReceiptDocument(msgspec.Struct):
    """A command's id; `repeated` when its idempotency key was known."""

    id: UUID
    repeated: bool
    url: str


class ReceiptsDocument(msgspec.Struct):
    """What a submission of several is told, in their order."""

    accepted: int
    repeated: int
    receipts: list[ReceiptDocument]


class CommandDocument(msgspec.Struct):
    """A command as it stands; instants of other programs' making are what they wrote."""

    id: UUID
    op: str
    sobject: str
    record_id: str | None
    external_id_field: str | None
    external_id: str | None
    fields: Any
    idempotency_key: str | None
    expected_modstamp: str | None
    depends_on: Any
    priority: int
    not_before: str | None
    on_conflict: str | None
    auto_assign: str | None
    allow_duplicates: bool
    state: str
    attempts: int
    error_code: str | None
    error_message: str | None
    result_id: str | None
    submitted_at: str
    finished_at: datetime | None


class AttemptDocument(msgspec.Struct):
    """One try at a command."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    error_code: str | None
    error_message: str | None


class LifeDocument(CommandDocument):
    """A command with all that is known of it."""

    history: list[AttemptDocument]
    stands: dict[str, Any]
    parents: dict[str, str | None]
    waits: str | None
    folded_into: str | None
    carries: list[str]


class CommandsDocument(msgspec.Struct):
    """Some commands; `next` is the cursor of the page after this one."""

    commands: list[CommandDocument]
    next: str | None


class MovedDocument(msgspec.Struct):
    """What was done: to the command itself, and to those that went along."""

    moved: list[str]
    along: list[str]
    overwriting: int
