"""The emulated org as a program: prints what a client needs to reach it, then serves."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import msgspec

from emulator.options import REDIRECT_URIS, Options
from emulator.planting.people import DOMAIN
from emulator.welcome import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.serving import Serving

FEWEST_CASES, MOST_CASES = 200, 1_000_000


def serve(options: Options, *, as_json: bool = False) -> None:
    """Serve in this thread until SIGTERM or SIGINT; `ServingError` when the port is taken."""
    from emulator.serving import Serving  # noqa: PLC0415 - `--help` need not load an org

    serving = Serving(options)
    announce = _announce_json if as_json else _announce
    try:
        asyncio.run(_run(serving, lambda: announce(serving)))
    finally:
        serving.close()


async def _run(serving: Serving, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.stop)
    await serving.run(ready)


def _announce(serving: Serving) -> None:
    lines = _welcome(serving) if serving.options.setup else _ready(serving)
    if serving.ca_file:
        lines += ["", f"SSL_CERT_FILE={serving.ca_file}"]
    _write("\n".join(lines))


def _welcome(serving: Serving) -> list[str]:
    """Name the users; the app, its key and its secret are made in Setup."""
    instance = serving.instance
    users = (f"  {one.name}@{DOMAIN:<20} {one.profile}: {one.role}" for one in PEOPLE)
    return [
        f"Emulated org {instance.org.id} at {serving.url}, Setup at {serving.url}/setup",
        f"Log in with the password {instance.options.password}, as one of these. Ctrl-C ends.",
        "",
        *users,
        "",
        f"SCSYNC_LOGIN_URL={serving.url}",
    ]


def _ready(serving: Serving) -> list[str]:
    instance = serving.instance
    return [
        f"Emulated org {instance.org.id} at {serving.url}",
        f"Log in as {instance.username}, password {instance.options.password}. Ctrl-C ends.",
        "",
        f"SCSYNC_LOGIN_URL={serving.url}",
        f"SCSYNC_CLIENT_ID={instance.app.client_id}",
        f"SCSYNC_CLIENT_SECRET={instance.app.client_secret}",
        f"SCSYNC_REFRESH_TOKEN={instance.grant.refresh_token}",
    ]


def _announce_json(serving: Serving) -> None:
    instance = serving.instance
    document = {
        "url": serving.url,
        "client_id": instance.app.client_id,
        "client_secret": instance.app.client_secret,
        "refresh_token": instance.grant.refresh_token,
        "username": instance.username,
        "password": instance.options.password,
        "ca_file": str(serving.ca_file) if serving.ca_file else None,
        "pid": os.getpid(),
    }
    _write(msgspec.json.encode(document).decode())


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run as `python -m emulator`; 2 when the options or the port will not do."""
    from emulator.serving import ServingError  # noqa: PLC0415 - as above

    arguments = _parser().parse_args(argv)
    try:
        serve(_options(arguments), as_json=arguments.json)
    except ServingError as error:
        sys.stderr.write(f"emulator: {error}\n")
        return 2
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    given = vars(arguments).copy()
    given.pop("json")
    given["without"] = frozenset(given["without"])
    given["redirect_uris"] = tuple(given.pop("redirect_uri") or REDIRECT_URIS)
    # Beside the arguments, where other users of the machine could read them in the process list.
    for name in ("client_id", "client_secret", "refresh_token"):
        given[name] = given.get(name) or os.environ.get(f"EMULATOR_{name.upper()}")
    return Options(**given)


def _cases(text: str) -> int:
    number = int(text.replace("_", "").replace(",", ""))
    if not FEWEST_CASES <= number <= MOST_CASES:
        raise argparse.ArgumentTypeError(f"between {FEWEST_CASES} and {MOST_CASES:,} cases")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emulator", description=__doc__)
    add = parser.add_argument
    add("--cases", type=_cases, default=1000, help="size of the support desk, 200 to 1,000,000")
    add("--seed", type=int, default=1, help="the same seed makes the same org")
    add("--host", default="127.0.0.1", help="a loopback address")
    add("--port", type=int, default=8090, help="0 takes a free one")
    add("--tls", action="store_true", help="serve https with a certificate of its own")
    add("--live", action="store_true", help="keep agents at work")
    add("--live-seconds", type=float, default=1.0, help="how long an agent pauses")
    add("--state", metavar="FILE", help="keep the org in this SQLite file")
    add("--setup", action="store_true", help="no app yet: Setup makes one; several users")
    add("--without", action="append", default=[], metavar="SOBJECT", help="leave an object out")
    add("--api-limit", type=int, default=100_000, help="daily API requests")
    add("--session-seconds", type=float, default=7200.0, help="life of an access token")
    add("--rotation", action="store_true", help="each refresh yields a new refresh token")
    add("--redirect-uri", action="append", metavar="URI", help="a callback the app may use")
    add("--client-id", help="made up unless given here or as EMULATOR_CLIENT_ID")
    add("--client-secret", help="likewise EMULATOR_CLIENT_SECRET")
    add("--refresh-token", help="likewise EMULATOR_REFRESH_TOKEN")
    add("--json", action="store_true", help="print one JSON line instead of settings")
    return parser
