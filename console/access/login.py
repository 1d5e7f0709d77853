"""Login and logout: a key shown once to a form becomes a cookie."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from console.access.door import Door, WrongKey
from console.access.gate import LOGIN
from console.access.route import route
from console.access.sessions import Sessions, begin, cookie_name
from console.problems import Problem
from console.templates import render


def routes(door: Door, sessions: Sessions) -> list[BaseRoute]:
    """Answer at /login and /logout."""

    def login(request: Request) -> Response:
        wanted = _local(request.query_params.get("next", "/"))
        if door.is_open:
            return RedirectResponse(wanted, 303)
        if request.method != "POST" and _is_in(door, request):
            return RedirectResponse(wanted, 303)
        if request.method != "POST":
            return render(request, "login.html", failed=False, next=wanted)
        form = parse_qs(request.state.body.decode("utf-8", "replace"))
        try:
            caller = door.by_key(form.get("key", [""])[0].strip(), request)
        except WrongKey:
            return render(request, "login.html", status=401, failed=True, next=wanted)
        answer = RedirectResponse(wanted, 303)
        # A new session: one that somebody else may have planted must not be let in.
        session = begin(caller.key)
        secure = door.comes_securely(request)
        answer.headers["set-cookie"] = sessions.cookie(
            session, cookie_name(request), is_secure=secure
        )
        return answer

    def logout(request: Request) -> Response:
        door.see_out(request.state.session)
        answer = RedirectResponse(LOGIN, 303)
        answer.delete_cookie(cookie_name(request), httponly=True, samesite="strict")
        return answer

    return [
        route(LOGIN, login, scope=None, methods=("GET", "POST")),
        route("/logout", logout, scope=None, methods=("POST",)),
    ]


def _is_in(door: Door, request: Request) -> bool:
    """Tell whether somebody has no need to log in: who was led here from another site, for one."""
    try:
        door.caller(request, request.state.session)
    except Problem:
        return False
    return True


def _local(wanted: str) -> str:
    """Lead to a page of ours only."""
    parts = urlsplit(wanted)
    is_ours = not parts.scheme and not parts.netloc and wanted.startswith("/")
    return wanted if is_ours and not wanted.startswith(("//", "/\\")) else "/"
