"""Who may ask over HTTP: whoever bears the token, where there is one."""

import hmac

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


class Guard:
    """Lets requests through that bear the token; without a token, all that reach us."""

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._token is None or _bears(scope, self._token):
            await self._app(scope, receive, send)
            return
        await _refusal()(scope, receive, send)


def _bears(scope: Scope, token: str) -> bool:
    scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode())


def _refusal() -> Response:
    detail = "give the token of SCSYNC_CONSOLE_TOKEN as a bearer's: Authorization: Bearer TOKEN"
    body = msgspec.json.encode({"status": 401, "title": "Unauthorized", "detail": detail})
    return Response(
        body, 401, {"www-authenticate": "Bearer"}, media_type="application/problem+json"
    )
