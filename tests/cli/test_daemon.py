"""`scsync up` as a process: it says when it is ready, outlives its servers, and ends when told."""

import json
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from emulator.server import Emulator
from tests.cli.conftest import PATIENCE, SCSYNC, Desk, login
from tests.pipelines.reading import approve_again
from tests.services import Server
from tests.system.processes import eventually


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
            assert process.wait(timeout=PATIENCE) == 0


def wait_for(log: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    seen = log.read_bytes().rfind(b"\n") + 1  # a line that is half there comes from now on
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


def test_an_action_disabled_before_the_first_command_is_refused(
    desk: Desk, case_ids: list[str]
) -> None:
    """The daemon has run, and nobody has asked yet what is enabled: the file's word counts."""
    desk.settings |= {"CONSOLE_PORT": "0", "INTERVAL": "1", "OBJECTS": "User"}
    toml = desk.folder / "scsync.toml"
    toml.write_text('actions = "*"\n')
    with running(desk, "up", "--json") as wait:
        wait(pulled)
        toml.write_text('actions = "list_*"\n')
        insert_update(desk.folder / "scsync.db", case_ids[0])
        ended = ("commands", "list", "--json")
        eventually(
            lambda: desk.run(*ended).objects()[0]["state"] in {"applied", "rejected"}, "it ends"
        )
        assert desk.run(*ended).objects()[0]["error_code"] == "ACTION_DISABLED"


def insert_update(path: Path, case_id: str) -> None:
    """Insert a command as any other program may."""
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as store, store:
        store.execute(
            "INSERT INTO scsync_commands (op, sobject, record_id, fields) VALUES (?, ?, ?, ?)",
            ("update", "Case", case_id, '{"Subject": "By SQL"}'),
        )


def test_a_dead_grant_rests_and_goes_on_by_itself_once_linked(
    bare: Desk, own_org: Emulator, port: int
) -> None:
    """One refused call, then silence; what waits is kept, it is red everywhere, no restart."""
    # Nothing but pulls may call, which go one by one: two at once would be two refused calls.
    alone = dict.fromkeys(("DELETES_EVERY", "COMPUTED_EVERY", "VERIFY_EVERY"), "0")
    bare.settings = login(own_org) | {"INTERVAL": "1", "OBJECTS": "User"} | alone
    bare.settings["CONSOLE_PORT"] = str(port)
    with running(bare, "up", "--json") as wait:
        wait(pulled)
        own_org.revoke_grants()
        log = bare.folder / "log"
        whole = re.compile(r'"account\.rests".*\n')
        eventually(lambda: bool(whole.search(log.read_text())), "it rests")
        (rests,) = (line for line in log.read_text().splitlines() if "account.rests" in line)
        assert "Run scsync link" in json.loads(rests)["why"]
        asked = own_org.requests()
        refused = [one["kind"] for one in asked["recent"] if one["status"] in {400, 401}]
        assert refused[1:] == ["oauth.token"]
        assert not refused[0].startswith("oauth")
        watermark = bare.run("status", "--json").document()["objects"]["User"]["watermark"]
        path = bare.folder / "scsync.db"
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as store, store:
            row = ("create", "Case", '{"Subject": "Kept meanwhile"}')
            insert = "INSERT INTO scsync_commands (op, sobject, fields) VALUES (?, ?, ?)"
            store.execute(insert, row)
        time.sleep(3)  # three intervals in which nothing may happen
        assert own_org.requests()["total"] == asked["total"]
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE)
        assert ready.status_code == 503
        assert "Run scsync link" in ready.json()["reasons"][0]
        status = bare.run("status", "--json")
        assert status.code == 3
        assert status.document()["objects"]["User"]["watermark"] == watermark
        listed = bare.run("commands", "list", "--json")
        (waiting,) = listed.objects()
        assert waiting["state"] == "pending"
        linked = bare.run("link", "--refresh-token-stdin", given=approve_again(own_org))
        assert linked.code == 0, linked.err
        applied = ("commands", "list", "--state", "applied", "--json")
        eventually(lambda: len(bare.run(*applied).objects()) == 1, "what waited is applied")
        wait(pulled)
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE)
        assert ready.status_code == 200
