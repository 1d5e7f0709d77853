"""Linking by a person: approved at Salesforce, in the browser that this console is open in.

The way back is an address of the console. A session's cookie is not sent along from elsewhere, so
whoever returns is known by the state of the attempt, which an operator began and nobody else knows.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.gate import LINK_CALLBACK
from console.access.route import route
from console.pages.frame import noted, show
from console.problems import Problem
from models.api_key import Scope
from pipelines.guide import console_callback
from pipelines.link import Noted
from salesforce.authorize import Authorization
from salesforce.errors import SalesforceError
from salesforce.refusals import APP_WAIT
from worker.app import App

PATIENCE = timedelta(minutes=10)  # Salesforce's code lives a quarter of an hour


@dataclass(frozen=True)
class Attempt:
    """One visit to Salesforce: how it is finished, until when, and who is to have done it."""

    authorization: Authorization
    until: datetime
    noted: Noted


@dataclass
class Last:
    """The last attempt of this process, which answers once; a new one takes its place."""

    attempt: Attempt | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, attempt: Attempt) -> None:
        with self._turn:
            self.attempt = attempt

    def take(self, state: str, now: datetime) -> Attempt | None:
        """Give the attempt that bears this state, if it is not too late."""
        with self._turn:
            found = self.attempt
            if found is None or not found.authorization.is_answered_by(state):
                return None
            self.attempt = None
        return found if now <= found.until else None


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /accounts/link, and where Salesforce leads back to."""
    last = Last()

    def link(request: Request) -> Response:
        callback = way_back(request)
        if callback is None:
            raise Problem(
                409,
                "Salesforce leads browsers back by https, or to localhost: open the console so, "
                "or run scsync link where scsync runs",
            )
        authorization = Authorization(parts.credentials, callback, parts.scopes)
        note = noted(request, parts, "account.link", parts.name)
        last.begin(Attempt(authorization, parts.clock() + PATIENCE, note))
        return show(request, parts, "link.html", authorization=authorization, wait=APP_WAIT)

    def callback(request: Request) -> Response:
        answer = dict(request.query_params)
        attempt = last.take(answer.get("state", ""), parts.clock())
        if attempt is None:
            raise Problem(400, "nobody waits for this answer: press Link under Accounts again")
        try:
            with parts.linker(noted=attempt.noted) as linker:
                finished = attempt.authorization.finish(linker.http, answer)
                linked = linker.by_approval(finished)
        except SalesforceError as error:
            raise Problem(409, f"nothing was linked. {error}") from None
        return show(request, parts, "linked.html", linked=linked)

    return [
        route("/accounts/link", link, scope=Scope.OPERATE, methods=("POST",)),
        route(LINK_CALLBACK, callback, scope=None),
    ]


def way_back(request: Request) -> str | None:
    """Name the address of this console that Salesforce is to lead back to; None: it would not."""
    address = request.url
    if request.state.is_secure:
        return f"https://{address.netloc}{LINK_CALLBACK}"
    if address.hostname in {"localhost", "127.0.0.1", "::1"}:
        return console_callback(address.port or 80)
    return None
