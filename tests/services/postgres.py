"""A throwaway PostgreSQL: initdb, a free port, no fsync, an unprivileged account."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.services.ground import Account, throwaway_directory, unprivileged_account
from tests.services.places import Route, postgres_programs
from tests.services.server import Server, ServiceFailedError, free_port

OWNER = "scsync"
# fsync off is safe against kill -9 (the kernel keeps what was written), which is all the suite does.
# synchronous_commit and full_page_writes stay on: without them a kill loses or tears commits.
SWIFT = ("-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=32MB")


@contextmanager
def postgres_server(route: Route | None = None) -> Iterator[Server]:
    """Run a PostgreSQL of one's own; its directory and process are gone afterwards."""
    account = unprivileged_account()
    with throwaway_directory(account) as directory:
        server = _prepare(_reachable(postgres_programs(route), account, directory), directory)
        server.account = account
        _initdb(Path(server.command[0]).with_name("initdb"), directory, account)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _prepare(programs: Path, directory: Path) -> Server:
    port = free_port()
    where = ("-D", str(directory / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", "")
    return Server(
        url=f"postgresql+psycopg://{OWNER}@127.0.0.1:{port}/postgres",
        command=[str(programs / "postgres"), *where, *SWIFT],
        directory=directory,
        stop_signal=signal.SIGINT,  # fast shutdown: clients are dropped, data is complete
        is_ready=lambda: _answers(port),
        not_yet="still in use",  # backends of a killed server leave a moment after it
    )


def _initdb(initdb: Path, directory: Path, account: Account | None) -> None:
    options = ("-U", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    done = subprocess.run(
        [str(initdb), "-D", str(directory / "data"), *options],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise ServiceFailedError(f"initdb: {done.stdout}{done.stderr}")


def _reachable(programs: Path, account: Account | None, directory: Path) -> Path:
    """Copy an installation that the account cannot reach (a venv below /root); open nothing."""
    if account is None or account.can_reach(programs):
        return programs
    home, copy = programs.parent, directory / "programs" / "package" / programs.parent.name
    for part in ("bin", "lib", "share"):
        if (home / part).is_dir():
            shutil.copytree(home / part, copy / part, symlinks=True)
    # A repaired wheel finds its shared libraries at these very distances: Linux, then macOS.
    beside = home.parent.with_name(f"{home.parent.name}.libs")
    within = home.parent / ".dylibs"
    for libraries, place in ((beside, copy.parents[1]), (within, copy.parent)):
        if libraries.is_dir():
            shutil.copytree(libraries, place / libraries.name)
    return copy / "bin"


def _answers(port: int) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user=OWNER, dbname="postgres", connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True
