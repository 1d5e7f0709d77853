"""Many processes and threads that meet an expired session at once, some of which are killed.

Short in the suite, long as `python -m benchmarks.refresh_storm`.
"""

import multiprocessing
import random
import ssl
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import sleep

from cryptography.fernet import Fernet

from emulator.grants import GRANTS_PER_USER
from emulator.server import Emulator
from pipelines.vault import AccountVault
from salesforce.client import Client
from salesforce.errors import SalesforceError
from salesforce.oauth import AppCredentials
from salesforce.vault import LEASE
from store import accounts
from store.engine import Store
from tests.pipelines.reading import Reader, approve_again

TOKEN = "services/oauth2/token"


@dataclass(frozen=True)
class Ground:
    """Where the storm takes place: what each process needs to know."""

    database_url: str
    key: str
    app: AppCredentials
    threads: int
    lease: timedelta


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    refreshes: int
    killed: int
    answers: Counter[str]
    lost: bool

    @property
    def is_good(self) -> bool:
        """One refresh and an answer for all; a killed refresher may cost a second, or the grant."""
        if not self.killed:
            return self.refreshes == 1 and set(self.answers) == {"ok"}
        return self.refreshes <= 2 and set(self.answers) <= {"ok", "GRANT_DEAD", "REFRESH_LOST"}


@dataclass
class Storm:
    """Rounds over one account of an org whose refresh tokens rotate."""

    org: Emulator
    store: Store
    processes: int
    threads: int
    seed: int = 1
    lease: timedelta = timedelta(seconds=3)
    """Of rounds with kills: short, so that a killed refresher is succeeded soon."""
    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = Reader(self.org, self.store)
        self._dice = random.Random(self.seed)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])

    def close(self) -> None:
        self._reader.client.close()

    def meet(self, *, kills: int = 0) -> Round:
        """End all sessions, let everybody call at once, and kill some while they do."""
        started = list(self._start(self.lease if kills else LEASE))
        for _, pipe in started:
            pipe.recv()
        before = self._sent()
        self.org.fault(match={"path": TOKEN}, do={"delay": 0.2})
        self.org.expire_sessions()
        for _, pipe in started:
            pipe.send("go")
        for process, _ in self._dice.sample(started, kills):
            sleep(self._dice.uniform(0, 0.6 / kills))
            process.kill()
        answers = sum((_answers(pipe) for _, pipe in started), Counter[str]())
        for process, _ in started:
            process.join()
        self.org.clear_faults()
        found = Round(self._sent() - before, kills, answers, lost=self._is_dead())
        self.rounds.append(found)
        if found.lost:
            self._reader.link(approve_again(self.org))
        return found

    def grant_lives(self) -> bool:
        """Tell whether the org has revoked nothing: a spent token, once presented, would have."""
        kept = len(self.org._serving.instance.registry.grants)
        links = 1 + sum(1 for one in self.rounds if one.lost)
        return kept == min(links, GRANTS_PER_USER)

    def _start(self, lease: timedelta) -> Iterator[tuple[BaseProcess, Connection]]:
        url = self.store.url.render_as_string(hide_password=False)
        ground = Ground(url, self._reader.key, self._reader.app, self.threads, lease)
        for _ in range(self.processes):
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_work, args=(ground, theirs), daemon=True)
            process.start()
            theirs.close()
            yield process, ours

    def _sent(self) -> int:
        return int(self.org.requests()["counts"].get("oauth.token", 0))

    def _is_dead(self) -> bool:
        with self.store.read() as tx:
            account = accounts.get(tx, "default")
        return account is not None and account.state == "dead"


def _answers(pipe: Connection) -> Counter[str]:
    try:
        found: Counter[str] = pipe.recv()
    except (EOFError, ConnectionResetError):  # it was killed
        return Counter()
    return found


def _work(ground: Ground, pipe: Connection) -> None:
    store = Store(ground.database_url)
    vault = AccountVault(
        store,
        "default",
        cipher=Fernet(ground.key),
        clock=lambda: datetime.now(UTC),
        span=ground.lease,
    )
    with closing(store), _client(ground, vault) as client:
        pipe.send("ready")
        pipe.recv()
        with ThreadPoolExecutor(ground.threads) as pool:
            pipe.send(Counter(pool.map(lambda _: _call(client), range(ground.threads))))


def _client(ground: Ground, vault: AccountVault) -> Client:
    # The org speaks plain HTTP: fifty times the trusted authorities would be most of the work.
    return Client(vault=vault, app=ground.app, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _call(client: Client) -> str:
    try:
        client.limits()
    except SalesforceError as error:
        return error.code
    return "ok"
