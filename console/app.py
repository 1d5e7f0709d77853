"""The console as an ASGI application: its addresses, and what stands before them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from cryptography.fernet import Fernet
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from config.keys import KeyLost
from console import api, pages, probes, problems, warmth
from console.access import login
from console.access.door import Door
from console.access.gate import Gate
from console.access.headers import Headers
from console.access.route import Scoped
from console.access.sessions import Sessions
from console.answers import Answers
from console.static_files import Static
from pipelines.vault import Cipher
from worker.app import App


def console(parts: App, *, is_loopback: bool = True) -> Starlette:
    """Build the console of one account; beyond loopback it lets nobody in without a key."""
    answers = Answers(parts.store)
    door, sessions = Door(parts, is_loopback=is_loopback), Sessions(_sealing(parts))
    addresses = [
        *probes.routes(parts),
        *login.routes(door, sessions),
        *api.addresses(parts, is_open=door.is_open),
        *pages.routes(parts, answers),
    ]
    refuse_unscoped(addresses)
    rate = parts.settings.console_rate
    found = Starlette(
        routes=[*addresses, Mount("/static", Static(), name="static")],
        middleware=[
            Middleware(Headers),
            Middleware(Gate, door=door, sessions=sessions, rate=rate),
        ],
        exception_handlers={HTTPException: problems.answer},
        lifespan=partial(_kept_warm, parts, answers),
    )
    found.state.watch = parts.watch
    return found


@asynccontextmanager
async def _kept_warm(parts: App, answers: Answers, _served: Starlette) -> AsyncIterator[None]:
    with warmth.kept(parts, answers):
        yield


def _sealing(parts: App) -> Cipher:
    """Give what seals sessions; who lost the tokens' key has to get in, to link anew."""
    try:
        parts.cipher.encrypt(b"")
    except KeyLost:
        return Fernet(Fernet.generate_key())
    return parts.cipher


def refuse_unscoped(routes: list[BaseRoute]) -> None:
    """Raise for a route that anybody could reach because nobody said who may."""
    for one in routes:
        if not isinstance(one, Scoped):
            raise TypeError(f"{one} does not say what scope it needs: use console.access.route")
