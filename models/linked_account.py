"""A linked account: whose data we hold, and the grant, encrypted, that lets us at it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text, text
from sqlmodel import Field

from models.columns import UtcDateTime
from models.control import Control


class AccountState(StrEnum):
    """`dead` needs a person; `suspended` waits for one; of an unlinked one only the org is kept."""

    LINKED = "linked"
    DEAD = "dead"
    SUSPENDED = "suspended"
    UNLINKED = "unlinked"


class GrantKind(StrEnum):
    """How the account's access tokens are renewed."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant
    JWT = "jwt"
    CLIENT_CREDENTIALS = "client_credentials"


class LinkedAccount(Control, table=True):
    """One grant to one org; tokens and keys are ciphertext, `version` counts the grants stored."""

    __tablename__ = "scsync_accounts"

    name: str = Field(sa_column=Column(String(80), primary_key=True))
    state: str = Field(sa_column=Column(String(16), nullable=False))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    login_url: str = Field(sa_column=Column(String(255), nullable=False))
    instance_url: str | None = Field(default=None, sa_column=Column(String(255)))
    org_id: str | None = Field(default=None, sa_column=Column(String(18)))
    user_id: str | None = Field(default=None, sa_column=Column(String(18)))
    scope: str | None = Field(default=None, sa_column=Column(Text))
    access_token: str | None = Field(default=None, sa_column=Column(Text))
    refresh_token: str | None = Field(default=None, sa_column=Column(Text))
    grant_kind: str = Field(
        default=GrantKind.REFRESH_TOKEN,
        sa_column=Column(String(24), nullable=False, server_default=text("'refresh_token'")),
    )
    # Of a JWT grant: who is impersonated, what the login host calls itself, and the app's key.
    username: str | None = Field(default=None, sa_column=Column(String(255)))
    audience: str | None = Field(default=None, sa_column=Column(String(255)))
    private_key: str | None = Field(default=None, sa_column=Column(Text))
    # The SCSYNC_REFRESH_TOKEN that made this link, encrypted: only another one links anew.
    linked_from: str | None = Field(default=None, sa_column=Column(Text))
    # The digest of a refresh token that was sent to make a link and was not answered, if any is.
    presented: str | None = Field(default=None, sa_column=Column(String(64)))
    # Whether a person approved this grant for us alone: then it is ours to revoke.
    approved: bool | None = Field(default=None, sa_column=Column(Boolean))
    version: int = Field(
        default=0, sa_column=Column(Integer, nullable=False, server_default=text("0"))
    )
    lease_owner: str | None = Field(default=None, sa_column=Column(String(80)))
    lease_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # Set while the answer to a refresh is awaited; left there, nobody knows whether it took place.
    refresh_sent_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # Whether the org replaces the refresh token at each refresh, as far as it was seen.
    rotates: bool | None = Field(default=None, sa_column=Column(Boolean))
    linked_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    refreshed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    api_used: int | None = Field(default=None, sa_column=Column(BigInteger))
    api_limit: int | None = Field(default=None, sa_column=Column(BigInteger))
    api_seen_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
