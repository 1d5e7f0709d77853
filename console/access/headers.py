"""The headers that every answer bears, and an answer whatever happens."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console import problems

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_ALWAYS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_UNLESS_SAID = {"cache-control": "no-store"}


class Headers:
    """Stands outside of everything else, so that refusals and failures bear them, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _add(MutableHeaders(scope=message))
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if has_begun:
                raise
            answer = await problems.answer(Request(scope, receive), error)
            await answer(scope, receive, sending)


def _add(headers: MutableHeaders) -> None:
    headers.update(_ALWAYS)
    for name, value in _UNLESS_SAID.items():
        headers.setdefault(name, value)
