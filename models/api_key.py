"""API keys: who may ask the console from elsewhere, and for what; a key itself is never kept."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, String
from sqlmodel import Field, SQLModel

from models.columns import UtcDateTime


class Scope(StrEnum):
    """What a caller may do: look, hand in commands, or move what is there."""

    READ = "read"
    SUBMIT = "submit"
    OPERATE = "operate"


EVERY_SCOPE = frozenset(Scope)
TOKEN = "token"  # noqa: S105 - the name of whoever shows it
LOCAL = "local"
RESERVED = frozenset({TOKEN, LOCAL})
"""Names that the audit knows already: no key bears them."""


class ApiKey(SQLModel, table=True):
    """One key: its name, its digest, and until when it is good."""

    __tablename__ = "scsync_keys"

    id: str = Field(sa_column=Column(String(16), primary_key=True))
    name: str = Field(sa_column=Column(String(60), nullable=False, unique=True))
    digest: str = Field(sa_column=Column(String(64), nullable=False), repr=False)
    scopes: str = Field(sa_column=Column(String(60), nullable=False))
    made_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    last_used_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    @property
    def allows(self) -> frozenset[Scope]:
        """The scopes as a set."""
        return frozenset(Scope(one) for one in self.scopes.split(","))

    def is_good(self, now: datetime) -> bool:
        """Tell whether it opens anything at this moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
