"""`scsync up` as a process: it says when it is ready, outlives its servers, and ends when told."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.conftest import SCSYNC, Desk
from tests.services import Server

PATIENCE = 60.0  # s; a bound, not a measure


@contextmanager
def running(
    desk: Desk, *words: str
) -> Iterator[Callable[[Callable[[dict[str, Any]], bool]], None]]:
    """Run a role; hand out a way to wait for a log line that comes from now on."""
    log = desk.folder / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [SCSYNC, *words], cwd=desk.folder, env=desk.env(), stdout=subprocess.PIPE, stderr=file
        ) as process,
    ):
        try:
            assert process.stdout
            said = json.loads(process.stdout.readline())
            assert said["process"] == process.pid
            yield lambda wanted: wait_for(log, wanted)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


def wait_for(log: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    seen = log.stat().st_size
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with log.open() as file:
            file.seek(seen)
            if any(wanted(json.loads(line)) for line in file if line.endswith("\n")):
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


def pulled(line: dict[str, Any]) -> bool:
    return line["event"] == "pull.finished" and line["outcome"] == "ok"


def held_up(line: dict[str, Any]) -> bool:
    return line["event"] == "schedule.held_up"


def test_the_daemon_outlives_its_database(desk: Desk, own_postgres: Server) -> None:
    """PostgreSQL goes and comes back: one line for each miss, then pulls as before."""
    desk.settings |= {"DATABASE_URL": own_postgres.url, "INTERVAL": "1", "OBJECTS": "User"}
    with running(desk, "up", "--json") as wait:
        wait(pulled)
        own_postgres.kill()
        wait(held_up)
        own_postgres.start()
        wait(pulled)


def test_the_daemon_outlives_its_queue(desk: Desk, own_redis: Server) -> None:
    """Redis goes and comes back; nothing has to be started anew."""
    desk.settings |= {"BROKER_URL": own_redis.url, "INTERVAL": "1", "OBJECTS": "User"}
    with running(desk, "up", "--json") as wait:
        wait(pulled)
        own_redis.kill()
        wait(held_up)
        own_redis.start()
        wait(pulled)
