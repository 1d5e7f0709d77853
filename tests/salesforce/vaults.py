"""Two vaults: one for the threads of a process, one for processes that share a file."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import msgspec

from salesforce.errors import GrantDead
from salesforce.vault import Lease, Token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEAD = "Authorise again."


class MemoryVault:
    """Keeps every token it was ever given, so that tests can look at the order of things."""

    def __init__(self, token: Token) -> None:
        self.token = token
        self.stored: list[Token] = []
        self.buried: str | None = None
        self.owner: str | None = None
        self.sent = False
        self._lock = threading.Lock()

    def current(self) -> Token:
        if self.buried:
            raise GrantDead(self.buried, remedy=DEAD)
        return self.token

    def lease(self, seen_version: int, owner: str) -> Lease | None:
        with self._lock:
            if self.owner or self.token.version != seen_version:
                return None
            self.owner = owner
            return Lease(owner, in_doubt=self.sent)

    def sending(self, owner: str) -> bool:
        self.sent = self.owner == owner
        return self.sent

    def store(self, token: Token) -> Token:
        with self._lock:
            if self.token.version == token.version:
                self.token = replace(token, version=self.token.version + 1)
                self.stored.append(self.token)
                self.owner, self.sent = None, False
            return self.token

    def release(self, owner: str) -> None:
        with self._lock:
            if self.owner == owner:
                self.owner, self.sent = None, False

    def lapse(self, owner: str) -> None:
        with self._lock:
            if self.owner == owner:
                self.owner = None

    def refused(self, reason: str) -> None:
        """Nobody looks here."""

    def judged(self, version: int, *, is_refused: bool) -> None:
        """Nobody rests here."""

    def bury(self, reason: str, owner: str) -> None:
        with self._lock:
            if self.owner == owner:
                self.buried, self.owner = reason, None


class FileVault:
    """One SQLite file; the lease is a row with an end, so a killed owner loses it."""

    def __init__(self, path: Path, lease_seconds: float) -> None:
        self._path = path
        self._lease_seconds = lease_seconds
        self.ahead = 0.0  # s: how much later it is here than by the machine's clock

    def create(self, token: Token) -> None:
        with self._transaction() as db:
            db.execute("CREATE TABLE vault (token, version, owner, until, buried)")
            row = (msgspec.json.encode(asdict(token)), token.version)
            db.execute("INSERT INTO vault VALUES (?, ?, NULL, 0, NULL)", row)

    def current(self) -> Token:
        with self._transaction() as db:
            text, version, buried = db.execute(
                "SELECT token, version, buried FROM vault"
            ).fetchone()
        if buried:
            raise GrantDead(buried, remedy=DEAD)
        return replace(msgspec.json.decode(text, type=Token), version=version)

    def lease(self, seen_version: int, owner: str) -> Lease | None:
        now = time.time() + self.ahead
        with self._transaction() as db:
            won = db.execute(
                "UPDATE vault SET owner = ?, until = ? WHERE version = ? AND until < ?",
                (owner, now + self._lease_seconds, seen_version, now),
            )
            return Lease(owner) if won.rowcount == 1 else None

    def sending(self, owner: str) -> bool:
        return bool(owner)

    def store(self, token: Token) -> Token:
        with self._transaction() as db:
            db.execute(
                "UPDATE vault SET token = ?, version = version + 1, owner = NULL, until = 0"
                " WHERE version = ?",
                (msgspec.json.encode(asdict(token)), token.version),
            )
        return self.current()

    def release(self, owner: str) -> None:
        with self._transaction() as db:
            db.execute("UPDATE vault SET owner = NULL, until = 0 WHERE owner = ?", (owner,))

    lapse = release

    def refused(self, reason: str) -> None:
        """Nobody looks here."""

    def judged(self, version: int, *, is_refused: bool) -> None:
        """Nobody rests here."""

    def bury(self, reason: str, owner: str) -> None:
        with self._transaction() as db:
            db.execute(
                "UPDATE vault SET buried = ?, owner = NULL, until = 0 WHERE owner = ?",
                (reason, owner),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=120, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
