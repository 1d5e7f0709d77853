"""The composition root: every part built once from the settings, handed on by keyword."""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import uuid4

import httpx
import structlog

from config.keys import cipher
from config.settings import ConfigError, Settings
from models import CATALOG, SObject, by_name
from pipelines.budget import Budget
from pipelines.describes import Describes
from pipelines.link import Linked, link_by_refresh_token, needs_link, unlink
from pipelines.pull import Progress, Puller
from pipelines.push import Pusher
from pipelines.submit import Desk
from pipelines.vault import AccountVault, Cipher
from pipelines.verify import Verifier
from salesforce.client import Client
from salesforce.oauth import AppCredentials
from store import accounts, migrate
from store.engine import Store

log = structlog.get_logger()


def utcnow() -> datetime:
    return datetime.now(UTC)


@dataclass
class App:
    """One account's parts, made when first wanted."""

    settings: Settings
    clock: Callable[[], datetime] = utcnow
    name: str = accounts.DEFAULT
    process: str = field(
        default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
    )
    stopping: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def store(self) -> Store:
        """The store, in the shape that this program knows."""
        store = Store(self.settings.database_url)
        before, after = migrate.upgrade(store)
        if before != after:
            log.info("store.upgraded", before=before, after=after)
        return store

    @cached_property
    def cipher(self) -> Cipher:
        return cipher(self.settings)

    @cached_property
    def credentials(self) -> AppCredentials:
        """The external client app; raises `ConfigError` when it is not named."""
        if not self.settings.client_id:
            raise ConfigError(
                "SCSYNC_CLIENT_ID is not set: it is the consumer key of your external client app "
                "(to try scsync without an org, run: scsync demo)"
            )
        secret = self.settings.client_secret
        return AppCredentials(
            client_id=self.settings.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            login_url=self.settings.login_host,
        )

    @cached_property
    def client(self) -> Client:
        """The account's API, linked from the settings first where they bring a new token."""
        self.link_from_settings()
        vault = AccountVault(self.store, self.name, cipher=self.cipher, clock=self.clock)
        return Client(
            vault=vault,
            app=self.credentials,
            api_version=self.settings.api_version,
            before_call=self.budget.before,
            on_call=self.budget.noted,
        )

    @cached_property
    def budget(self) -> Budget:
        return Budget(
            store=self.store,
            account=self.name,
            clock=self.clock,
            reserve=self.settings.api_reserve,
        )

    @cached_property
    def describes(self) -> Describes:
        return Describes(client=self.client, store=self.store, clock=self.clock)

    @cached_property
    def desk(self) -> Desk:
        return Desk(
            store=self.store,
            describes=self.describes,
            clock=self.clock,
            allows=self.settings.allows,
            key_field=self.settings.external_id_field,
        )

    @property
    def models(self) -> tuple[type[SObject], ...]:
        """The sObjects to pull; raises `ConfigError` for a name that is not in the catalogue."""
        return self.chosen(self.settings.objects) if self.settings.objects else CATALOG

    def chosen(self, names: tuple[str, ...] | list[str]) -> tuple[type[SObject], ...]:
        try:
            wanted = {by_name(name) for name in names}
        except LookupError as error:
            raise ConfigError(str(error)) from None
        return tuple(model for model in CATALOG if model in wanted)

    def puller(self, on_progress: Callable[[Progress], None] | None = None) -> Puller:
        """Make a puller that holds its leases under a name of its own."""
        return Puller(
            client=self.client,
            store=self.store,
            describes=self.describes,
            clock=self.clock,
            settle=timedelta(seconds=self.settings.settle),
            owner=self.holder(),
            on_progress=on_progress,
            stopping=self.stopping.is_set,
        )

    def pusher(self) -> Pusher:
        """Make a pusher that holds its leases under a name of its own."""
        return Pusher(
            client=self.client,
            store=self.store,
            describes=self.describes,
            desk=self.desk,
            clock=self.clock,
            owner=self.holder(),
            stopping=self.stopping.is_set,
        )

    def verifier(self) -> Verifier:
        return Verifier(client=self.client, store=self.store, describes=self.describes)

    def holder(self) -> str:
        return f"{self.process}/{uuid4().hex[:8]}"

    def link_from_settings(self) -> Linked | None:
        """Link by SCSYNC_REFRESH_TOKEN, unless this very token has done so before."""
        token = self.settings.refresh_token
        if token is None:
            return None
        secret = token.get_secret_value()
        if not needs_link(secret, store=self.store, cipher=self.cipher, name=self.name):
            return None
        return self.link(secret)

    def link(self, refresh_token: str) -> Linked:
        """Link the account by a refresh token."""
        if not {"refresh_token", "offline_access"} & set(self.settings.scopes.split()):
            raise ConfigError(
                "SCSYNC_SCOPES lacks refresh_token: without it the link ends with the session; "
                "use: api refresh_token offline_access"
            )
        configured = self.settings.refresh_token
        with httpx.Client(timeout=30) as http:
            linked = link_by_refresh_token(
                refresh_token,
                app=self.credentials,
                store=self.store,
                cipher=self.cipher,
                clock=self.clock,
                http=http,
                name=self.name,
                origin=configured.get_secret_value() if configured else None,
            )
        log.info("account.linked", account=linked.name, org=linked.org_id)
        return linked

    def unlink(self, name: str) -> bool:
        """Revoke an account's grant and forget it; False when Salesforce could not be told."""
        vault = AccountVault(self.store, name, cipher=self.cipher, clock=self.clock)
        with httpx.Client(timeout=30) as http:
            return unlink(name, vault=vault, store=self.store, app=self.credentials, http=http)

    def close(self) -> None:
        """Let go of what was opened."""
        for part in ("client", "budget", "store"):
            if part in self.__dict__:
                self.__dict__[part].close()
