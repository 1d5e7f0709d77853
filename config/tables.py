"""The tables of the TOML: what differs for one sObject, what one app is, who goes by which."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from config.policy import RefreshPolicy
from config.privacy import read_private

_Text = Annotated[str, StringConstraints(min_length=1)]


class Environment(StrEnum):
    """Which of Salesforce's login hosts."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


class Priority(StrEnum):
    """Which sObjects wait first as the org's daily API calls run out."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ObjectSettings(_Table):
    """`[objects.Case]`: what differs for one sObject."""

    interval: float | None = Field(
        default=None, gt=0, description="seconds between pulls while it changes"
    )
    freshness: float | None = Field(
        default=None, gt=0, description="seconds between pulls, at most, while it is quiet"
    )
    where: str | None = Field(
        default=None, min_length=1, description="a SOQL condition: only records that match come"
    )
    fields: tuple[str, ...] | None = Field(
        default=None, description="fields that get columns beside the standard ones"
    )
    priority: Priority = Field(
        default=Priority.NORMAL, description="which objects wait last as API calls run out"
    )


class Profile(_Table):
    """`[profiles.NAME]`: an external client app, and what may be done through it."""

    client_id: _Text | None = Field(default=None, description="the app's consumer key")
    client_secret_env: _Text | None = Field(
        default=None, description="the variable that holds the app's consumer secret"
    )
    client_secret_file: _Text | None = Field(
        default=None, description="the file that holds it, alone"
    )
    environment: Environment | None = Field(default=None, description="production or sandbox")
    login_url: _Text | None = Field(default=None, description="a My Domain or other login host")
    scopes: _Text | None = Field(default=None, description="OAuth scopes asked for")
    refresh_policy: RefreshPolicy | None = Field(
        default=None, description="when the org ends the app's refresh tokens"
    )
    actions: tuple[str, ...] | None = Field(default=None, description="enabled actions or globs")

    @model_validator(mode="before")
    @classmethod
    def _no_plain_secret(cls, given: Any) -> Any:
        if isinstance(given, dict) and "client_secret" in given:
            raise ValueError(
                "client_secret: a secret does not belong into this file: name the variable that "
                "holds it with client_secret_env, or its file with client_secret_file"
            )
        return given

    @model_validator(mode="after")
    def _one_secret(self) -> "Profile":
        if self.client_secret_env and self.client_secret_file:
            raise ValueError("choose one of client_secret_env and client_secret_file")
        return self

    def values(self, variable: Callable[[str], str | None], folder: Path) -> dict[str, Any]:
        """Give what it sets, under the names of the settings; the secret is looked up.

        Raises `LookupError` when the secret is not where it is said to be.
        """
        found = self.model_dump(exclude_none=True)
        if name := found.pop("client_secret_env", None):
            found["client_secret"] = variable(name)
            if not found["client_secret"]:
                raise LookupError(
                    f"client_secret_env: {name} is not set: set it, or put it in .env"
                )
        if name := found.pop("client_secret_file", None):
            found["client_secret"] = _content(folder / name)
        return found


class AccountTable(_Table):
    """`[accounts.NAME]`: through which profile an account works, and what differs for it."""

    profile: _Text | None = Field(default=None, description="the table [profiles.NAME] it goes by")
    login_url: _Text | None = Field(default=None, description="a My Domain or other login host")
    objects: tuple[str, ...] | None = Field(default=None, description="sObjects to pull")
    interval: float | None = Field(default=None, gt=0, description="seconds between pull cycles")

    def values(self) -> dict[str, Any]:
        """Give what it sets itself, under the names of the settings."""
        return self.model_dump(exclude_none=True, exclude={"profile"})


def _content(path: Path) -> str:
    try:
        secret = read_private(path).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise LookupError(f"client_secret_file: {path}: {why}") from None
    if not secret:
        raise LookupError(f"client_secret_file: {path} is empty: put the consumer secret there")
    return secret
