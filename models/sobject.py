"""The base of all sObjects: one subclass is one sObject and one table."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, cast

from sqlalchemy import Table, false, inspect
from sqlmodel import Field, SQLModel

from models.columns import ID_LENGTH, Kind, SyncField, UtcDateTime, instant, reference, text
from models.control import Json
from models.naming import api_name


class SObject(SQLModel):
    """What every synced record has in common: Salesforce's system fields, and ours."""

    sobject: ClassVar[str]
    where: ClassVar[str | None] = None
    """SOQL that every query on the object must carry."""
    freshness: ClassVar[timedelta] = timedelta(minutes=5)
    """How stale the rows may get."""
    upsert_key: ClassVar[str | None] = None
    """The unique external id that makes a repeated create harmless."""
    lock_parent: ClassVar[str | None] = None
    """The reference, by API name, whose record Salesforce locks while a record of ours is saved."""
    absent: ClassVar[frozenset[str]] = frozenset()
    """System fields, by API name, that the object does not have."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """Fields, by API name, that change without moving the stamp, beside formulas and roll-ups."""
    history: ClassVar[frozenset[str]] = frozenset()
    """Fields, by API name, whose changes are kept in `record_history`."""

    id: str = Field(
        primary_key=True, max_length=ID_LENGTH, sa_column_kwargs={"info": {"kind": Kind.TEXT}}
    )
    is_deleted: bool = Field(
        default=False, sa_column_kwargs={"info": {"kind": Kind.FLAG}, "server_default": false()}
    )
    created_date: datetime | None = instant()
    created_by_id: str | None = reference("User")
    last_modified_date: datetime | None = instant()
    last_modified_by_id: str | None = reference("User")
    system_modstamp: datetime = Field(
        sa_type=UtcDateTime(), sa_column_kwargs={"info": {"kind": Kind.INSTANT}}
    )

    synced_at: datetime | None = Field(default=None, sa_type=UtcDateTime())
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime())
    deleted_cause: str | None = Field(default=None, max_length=16)
    extra: dict[str, Any] | None = Field(default=None, sa_type=Json)

    @classmethod
    def table(cls) -> Table:
        return cast("Table", inspect(cls).local_table)

    @classmethod
    @cache
    def fields(cls) -> tuple[SyncField, ...]:
        """Say what comes from Salesforce, in column order."""
        named = (
            SyncField(column.name, column.info.get("api_name") or api_name(column.name), kind)
            for column in cls.table().columns
            if (kind := column.info.get("kind"))
        )
        return tuple(field for field in named if field.api_name not in cls.absent)


class Writable(SObject):
    """An sObject that commands may create, each record under a key of ours."""

    upsert_key: ClassVar[str | None] = "Sync_Key__c"

    sync_key__c: str | None = text(64)
