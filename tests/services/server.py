"""A server the suite may start, stop, kill and start again."""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.services.ground import Account

GUARDIAN = Path(__file__).with_name("guardian.py")
READY_WITHIN = 60.0  # seconds; a loaded two-core machine, not a healthy one, sets it
STOPPED_WITHIN = 60.0
LOG_TAIL = 2000  # characters of the server's own words in an error
# Below the ephemeral ranges of Linux and macOS, so that no outgoing connection
# takes the port while the server is stopped.
PORTS = range(20_000, 32_000)
_ours: set[int] = set()


class ServiceFailedError(Exception):
    """A server of the suite did not start or stop; the message ends in its log."""


def free_port() -> int:
    """Find a loopback port that nobody listens on, and no other run of tests is given."""
    for port in filter(_reserved, random.sample(PORTS, k=200)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServiceFailedError("no free loopback port among 200 tried")


def _reserved(port: int) -> bool:
    """Lock a port's byte of a file that all runs of tests share, until this process ends.

    Before its server listens, and while it is stopped, a port looks free to whoever tries it.
    """
    if port in _ours:  # which the lock of a process does not keep from the process itself
        return False
    try:
        fcntl.lockf(_book(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _ours.add(port)
    return True


@cache
def _book() -> int:
    """Open the file once: to close it would give up all locks."""
    path = Path(tempfile.gettempdir(), f"scsync-test-ports-{os.geteuid()}")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


@dataclass(kw_only=True)
class Server:
    """One server process on a fixed port and directory, under a guardian."""

    url: str
    command: list[str]
    directory: Path
    stop_signal: signal.Signals
    is_ready: Callable[[], bool]
    account: Account | None = None
    not_yet: str | None = None  # words in the log that make a failed start worth repeating
    _guardian: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self._guardian is not None and self._guardian.poll() is None

    def start(self) -> None:
        """Start, or start again on the same port and data; return when it answers."""
        if self.is_running:
            return
        deadline = time.monotonic() + READY_WITHIN
        self._launch()
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise ServiceFailedError(f"no answer within {READY_WITHIN:.0f} s\n{self._tail()}")
            if not self.is_running:
                self._launch_again()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop in an orderly way, clients or not; return when it is gone."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it without a word, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._guardian is None:
            return
        stdin = self._guardian.stdin
        assert stdin is not None
        with suppress(BrokenPipeError):  # the server has ended by itself, and its guardian with it
            stdin.write(bytes([number]))
        try:
            self._guardian.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            raise ServiceFailedError(f"ignored {number.name}\n{self._tail()}") from None
        finally:
            self._let_go()

    def _launch(self) -> None:
        self._let_go()
        spec = {
            "command": self.command,
            "directory": str(self.directory),
            "log": str(self._log),
            "stop_signal": int(self.stop_signal),
            "user": self.account and self.account.uid,
            "group": self.account and self.account.gid,
        }
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARDIAN), json.dumps(spec)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the suite, which then stops its servers
        )

    def _launch_again(self) -> None:
        tail = self._tail()
        if self.not_yet is None or self.not_yet not in tail:
            raise ServiceFailedError(f"ended at start\n{tail}")
        self._log.unlink()
        self._launch()

    def _let_go(self) -> None:
        """Close our end of the pipe: a guardian still there takes its server down."""
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            self._guardian.wait(STOPPED_WITHIN)
        self._guardian = None

    @property
    def _log(self) -> Path:
        return self.directory / "server.log"

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-LOG_TAIL:] if self._log.exists() else ""
