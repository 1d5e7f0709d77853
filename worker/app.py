"""The composition root: every part built once from the settings, handed on by keyword."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import structlog

from config.allowed import Allowed
from config.keys import Keys, cipher
from config.settings import ConfigError, Settings
from models import CATALOG, SObject, declare
from models.action import Action
from models.dynamic import is_dynamic
from models.linked_account import LinkedAccount
from models.watermark import Watermark
from pipelines import alive, merged, references, refusals
from pipelines.actions import OrgAnswers, Source, StoreAnswers, offered, refuse_disabled
from pipelines.backfill import Backfiller
from pipelines.budget import Budget, Priority
from pipelines.computed import Computed
from pipelines.counted import Counts
from pipelines.cycle import Cycle
from pipelines.deletes import Deletes
from pipelines.describes import Describes
from pipelines.leavers import Leavers
from pipelines.link import Linked, Linker, Noted, needs_link, unlink, unnoted
from pipelines.overview import Count, Overview, overview
from pipelines.pull import Progress, Puller
from pipelines.push import Pusher
from pipelines.readback import ReadBack
from pipelines.reparented import Reparented
from pipelines.submit import Desk
from pipelines.terms import StandingGrant
from pipelines.vault import AccountVault, Cipher, locked
from pipelines.verify import Verifier
from pipelines.walk import Road
from pipelines.watch import Watch
from pipelines.webhooks import Webhooks
from salesforce.client import Client
from salesforce.errors import GrantDead
from salesforce.introspect import Introspection
from salesforce.oauth import AppCredentials
from salesforce.tls import trust
from store import accounts, fields, leases, migrate, places, records
from store.clock import common
from store.engine import Store
from worker import lookout

if TYPE_CHECKING:
    from worker.figures import Figures
    from worker.reporting import Reporting
    from worker.tracing import Tracing

QUIET_FOR_EACH = 20
"""An object that was quiet for twenty minutes may wait one more."""

_LINKING = "link"
_FROM_SETTINGS = "The token stands in SCSYNC_REFRESH_TOKEN; scsync link --browser asks for another."
_LINK_LEASE = timedelta(minutes=2)  # longer than a link takes, by oauth.GRANTING

log = structlog.get_logger()


def utcnow() -> datetime:
    return datetime.now(UTC)


@dataclass
class App:
    """One account's parts, made when first wanted."""

    settings: Settings
    clock: Callable[[], datetime] = utcnow
    process: str = field(
        default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
    )
    stopping: threading.Event = field(default_factory=threading.Event)
    _prepared: set[type[SObject]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The account that all of this is for."""
        return self.settings.account

    @cached_property
    def store(self) -> Store:
        """The account's store, in the shape that this program knows."""
        places.prepare(self.settings.database_url, self.name)
        store = Store(places.place(self.settings.database_url, self.name))
        before, after = migrate.upgrade(store)
        if before != after:
            log.info("store.upgraded", before=before, after=after)
        return store

    @cached_property
    def figures(self) -> "Figures":
        """What this process counts and measures, from when somebody first asks for it."""
        from worker.figures import Figures  # noqa: PLC0415 - of most processes nobody asks

        figures = Figures(self.name)
        self.watch.keep(figures)
        return figures

    @cached_property
    def tracing(self) -> "Tracing | None":
        return lookout.tracing(self.settings)

    @cached_property
    def reporting(self) -> "Reporting | None":
        return lookout.reporting(self.settings)

    @cached_property
    def watch(self) -> Watch:
        """Who looks on while work is done."""
        report = self.reporting.report if self.reporting else None
        return Watch(tracer=self.tracing, report=report)

    @cached_property
    def webhooks(self) -> Webhooks | None:
        """Who is told of events; raises `ConfigError` where nothing would sign them."""
        return lookout.webhooks(self.settings, store=lambda: self.store, clock=self.clock)

    @cached_property
    def cipher(self) -> Cipher:
        return cipher(self.settings, is_sealed=self._is_sealed)

    def _is_sealed(self) -> bool:
        with self.store.read() as tx:
            return accounts.is_sealed(tx)

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
            grant=StandingGrant(self.credentials, self.store, self.cipher, self.name),
            api_version=self.settings.api_version,
            before_call=self.budget.before,
            on_call=self.budget.noted,
            watch=self.watch.request,
            watch_refresh=self.watch.refresh,
        )

    @cached_property
    def budget(self) -> Budget:
        return Budget(
            store=self.store,
            account=self.name,
            clock=self.clock,
            reserve=self.settings.api_reserve,
            priorities={
                name: Priority(own.priority) for name, own in self.settings.object_settings.items()
            },
        )

    @cached_property
    def describes(self) -> Describes:
        own = self.settings.object_settings
        return Describes(
            client=self.client,
            store=self.store,
            clock=self.clock,
            chosen={name: one.fields for name, one in own.items() if one.fields is not None},
            filters={name: one.where for name, one in own.items() if one.where},
        )

    @cached_property
    def allows(self) -> Allowed:
        """Whether an action is enabled at this moment: the settings may change meanwhile."""
        return Allowed(self.settings)

    def offered(self, name: str, operator: str) -> Action:
        """Find an action; one that is not enabled is refused, and the audit names who asked."""
        with refusals.noted(operator, store=lambda: self.store, clock=self.clock):
            return offered(name, self.allows)

    def refuse_disabled(self, action: str, operator: str) -> None:
        """Do the same for what need not be one of our actions."""
        with refusals.noted(operator, store=lambda: self.store, clock=self.clock):
            refuse_disabled(action, self.allows)

    @cached_property
    def desk(self) -> Desk:
        return Desk(
            store=self.store,
            describes=self.describes,
            clock=self.clock,
            allows=self.allows,
            key_field=self.settings.external_id_field,
            watch=self.watch,
        )

    @property
    def models(self) -> tuple[type[SObject], ...]:
        """The sObjects to pull; raises `ConfigError` for a name that can be none."""
        return self.chosen(self.settings.objects) if self.settings.objects else CATALOG

    def chosen(self, names: tuple[str, ...] | list[str]) -> tuple[type[SObject], ...]:
        """Find sObjects by name; those that the catalogue lacks get an empty table."""
        try:
            wanted = declare(names)
        except LookupError as error:
            raise ConfigError(str(error)) from None
        for model in wanted:
            if is_dynamic(model) and model not in self._prepared:
                with self.store.begin() as tx:
                    fields.create_table(tx, model)
                self._prepared.add(model)
        return wanted

    def interval_of(self, model: type[SObject], mark: Watermark, now: datetime) -> timedelta:
        """Say how long after its last pull an sObject is due: longer, the longer it was quiet."""
        shortest = timedelta(seconds=self.settings.interval_of(model.sobject))
        own = self.settings.freshness_of(model.sobject)
        longest = timedelta(seconds=own) if own else model.freshness
        changed = mark.changed_at or now
        return max(shortest, min((now - changed) / QUIET_FOR_EACH, longest))

    def cadence(self, feed: str) -> float:
        """Seconds between two turns of a slow feed; 0: it is switched off."""
        return float(getattr(self.settings, f"{feed}_every"))

    def cycle(self) -> Cycle:
        """Make a cycle over what is due."""
        return Cycle(puller=self.puller())

    def puller(self, on_progress: Callable[[Progress], None] | None = None) -> Puller:
        """Make a puller that holds its leases under a name of its own."""
        road = self.road(on_progress)
        return Puller(road=road, describes=self.describes, backfills=self.backfiller(road))

    def road(self, on_progress: Callable[[Progress], None] | None = None) -> Road:
        """Make what pulls and backfills have in common, under a name of its own for leases."""
        leavers = Leavers(client=self.client, store=self.store, clock=self.clock)
        moved = Reparented(client=self.client, store=self.store, describes=self.describes)
        return Road(
            client=self.client,
            store=self.store,
            clock=self.clock,
            settle=timedelta(seconds=self.settings.settle),
            owner=self.holder(),
            on_progress=on_progress,
            on_page=(merged.follow, moved.note, references.hasten),
            on_window=(leavers, moved.read),
            stopping=self.stopping.is_set,
            watch=self.watch,
        )

    def backfiller(self, road: Road | None = None) -> Backfiller:
        return Backfiller(
            road=road or self.road(), describes=self.describes, above=self.settings.bulk_above
        )

    @cached_property
    def read_back(self) -> ReadBack:
        return ReadBack(
            client=self.client,
            store=self.store,
            describes=self.describes,
            clock=self.clock,
            watch=self.watch,
        )

    @cached_property
    def bulk_rests(self) -> threading.Event:
        """Whether the org has refused an ingest job to this process."""
        return threading.Event()

    def pusher(self) -> Pusher:
        """Make a pusher that holds its leases under a name of its own."""
        return Pusher(
            client=self.client,
            store=self.store,
            describes=self.describes,
            desk=self.desk,
            read_back=self.read_back,
            account=self.name,
            clock=self.clock,
            owner=self.holder(),
            folds=self.settings.fold,
            ingest_above=self.settings.ingest_above,
            bulk_rests=self.bulk_rests,
            stopping=self.stopping.is_set,
            watch=self.watch,
        )

    def verifier(self, on_progress: Callable[[Progress], None] | None = None) -> Verifier:
        return Verifier(
            client=self.client,
            store=self.store,
            describes=self.describes,
            clock=self.clock,
            settle=timedelta(seconds=self.settings.settle),
            on_progress=on_progress,
        )

    def deletes(self) -> Deletes:
        return Deletes(
            client=self.client, store=self.store, describes=self.describes, clock=self.clock
        )

    def computed(self) -> Computed:
        return Computed(
            client=self.client, store=self.store, describes=self.describes, clock=self.clock
        )

    def answers(self, source: Source) -> OrgAnswers | StoreAnswers:
        """Say who answers the actions that read."""
        if source is Source.STORE:
            return StoreAnswers(store=self.store)
        return OrgAnswers(client=self.client, describes=self.describes)

    @cached_property
    def counts(self) -> Counts:
        """How many rows there are, for a process that is asked again and again."""
        return Counts(self.store)

    def overview(
        self, count: Count = records.count, models: Sequence[type[SObject]] | None = None
    ) -> Overview:
        """Look at everything, or at some sObjects only."""
        return overview(
            self.models if models is None else models,
            store=self.store,
            clock=self.clock,
            account=self.name,
            interval=self.interval_of,
            budget=self.budget,
            locked=self._locked,
            refresh_policy=self.settings.refresh_policy,
            count=count,
        )

    def _locked(self, account: LinkedAccount | None) -> str | None:
        try:
            return locked(account, self.cipher)
        except ConfigError as error:
            return str(error)

    def tend(self, feed: str, model: type[SObject]) -> None:
        """Take one turn of a slow feed for an sObject."""
        with self.watch.doing("feed.turn", feed=feed, object=model.sobject):
            match feed:
                case "deletes":
                    self.deletes().read(model)
                case "computed":
                    self.computed().refresh(model, calls=self.settings.computed_calls)
                case "verify":
                    self.verifier().verify(model)

    def holder(self) -> str:
        return f"{self.process}/{uuid4().hex[:8]}"

    def link_from_settings(self, noted: Noted = unnoted, *, resumes: bool = False) -> Linked | None:
        """Link the first account by SCSYNC_REFRESH_TOKEN, unless this token has done so before.

        An account that is suspended stays so, unless a person asked for this link.
        """
        token = self.settings.refresh_token
        if token is None or self.name != accounts.DEFAULT:
            return None
        secret = token.get_secret_value()
        owner = self.holder()
        while needs_link(secret, store=self.store, cipher=self.cipher, name=self.name):
            # One process at a time: under rotation the token is good for one of them only.
            with self.store.begin() as tx:
                now = common(tx, self.clock)
                mine = leases.hold(tx, _LINKING, owner=owner, now=now, span=_LINK_LEASE)
            if mine:
                return self._link_as(owner, secret, noted, resumes=resumes)
            time.sleep(0.1)
        return None

    def _link_as(self, owner: str, secret: str, noted: Noted, *, resumes: bool) -> Linked | None:
        try:
            # Another may have linked between our look and our lease.
            wanted = needs_link(secret, store=self.store, cipher=self.cipher, name=self.name)
            return self.link(secret, noted, resumes=resumes) if wanted else None
        except GrantDead as error:
            error.remedy = f"{error.remedy} {_FROM_SETTINGS}"
            raise
        finally:
            with self.store.begin() as tx:
                leases.drop(tx, _LINKING, owner=owner)

    def link(self, refresh_token: str, noted: Noted = unnoted, *, resumes: bool = True) -> Linked:
        """Link the account by a refresh token."""
        _ = self.scopes
        with self.linker(noted, resumes=resumes) as linker:
            return linker.by_refresh_token(refresh_token)

    @property
    def scopes(self) -> tuple[str, ...]:
        """What to ask a person for; raises `ConfigError` where no refresh token would come."""
        asked = tuple(self.settings.scopes.split())
        if not {"refresh_token", "offline_access"} & set(asked):
            raise ConfigError(
                "SCSYNC_SCOPES lacks refresh_token: without it the link ends with the session; "
                "use: api refresh_token offline_access"
            )
        return asked

    @contextmanager
    def linker(self, noted: Noted = unnoted, *, resumes: bool = True) -> Iterator[Linker]:
        """Hand out what links the account, by whichever grant."""
        configured = self.settings.refresh_token if self.name == accounts.DEFAULT else None
        if isinstance(self.cipher, Keys):
            self.cipher.begin()  # before anything is sent: a link that cannot be kept spends tokens
        with httpx.Client(timeout=30, verify=trust()) as http:
            yield Linker(
                app=self.credentials,
                store=self.store,
                cipher=self.cipher,
                clock=self.clock,
                http=http,
                name=self.name,
                origin=configured.get_secret_value() if configured else None,
                noted=noted,
                resumes=resumes,
            )

    def keep_alive(self) -> bool:
        """Renew a refresh token that has been idle for long; tell whether so."""
        with self.store.read() as tx:
            account = accounts.get(tx, self.name)
        if not alive.is_due(account, self.settings.refresh_policy, self.clock()):
            return False
        vault = AccountVault(
            self.store, self.name, cipher=self.cipher, clock=self.clock, suspended_too=True
        )
        grant = StandingGrant(self.credentials, self.store, self.cipher, self.name)
        with httpx.Client(timeout=30, verify=trust()) as http:
            witness = Introspection(self.credentials)
            alive.keep_alive(vault, grant=grant, http=http, witness=witness)
        return True

    def unlink(self, noted: Noted = unnoted) -> bool:
        """Revoke the account's grant and forget it; False when it may live on at Salesforce."""
        with httpx.Client(timeout=30, verify=trust()) as http:
            return unlink(self.name, store=self.store, cipher=self.cipher, http=http, noted=noted)

    def close(self) -> None:
        """Let go of what was opened."""
        self._close("client", "budget", "webhooks", "store")
        self.hush()

    def hush(self) -> None:
        """Send what traces and reports have not been sent yet; there will be no more of them."""
        self._close("tracing", "reporting")

    def _close(self, *parts: str) -> None:
        for part in parts:
            if self.__dict__.get(part):
                self.__dict__[part].close()
