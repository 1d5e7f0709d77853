"""Setup, as an administrator of the org meets it in a browser: a login, then the pages."""

from __future__ import annotations

import secrets
from functools import wraps
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from emulator import pages
from emulator.exchange import html_answer, see_other
from emulator.routes import Route
from emulator.setup_apps import SetupApps
from emulator.setup_people import SetupPeople

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.instance import Instance
    from emulator.routes import Action

COOKIE = "setup"
HOME = "/setup"


class Setup:
    """Lets administrators in, and nobody else."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._signed_in: dict[str, str] = {}

    def routes(self) -> list[Route]:
        inside = [
            Route("GET", "setup", "setup", self.home),
            Route("POST", "setup/logout", "setup.logout", self.log_out),
            *SetupApps(self.instance).routes(),
            *SetupPeople(self.instance).routes(),
        ]
        return [
            Route("GET", "setup/login", "setup.login", self.login_page),
            Route("POST", "setup/login", "setup.login", self.log_in),
            *(route._replace(action=self._guarded(route.action)) for route in inside),
        ]

    def home(self, request: Request) -> Answer:
        soql = "SELECT Id, Name, IsSandbox FROM Organization"
        org = self.instance.org.query_rows(soql)[0]
        return html_answer(pages.render("home", "Setup", org=org, origin=request.origin))

    def login_page(self, request: Request) -> Answer:
        return _login_page("", request.query.get("to", HOME))

    def log_in(self, request: Request) -> Answer:
        """Start a session for an administrator; only pages of Setup are gone back to."""
        form = request.form()
        username, to = form.get("username", ""), form.get("to", HOME)
        instance = self.instance
        user_id = instance.users.find(username)
        if user_id is None or form.get("password") != instance.options.password:
            return _login_page(username, to, "Please check your username and password.")
        if not instance.directory.is_administrator(user_id):
            return _login_page(username, to, "Only administrators may open Setup.")
        token = secrets.token_urlsafe(32)
        self._signed_in[token] = user_id
        back = to if to.startswith(HOME) else HOME
        return see_other(back).adding({"set-cookie": _cookie(token)})

    def log_out(self, request: Request) -> Answer:
        self._signed_in.pop(_token(request), None)
        return see_other("/setup/login")

    def _guarded(self, action: Action) -> Action:
        @wraps(action)
        def guarded(request: Request, **values: str) -> Answer:
            if _token(request) not in self._signed_in:
                return see_other(f"/setup/login?to={request.path}")
            return action(request, **values)

        return guarded


def _login_page(username: str, to: str, *errors: str) -> Answer:
    context = {"signed_in": False, "errors": errors, "username": username, "to": to}
    return html_answer(pages.render("login", "Log in to Setup", **context))


def _cookie(token: str) -> str:
    return f"{COOKIE}={token}; Path=/setup; HttpOnly; SameSite=Strict"


def _token(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
