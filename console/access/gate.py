"""The gate: every request passes it, and leaves with a caller, a body and a session, or not."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console import problems
from console.access import csrf
from console.access.body import LARGEST_BODY, LARGEST_FORM, read_body, replayed
from console.access.door import Door
from console.access.limits import Buckets
from console.access.sessions import Session, Sessions, begin, cookie_name
from console.templates import render
from pipelines.guide import CONSOLE_CALLBACK_PATH

_FREE = ("/healthz", "/static/")
"""Told to anyone: that we live, and what our pages look like."""
_BURST = 5  # s: so much of the average may come at once
LOGIN = "/login"
LINK_CALLBACK = CONSOLE_CALLBACK_PATH
_NAMELESS = frozenset({LOGIN, LINK_CALLBACK})
"""Answered to whoever comes by the right name: these know by other means whom they serve."""


class Gate:
    """Sets `operator`, `scopes`, `csrf`, `session` and `body` of the request's state."""

    def __init__(self, app: ASGIApp, *, door: Door, sessions: Sessions, rate: float) -> None:
        self._app = app
        self._door = door
        self._sessions = sessions
        self._requests = Buckets(rate, max(rate * _BURST, 1)) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_FREE):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        session = self._sessions.read(request)
        if session is None and _is_led_here(request):
            answer: Response = render(request, "onward.html", login=_login(request))
            await answer(scope, receive, send)
            return
        session, is_new = session or begin(), session is None
        try:
            await self._admit(request, session)
        except problems.Problem as error:
            answer = await self._refusal(request, error)
            await answer(scope, receive, send)
            return
        # Who comes back from Salesforce has a session that is not shown there, and keeps it.
        if is_new and problems.wants_page(request) and request.url.path != LINK_CALLBACK:
            send = self._handing(request, session, send)
        await self._app(scope, replayed(request.state.body, receive), send)

    async def _admit(self, request: Request, session: Session) -> None:
        state, address = request.state, request.client.host if request.client else ""
        state.session, state.csrf, is_bearer = session, session.csrf, False
        state.is_secure = self._door.comes_securely(request)
        if request.url.path in _NAMELESS:
            self._door.refuse_strange_name(request.headers)
            state.operator, state.scopes = None, frozenset()
        else:
            caller = await run_in_threadpool(self._door.caller, request, session)
            state.operator, state.scopes = caller.operator, caller.scopes
            is_bearer = caller.is_bearer
        if self._requests:
            self._requests.take(state.operator or address)
        largest = LARGEST_BODY if state.operator else LARGEST_FORM
        state.body = await read_body(request, at_most=largest)
        if not is_bearer:
            csrf.check(request)

    @staticmethod
    async def _refusal(request: Request, error: problems.Problem) -> Response:
        """Lead a person to the login, and tell a program what is wrong."""
        if error.status == 401 and request.method == "GET" and problems.wants_page(request):  # noqa: PLR2004
            return RedirectResponse(_login(request), 303)
        return await problems.answer(request, error)

    def _handing(self, request: Request, session: Session, send: Send) -> Send:
        cookie = self._sessions.cookie(
            session, cookie_name(request), is_secure=self._door.comes_securely(request)
        )

        async def handing(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A login hands out a session of its own.
                if "set-cookie" not in headers:
                    headers.append("set-cookie", cookie)
            await send(message)

        return handing


def _is_led_here(request: Request) -> bool:
    """Tell whether another site led a browser here, to which it then does not show our cookie.

    From a page of ours it goes on to the login with its cookie, and from there to what was asked.
    """
    return (
        request.headers.get("sec-fetch-site") == "cross-site"
        and request.method == "GET"
        and request.url.path not in _NAMELESS
        and problems.wants_page(request)
    )


def _login(request: Request) -> str:
    """Give the address of the login that leads to what was asked."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{LOGIN}?next={quote(f'{request.url.path}{query}')}"
