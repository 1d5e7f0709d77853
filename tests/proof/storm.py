"""Many processes and threads that meet an expired session at once, some of which are killed.

Short in the suite, long as `python -m benchmarks.refresh_storm`.
"""

import multiprocessing
import os
import random
import ssl
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import monotonic, sleep

from cryptography.fernet import Fernet
from sqlalchemy import Table

from emulator.grants import GRANTS_PER_USER
from emulator.server import Emulator
from models.linked_account import LinkedAccount
from pipelines.vault import AccountVault
from salesforce.client import Client
from salesforce.errors import SalesforceError
from salesforce.oauth import AppCredentials
from salesforce.vault import Lease
from store import accounts
from store.engine import Store
from tests.pipelines.reading import Reader, approve_again

ACCOUNTS: Table = LinkedAccount.__table__  # type: ignore[attr-defined]
TOKEN = "services/oauth2/token"
ANSWER = 0.2  # s: how long the org takes over a refresh
_DEAD = frozenset({"GRANT_DEAD", "REFRESH_LOST"})


@dataclass(frozen=True)
class Ground:
    """Where the storm takes place: what each process needs to know."""

    database_url: str
    key: str
    app: AppCredentials
    threads: int


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    refreshes: int
    killed: int
    answers: Counter[str]
    lost: bool
    """Whether the grant was given up, and a person told."""
    seconds: float
    succeeded: bool
    """Whether one was killed who had the right to refresh, so that another took it over."""

    @property
    def doubled(self) -> int:
        """Refreshes that nothing excuses: one is due, and one more if the first was killed."""
        return max(0, self.refreshes - (2 if self.succeeded else 1))

    @property
    def is_good(self) -> bool:
        """One refresh and an answer for all; a killed refresher may cost a second, or the grant."""
        if self.succeeded:
            return not self.doubled and set(self.answers) <= {"ok", *_DEAD}
        return self.refreshes == 1 and set(self.answers) == {"ok"}


class Caller:
    """One process of the storm, at the other end of a pipe; it stays from round to round."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe

    def answers(self) -> Counter[str]:
        """Wait for what its calls came to; nothing, if it was killed."""
        try:
            found: Counter[str] = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return Counter()
        return found


@dataclass
class Storm:
    """Rounds over one account of an org whose refresh tokens rotate."""

    org: Emulator
    store: Store
    processes: int
    threads: int
    seed: int = 1
    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = Reader(self.org, self.store)
        self._dice = random.Random(self.seed)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._callers: list[Caller] = []
        self.org.fault(match={"path": TOKEN}, do={"delay": ANSWER})

    def close(self) -> None:
        for caller in self._callers:
            caller.pipe.close()
            caller.process.join()
        self.org.clear_faults()
        self._reader.client.close()

    def meet(self, *, kills: int = 0) -> Round:
        """End all sessions, let everybody call at once, and kill some while they do."""
        self._gather()
        before, begun = self._sent(), monotonic()
        self.org.expire_sessions()
        for caller in self._callers:
            caller.pipe.send("go")
        victims = self._dice.sample(self._callers, kills)
        for victim in victims:
            sleep(self._dice.uniform(0, 3 * ANSWER / kills))
            victim.process.kill()
        succeeded = [victim for victim in victims if self._has_left_a_lease(victim.process)]
        answers = sum((caller.answers() for caller in self._callers), Counter[str]())
        seconds = monotonic() - begun
        found = Round(
            refreshes=self._sent() - before,
            killed=kills,
            answers=answers,
            lost=self._is_dead(),
            seconds=seconds,
            succeeded=bool(succeeded),
        )
        self.rounds.append(found)
        for victim in victims:
            self._callers.remove(victim)
        if found.lost:
            self._reader.link(approve_again(self.org))
        return found

    def grant_lives(self) -> bool:
        """Tell whether the org has revoked nothing: a spent token, once presented, would have."""
        kept = len(self.org._serving.instance.registry.grants)
        links = 1 + sum(1 for one in self.rounds if one.lost)
        return kept == min(links, GRANTS_PER_USER)

    def _gather(self) -> None:
        """Have every process there and waiting, new ones in place of the killed."""
        new = [self._start() for _ in range(self.processes - len(self._callers))]
        for caller in new:
            caller.pipe.recv()
        self._callers += new

    def _start(self) -> Caller:
        url = self.store.url.render_as_string(hide_password=False)
        ground = Ground(url, self._reader.key, self._reader.app, self.threads)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(ground, theirs), daemon=True)
        process.start()
        theirs.close()
        return Caller(process, ours)

    def _has_left_a_lease(self, dead: BaseProcess) -> bool:
        """End a dead process's lease, if it had one: none ends for its holder's being slow."""
        dead.join()
        left = ACCOUNTS.c.lease_owner.startswith(_owner(dead.pid))
        past = datetime.now(UTC) - timedelta(minutes=1)
        with self.store.begin() as tx:
            ended = tx.execute(ACCOUNTS.update().where(left).values(lease_until=past))
        return ended.rowcount > 0

    def _sent(self) -> int:
        return int(self.org.requests()["counts"].get("oauth.token", 0))

    def _is_dead(self) -> bool:
        with self.store.read() as tx:
            account = accounts.get(tx, "default")
        return account is not None and account.state == "dead"


class _MarkedVault(AccountVault):
    """Leases bear the process that has them."""

    def lease(self, seen_version: int, owner: str) -> Lease | None:
        return super().lease(seen_version, f"{_owner(os.getpid())}{owner}")


def _owner(process: int | None) -> str:
    return f"{process}-"


def _work(ground: Ground, pipe: Connection) -> None:
    store = Store(ground.database_url)
    vault = _MarkedVault(
        store,
        "default",
        cipher=Fernet(ground.key),
        clock=lambda: datetime.now(UTC),
    )
    with (
        closing(store),
        _client(ground, vault) as client,
        ThreadPoolExecutor(ground.threads) as pool,
    ):
        pipe.send("ready")
        while _is_told_to_go(pipe):
            pipe.send(Counter(pool.map(lambda _: _call(client), range(ground.threads))))


def _is_told_to_go(pipe: Connection) -> bool:
    try:
        pipe.recv()
    except EOFError:
        return False
    return True


def _client(ground: Ground, vault: AccountVault) -> Client:
    # The org speaks plain HTTP: fifty times the trusted authorities would be most of the work.
    return Client(vault=vault, app=ground.app, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _call(client: Client) -> str:
    try:
        client.limits()
    except SalesforceError as error:
        return error.code
    return "ok"
