"""What befalls the topology while it works: killed processes, servers that go, an org with moods."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tests.services import Server, postgres_server, redis_server
from tests.system.processes import Process, Remote, Site

WRITES = {"path": r"/composite/sobjects(/\w+/\w+)?$|/sobjects/\w+(/\w+){0,2}$|/ui-api/records"}
READ = "Account,Case,CaseComment,WorkOrder"
"""What the installation pulls."""
WRITERS = ("worker", "worker", "scheduler")

FAULTS: dict[str, dict[str, Any]] = {
    "reply lost after": {"drop": "after"},
    "lost before": {"drop": "before"},
    "reply cut off": {"cut": 20},
    "500, done": {"status": 500, "code": "UNKNOWN_EXCEPTION", "applied": True},
    "500, not done": {"status": 500, "code": "UNKNOWN_EXCEPTION"},
    "503": {"status": 503, "code": "SERVER_UNAVAILABLE"},
    "503 in HTML": {"status": 503, "html": True},
    "401": {"expire": "session"},
    "row locks": {"lock": [1, 2, 5]},
}
LIMIT = {"limit error": {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED", "message": "Spent."}}


def faults(dice: random.Random, share: float, *, limits: bool) -> list[dict[str, Any]]:
    """Give rules by which this share of all requests that write meets each fault."""
    rules = []
    for do in (FAULTS | (LIMIT if limits else {})).values():
        for method in ("POST", "PATCH", "DELETE"):
            rule = {"match": {"method": method, **WRITES}, "probability": share, "do": do}
            rules.append({**rule, "seed": dice.randrange(1, 1_000_000)})
    return rules


def struck(rules: Iterable[dict[str, Any]]) -> Counter[str]:
    """Count the requests that met each fault, by the rules as the org shows them."""
    hits = Counter[str]()
    for rule in rules:
        (name,) = [name for name, do in (FAULTS | LIMIT).items() if do == rule["do"]]
        hits[name] += rule["hits"]
    return hits


@dataclass
class Topology:
    """The processes of one installation, and the servers they lean on."""

    site: Site
    remote: Remote
    redis: Server
    postgres: Server
    happened: Counter[str] = field(default_factory=Counter)
    running: list[tuple[str, Process]] = field(default_factory=list)

    def start(self) -> None:
        self.running = [(role, self.site.start(role)) for role in WRITERS]

    def strike(self, dice: random.Random) -> None:
        """Have one thing happen, when all are at work."""
        for _, process in self.running:
            process.ready()
        mishaps = {
            self.kill_worker: 4,
            self.kill_scheduler: 1,
            self.restart_redis: 2,
            self.crash_postgres: 2,
        }
        (mishap,) = dice.choices(list(mishaps), list(mishaps.values()))
        mishap()

    def kill_worker(self) -> None:
        """End the worker that has been there longest, and start another."""
        self._kill("worker")

    def kill_scheduler(self) -> None:
        self._kill("scheduler")

    def restart_redis(self) -> None:
        """It keeps nothing: what was queued is lost."""
        self.redis.kill()
        self.redis.start()
        self.happened["Redis lost"] += 1

    def crash_postgres(self) -> None:
        self.postgres.kill()
        self.postgres.start()
        self.happened["PostgreSQL crashed"] += 1

    def ended(self) -> list[str]:
        """Name those that ended by themselves: none should."""
        return [
            f"{role} ended by itself: {process.output()[-2000:]}"
            for role, process in self.running
            if process.ended()
        ]

    def _kill(self, role: str) -> None:
        found = next(one for one in self.running if one[0] == role)
        found[1].kill()
        self.running.remove(found)
        self.running.append((role, self.site.start(role)))
        self.happened[f"{role} killed"] += 1


@contextmanager
def topology(folder: Path) -> Iterator[Topology]:
    """Have an org, a Redis, a PostgreSQL, and a place to run the writers in."""
    site = Site(folder)
    with redis_server() as redis, postgres_server() as postgres, ExitStack() as stack:
        stack.callback(site.stop_all)
        remote = Remote(site)
        site.environment |= {
            "SCSYNC_DATABASE_URL": postgres.url,
            "SCSYNC_BROKER_URL": redis.url,
            "SCSYNC_SECRET_KEY": Fernet.generate_key().decode(),
            "SCSYNC_OBJECTS": READ,
            "SCSYNC_INTERVAL": "2",
        }
        yield Topology(site, remote, redis, postgres)
