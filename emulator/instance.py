"""An instance: one org together with its apps, allocation, fault script and request log."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator import welcome
from emulator.admission import Admission
from emulator.authorize import Authorizations
from emulator.bulk import Jobs
from emulator.directory import Directory
from emulator.faults import FaultScript
from emulator.flights import Flights
from emulator.grants import DAEMON_SCOPES, ConnectedApp, Registry, new_client_id, new_secret
from emulator.identity import Users
from emulator.ingest import IngestJobs
from emulator.keeping import Kept
from emulator.limits import Limits
from emulator.org import Org
from emulator.replays import Replays

if TYPE_CHECKING:
    from emulator.clock import SkewedClock
    from emulator.grants import Grant
    from emulator.options import Options

REMEMBERED = 5_000  # requests kept in the log; the counts go on


@dataclass(slots=True)
class RequestLog:
    """What was asked of the instance, lately and in all."""

    recent: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    counts: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def add(self, name: str, entry: dict[str, Any]) -> None:
        self.total += 1
        self.counts[name] += 1
        self.recent.append({"seq": self.total, "kind": name, **entry})

    def clear(self) -> None:
        self.recent.clear()
        self.counts.clear()


class Instance:
    """Everything a request can touch; built once, used from one thread."""

    def __init__(self, options: Options, clock: SkewedClock) -> None:
        self.options = options
        self.clock = clock
        self.generation = 1
        self.org = self._new_org(options.cases, options.seed)
        self.flights = Flights()
        self._begin_books()
        self.limits = Limits(options.api_limit)
        self.faults = FaultScript()
        self.requests = RequestLog()
        self.users = Users(self.org)
        self.username = self.users.username(self.org.default_user_id)
        self.registry = Registry(self.org.id, clock.steady)
        self.kept = Kept(options.state)
        self.directory = Directory(self.org, clock.steady)
        self.app = self._register()
        self.registry.grants = self.kept.grants()
        if self.kept.people:
            self.directory.restore(self.kept.people)
        self.registry.on_change = self.directory.on_change = self.keep
        self.grant = self._first_grant()
        self.admission = Admission(self.registry, self.users, self.directory)
        self.authorizations = Authorizations(
            self.registry, self.admission, options.password, self.username
        )
        if options.setup:
            welcome.prepare(self)

    def refresh(self, *, cases: int | None = None, seed: int | None = None) -> None:
        """Put a new org behind the same address: another org Id, other data, no grant of before."""
        self.generation += 1
        self.org.close()
        if self.options.state:
            for suffix in ("", "-wal", "-shm"):
                Path(self.options.state + suffix).unlink(missing_ok=True)
        other = self.options.seed + self.generation - 1
        self.org = self._new_org(cases or self.options.cases, other if seed is None else seed)
        self._begin_books()
        self.users.org = self.org
        self.directory = self.admission.directory = Directory(self.org, self.clock.steady)
        self.directory.on_change = self.keep
        self.username = self.users.username(self.org.default_user_id)
        self.authorizations.default_username = self.username
        self.app.run_as = self.username
        self.registry.org_id = self.org.id
        self.registry.expire_sessions()
        self.registry.revoke_grants()
        self.grant = self.registry.grant(self.app, self.org.default_user_id, DAEMON_SCOPES)

    def keep(self) -> None:
        """Write down whatever has to outlive a restart beside the org itself."""
        self.kept.save(
            self.app,
            apps=self.registry.apps.values(),
            grants=self.registry.grants,
            people=self.directory.document(),
        )

    def change_user(
        self, user_id: str, changes: dict[str, Any], *, active: bool | None = None
    ) -> None:
        """Change how a user stands; one that may not come in any more is put out at once."""
        standing = self.directory.change(user_id, changes)
        if active is not None:
            fields, mine = {"IsActive": active}, self.org.default_user_id
            self.org.update("User", user_id, fields, user_id=mine, api=False)
        if standing.frozen or active is False:
            self.registry.end_sessions(user_id)

    def _begin_books(self) -> None:
        """Keep the jobs and the replays of an org: a new one knows none of before."""
        self.jobs = Jobs(self.org)
        self.ingest = IngestJobs(self.org)
        self.replays = Replays(self.flights, self.org.now)

    def _new_org(self, cases: int, seed: int) -> Org:
        return Org(
            cases=cases,
            seed=seed,
            path=self.options.state,
            clock=self.clock,
            without=self.options.without,
            organization=self.generation,
        )

    def _register(self) -> ConnectedApp:
        options = self.options
        app = ConnectedApp(
            client_id=options.client_id or self.kept.client_id or new_client_id(),
            client_secret=options.client_secret or self.kept.client_secret or new_secret(),
            redirect_uris=options.redirect_uris,
            rotation=options.rotation,
            session_seconds=options.session_seconds,
            run_as=self.username,
            certificate=options.certificate,
        )
        self.registry.apps = {one.client_id: one for one in self.kept.apps()}
        self.registry.apps[app.client_id] = app
        return app

    def _first_grant(self) -> Grant:
        """Find the grant of an earlier start, or give one for the token asked for."""
        wanted, mine = self.options.refresh_token, self.org.default_user_id
        if wanted is None:
            kept = [g for g in self.registry.grants if g.client_id == self.app.client_id]
            if kept:
                return kept[0]
        elif found := self.registry.find_grant(wanted):
            return found[0]
        return self.registry.grant(self.app, mine, DAEMON_SCOPES, wanted)
