"""Settings: `scsync.toml` below `.env` below the environment becomes one frozen value."""

import os
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from config.outlets import Dsn, Endpoint, WebhookSecret, WebhookUrl
from config.policy import RefreshPolicy
from config.privacy import exposure
from config.stamps import Stamps, stamps
from config.tables import AccountTable, Environment, ObjectSettings, Profile

PREFIX = "SCSYNC_"
DOTENV = Path(".env")
DEFAULT_ACCOUNT = "default"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LOGIN_HOSTS = {
    "production": "https://login.salesforce.com",
    "sandbox": "https://test.salesforce.com",
}


class ConfigError(Exception):
    """A setting is missing or wrong; the message names it and the remedy."""


_T = TypeVar("_T", Profile, AccountTable)
Names = Annotated[tuple[str, ...], NoDecode]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode]


class Settings(BaseSettings):
    """Every setting of scsync, once; the field descriptions are the documentation."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOTENV,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    account: str = Field(
        DEFAULT_ACCOUNT,
        pattern=r"^[a-z][a-z0-9_]{0,29}$",
        description="which linked account; each has a store of its own",
    )
    database_url: str = Field("sqlite:///./scsync.db", description="where rows and commands live")
    broker_url: str = Field("memory://", description="the queue: memory:// or redis://…")
    environment: Environment = Field(
        Environment.PRODUCTION, description="production or sandbox: chooses the login host"
    )
    login_url: str | None = Field(
        None, description="a My Domain or other login host; from the environment when unset"
    )
    client_id: str | None = Field(None, description="consumer key of the external client app")
    client_secret: SecretStr | None = Field(None, description="consumer secret")
    scopes: str = Field("api refresh_token offline_access", description="OAuth scopes asked for")
    refresh_token: SecretStr | None = Field(
        None, description="links the default account without a browser, once"
    )
    callback_port: int = Field(
        8788, ge=1, le=65535, description="loopback port where the browser comes back to"
    )
    secret_key: SecretStr | None = Field(
        None,
        description="encrypts tokens at rest; else a key file, made at first start",
    )
    keyring: bool = Field(
        default=False, description="keeps the key in the system's keyring instead of a file"
    )
    refresh_policy: RefreshPolicy | None = Field(
        None,
        description="when the org ends refresh tokens: 'until revoked', 'immediately', "
        "'after 90 days' or 'unused 30 days' (or hours, or minutes)",
    )
    api_version: str = Field("67.0", pattern=r"^\d{2,3}\.0$", description="Salesforce API version")
    objects: Names = Field((), description="sObjects to pull, comma-separated; empty: all we know")
    actions: Names = Field(("*",), description="enabled actions, names or globs (update_*)")
    interval: float = Field(60, gt=0, description="seconds between pull cycles")
    bulk_above: int = Field(
        10_000, ge=0, description="rows from which on a first load goes by Bulk, in slices"
    )
    deletes_every: float = Field(
        900, ge=0, description="seconds between readings of the org's delete log; 0: never"
    )
    computed_every: float = Field(
        900, ge=0, description="seconds between refreshes of computed fields; 0: never"
    )
    computed_calls: int = Field(
        5, ge=1, description="API calls that one refresh of an object's computed fields may cost"
    )
    verify_every: float = Field(
        86_400, ge=0, description="seconds between verifications of each object; 0: never"
    )
    ingest_above: int = Field(
        20_000,
        ge=0,
        description="waiting commands of one kind from which on they go by Bulk; 0: never",
    )
    fold: bool = Field(
        default=True,
        description="updates of one record that lose nothing by it travel as one",
    )
    settle: float = Field(
        300, ge=0, description="seconds re-read behind now, for rows committed late"
    )
    api_reserve: float = Field(
        0.2,
        ge=0,
        lt=0.6,
        description="share of the org's daily API calls that pulls leave to writes and others",
    )
    external_id_field: str = Field(
        "Sync_Key__c", description="unique external id that makes a repeated create harmless"
    )
    log_format: str | None = Field(
        None, pattern="^(console|json)$", description="console or json; by the terminal when unset"
    )
    log_level: str = Field("info", description="debug, info, warning or error")
    threads: int = Field(8, ge=1, le=64, description="worker threads in each process")
    console_port: int = Field(
        8484, ge=0, le=65535, description="port of the console that scsync up serves; 0: none"
    )
    console_token: SecretStr | None = Field(
        None, description="one key to the console for everything; else scsync keys makes some"
    )
    console_rate: float = Field(
        100, ge=0, description="requests a second for each caller of the console; 0: any number"
    )
    proxy_user_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9-]+$",
        description="header in which a trusted reverse proxy says who asks the console",
    )
    trusted_proxies: Networks = Field(
        (), description="addresses or networks whose proxy headers are believed, comma-separated"
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="port of a worker's or scheduler's own metrics; 0: none"
    )
    metrics_host: str = Field("127.0.0.1", description="address that they are served at")
    webhook_url: WebhookUrl | None = Field(
        None, description="where incidents and dead commands are posted to"
    )
    webhook_secret: WebhookSecret | None = Field(
        None, description="signs what is posted there: whsec_ and a key in base64"
    )
    otlp_endpoint: Endpoint | None = Field(
        None, description="where traces go, by OTLP over HTTP (scsync[otel])"
    )
    sentry_dsn: Dsn | None = Field(
        None, description="where unforeseen errors are reported (scsync[sentry])"
    )
    object_settings: dict[str, ObjectSettings] = Field(
        default_factory=dict, exclude=True, description="[objects.NAME] tables of the TOML"
    )

    toml_file: ClassVar[Path | None] = None
    sources: ClassVar[Stamps] = {}
    """The files that these were read from, or would have been, as they stood just before."""

    def anew(self) -> "Settings":
        """Read the sources once more, where there are any."""
        return self

    @field_validator("objects", "actions", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("use debug, info, warning or error")
        return value.lower()

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"memory", "redis", "rediss", "unix"}:
            raise ValueError("use memory:// or redis://host:6379/0")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError(
                "use sqlite:///./scsync.db or postgresql+psycopg://user:password@host/name"
            )
        return value

    @model_validator(mode="after")
    def _safe_login(self) -> "Settings":
        parts = urlsplit(self.login_host)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError(
                f"{PREFIX}LOGIN_URL: {self.login_host!r} must be https:// "
                "(plain http only on loopback)"
            )
        if parts.path.strip("/"):
            raise ValueError(
                f"{PREFIX}LOGIN_URL: {self.login_host!r} must name a host alone: leave out "
                f"{parts.path!r}"
            )
        return self

    @model_validator(mode="after")
    def _known_proxies(self) -> "Settings":
        if self.proxy_user_header and not self.trusted_proxies:
            raise ValueError(
                f"{PREFIX}PROXY_USER_HEADER needs {PREFIX}TRUSTED_PROXIES: from whom to believe it"
            )
        return self

    @property
    def login_host(self) -> str:
        """The host that grants tokens, without a trailing slash."""
        return (self.login_url or LOGIN_HOSTS[self.environment]).rstrip("/")

    @property
    def audience(self) -> str:
        """What a signed assertion is addressed to: the login host of that kind of org."""
        is_sandbox = ".sandbox." in self.login_host or self.environment is Environment.SANDBOX
        return LOGIN_HOSTS["sandbox" if is_sandbox else "production"]

    def allows(self, action: str) -> bool:
        """Tell whether this action, such as `update_case`, is enabled."""
        return any(fnmatch(action, pattern) for pattern in self.actions)

    def interval_of(self, sobject: str) -> float:
        """Seconds between pulls of this sObject while it changes."""
        own = self.object_settings.get(sobject)
        return own.interval if own and own.interval else self.interval

    def freshness_of(self, sobject: str) -> float | None:
        """Seconds between pulls of this sObject while nothing happens; None: what is usual."""
        own = self.object_settings.get(sobject)
        return own.freshness if own else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - theirs to pass
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        _look_through(dotenv_settings)
        toml = (Toml(settings_cls, cls.toml_file, dotenv_settings),) if cls.toml_file else ()
        return (init_settings, env_settings, dotenv_settings, *toml)


class Toml(TomlConfigSettingsSource):
    """The TOML: its tables told apart from settings, those of the account laid over the others."""

    def __init__(
        self,
        settings_cls: type[BaseSettings],
        path: Path,
        dotenv: PydanticBaseSettingsSource,
        *,
        account: str | None = None,
    ) -> None:
        super().__init__(settings_cls, path)
        self._path, self._dotenv, self._account = path, dotenv, account
        known = set(settings_cls.model_fields) - {"object_settings"}
        _refuse_exposed(path, _secrets(self.init_kwargs))
        if isinstance(tables := self.init_kwargs.get("objects"), dict):
            del self.init_kwargs["objects"]
            # TOML has one `objects` only: beside tables the list stands among them, as `pull`.
            if not isinstance(tables.get("pull", {}), dict):
                self.init_kwargs["objects"] = tables.pop("pull")
            self.init_kwargs["object_settings"] = tables
        self.profiles = _tables(Profile, "profiles", self.init_kwargs.pop("profiles", {}))
        self.accounts = _tables(AccountTable, "accounts", self.init_kwargs.pop("accounts", {}))
        elsewhere = [one.client_secret_env for one in self.profiles.values()]
        _refuse_exposed(DOTENV, [name for name in elsewhere if name and self._line(name)])
        for name, one in self.accounts.items():
            if one.profile and one.profile not in self.profiles:
                raise ConfigError(_no_profile(name, one.profile, self.profiles))
        for name in set(self.init_kwargs) - known - {"object_settings"}:
            raise ConfigError(_unknown(str(path), name, {*known, "profiles", "accounts"}))
        # Empty is unset, as in the environment.
        self.init_kwargs = {name: value for name, value in self.init_kwargs.items() if value != ""}

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _, values in self.layers():
            found |= values
        return found

    def layers(self) -> list[tuple[str, dict[str, Any]]]:
        """Give what the file sets, and what the account's tables do; the stronger one last."""
        above = self._account or self.current_state.get("account")
        named = above or self.init_kwargs.get("account") or DEFAULT_ACCOUNT
        account = self.accounts.get(named, AccountTable())
        profile = self._profile(account.profile) if account.profile else {}
        base = dict(self.init_kwargs)
        if "environment" in profile:
            base.pop("login_url", None)  # of another host than the one that goes before it
        return [
            (str(self._path), base),
            (f"{self._path} [profiles.{account.profile}]", profile),
            (f"{self._path} [accounts.{named}]", account.values()),
        ]

    def _profile(self, name: str) -> dict[str, Any]:
        try:
            return self.profiles[name].values(self._variable, self._path.parent)
        except LookupError as error:
            raise ConfigError(f"{self._path}: [profiles.{name}] {error.args[0]}") from None

    def _variable(self, name: str) -> str | None:
        return os.environ.get(name) or self._line(name)

    def _line(self, name: str) -> str | None:
        lines = self._dotenv.env_vars if isinstance(self._dotenv, DotEnvSettingsSource) else {}
        return lines.get(name.lower())


def _refuse_exposed(path: Path, secrets: Collection[str]) -> None:
    """Refuse a file that others may read once a secret stands in it."""
    if secrets and (why := exposure(path)):
        raise ConfigError(
            f"{path} holds {', '.join(secrets)} and {why}, or move the secret into the environment"
        )


def _secrets(given: Mapping[str, object]) -> list[str]:
    """Name the settings, of these, that hold a secret."""
    kinds = {name: info.annotation for name, info in Settings.model_fields.items()}
    return [
        name
        for name, value in given.items()
        if value and (_is_secret(kinds.get(name)) or _bears_password(value))
    ]


def _is_secret(kind: object) -> bool:
    return kind is SecretStr or any(_is_secret(part) for part in get_args(kind))


def _bears_password(value: object) -> bool:
    return isinstance(value, str) and "://" in value and bool(urlsplit(value).password)


def _tables(kind: type[_T], place: str, given: object) -> dict[str, _T]:
    if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
        raise ConfigError(f"{place} must be tables: [{place}.NAME]")
    found = {}
    for name, table in given.items():
        try:
            found[name] = kind(**table)
        except ValidationError as error:
            raise ConfigError(_explain(error, f"[{place}.{name}]", kind)) from None
    return found


def _no_profile(account: str, profile: str, known: Collection[str]) -> str:
    remedy = f"there are: {', '.join(sorted(known))}" if known else "write it, too"
    return f"[accounts.{account}] profile: there is no [profiles.{profile}]; {remedy}"


def _look_through(source: PydanticBaseSettingsSource) -> None:
    """Refuse a misspelt name in `.env`, and secrets that others may read there.

    The environment is not looked through: it belongs to other programs, too.
    """
    if not isinstance(source, DotEnvSettingsSource):
        return
    known = set(Settings.model_fields) - {"object_settings"}
    lines = {
        name.removeprefix(PREFIX.lower()): value
        for name, value in source.env_vars.items()
        if name.startswith(PREFIX.lower())
    }
    for name in lines:
        if name not in known:
            names = {_env_name(one) for one in known}
            raise ConfigError(_unknown(str(DOTENV), _env_name(name), names))
    _refuse_exposed(DOTENV, [_env_name(name) for name in _secrets(lines)])


def _env_name(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _unknown(place: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    remedy = f"did you mean {near[0]}?" if near else "the README lists all settings"
    return f"{place}: unknown setting {name}; {remedy}"


def load(config: Path | None = None, *, account: str | None = None) -> Settings:
    """Read all sources once; raises `ConfigError` naming the setting and the remedy."""
    path = config or _default_toml()

    class Loaded(Settings):
        toml_file = path
        sources = stamps((*([path] if path else []), DOTENV))

        def anew(self) -> Settings:
            return load(config, account=account)

    try:
        return Loaded() if account is None else Loaded(account=account)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path or DOTENV}: not UTF-8 text") from None


def _default_toml() -> Path | None:
    named = os.environ.get(f"{PREFIX}CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"{PREFIX}CONFIG names {named}, which is not a file")
        return Path(named)
    return Path("scsync.toml") if Path("scsync.toml").is_file() else None


def _explain(
    error: ValidationError, table: str = "", kind: type[BaseModel] = ObjectSettings
) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = _near_key(str(problem["loc"][-1]), kind)
        lines.append(f"{_name_of(problem['loc'], table)}{message}")
    return "; ".join(lines)


def _near_key(name: str, kind: type[BaseModel]) -> str:
    known = list(kind.model_fields)
    near = get_close_matches(name, known, 1)
    return f"no such setting; {f'did you mean {near[0]}?' if near else 'use ' + ', '.join(known)}"


def _name_of(place: tuple[int | str, ...], table: str) -> str:
    """Name what is wrong as whoever set it wrote it."""
    if table:
        return f"{table} {place[0]}: " if place else f"{table} "
    if place and place[0] == "object_settings":
        return f"[objects.{place[1]}] {' '.join(map(str, place[2:]))}: "
    return f"{PREFIX}{str(place[0]).upper()}: " if place else ""


def masked_url(url: str) -> str:
    """Hide the password inside a URL."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":********@") if parts.password else url
