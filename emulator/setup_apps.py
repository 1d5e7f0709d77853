"""External Client App Manager: apps are made, their keys shown, their policies chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emulator import pages
from emulator.assertion import BadAssertionError, public_key
from emulator.errors import ApiError
from emulator.exchange import html_answer, see_other
from emulator.grants import (
    CLIENT_CREDENTIALS,
    JWT_BEARER,
    SCOPE_LABELS,
    WEB_SERVER,
    ConnectedApp,
    configure,
    new_client_id,
    new_secret,
)
from emulator.rights import PROFILES
from emulator.routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.exchange import Answer, Request
    from emulator.instance import Instance

LABELS = {key: label for key, label in SCOPE_LABELS.items() if key != "offline_access"}
UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60}
MOST_UNITS = 720
MOST_CERTIFICATE_BYTES = 4096
SWITCHES = ("require_secret", "require_refresh_secret", "require_pkce", "rotation")
# What a fresh form says: everything that makes an app safer is on.
FRESH = dict.fromkeys(("require_secret", "require_refresh_secret", "require_pkce"), "on")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Form = dict[str, str]


class SetupApps:
    """The pages of the apps."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def routes(self) -> list[Route]:
        return [
            Route("GET", "setup/apps", "setup.apps", self.apps),
            Route("GET", "setup/apps/new", "setup.apps", self.new),
            Route("POST", "setup/apps/new", "setup.apps", self.create),
            Route("GET", "setup/apps/{client_id}", "setup.app", self.app),
            Route("GET", "setup/apps/{client_id}/edit", "setup.app", self.edit),
            Route("POST", "setup/apps/{client_id}/edit", "setup.app", self.save),
            Route("GET", "setup/apps/{client_id}/keys", "setup.app", self.keys),
            Route("POST", "setup/apps/{client_id}/keys", "setup.app", self.rotate),
            Route("POST", "setup/apps/{client_id}/policies", "setup.app", self.save_policies),
        ]

    def apps(self, _request: Request) -> Answer:
        context = {"apps": list(self.instance.registry.apps.values()), "now": self._now()}
        return html_answer(pages.render("apps", "External Client App Manager", **context))

    def new(self, _request: Request) -> Answer:
        return _form_page(FRESH)

    def create(self, request: Request) -> Answer:
        form = request.form()
        if errors := list(_mistakes(form)):
            return _form_page(form, errors)
        app = ConnectedApp(new_client_id(), new_secret(), preauthorized=False)
        app.active_at = self._now() + self.instance.admission.doors.activation_seconds
        configure(app, _settings(form))
        self.instance.registry.apps[app.client_id] = app
        self.instance.keep()
        return see_other(f"/setup/apps/{app.client_id}")

    def app(self, _request: Request, client_id: str) -> Answer:
        return self._app_page(self._find(client_id))

    def edit(self, _request: Request, client_id: str) -> Answer:
        return _form_page(_as_form(self._find(client_id)), client_id=client_id)

    def save(self, request: Request, client_id: str) -> Answer:
        app, form = self._find(client_id), request.form()
        if errors := list(_mistakes(form)):
            return _form_page(form, errors, client_id)
        configure(app, _settings(form))
        self.instance.keep()
        return see_other(f"/setup/apps/{client_id}")

    def keys(self, _request: Request, client_id: str) -> Answer:
        context = {"app": self._find(client_id)}
        answer = html_answer(pages.render("keys", "Consumer Key and Secret", **context))
        return answer.adding({"cache-control": "no-store"})

    def rotate(self, _request: Request, client_id: str) -> Answer:
        """Give the app another secret, which ends every token of the old one."""
        self._find(client_id).client_secret = new_secret()
        self.instance.registry.revoke_grants(client_id)
        return see_other(f"/setup/apps/{client_id}/keys")

    def save_policies(self, request: Request, client_id: str) -> Answer:
        app, form = self._find(client_id), request.form()
        period, unit = form.get("refresh_period", ""), form.get("refresh_unit", "days")
        policy = form.get("refresh_policy", "until_revoked")
        lasts = policy in {"unused", "after"}
        if lasts and not (period.isdigit() and 0 < int(period) <= MOST_UNITS):
            return self._app_page(app, f"Refresh Token Validity Period: 1 to {MOST_UNITS} {unit}")
        chosen = [name for name in self._audiences() if f"admit.{name}" in form]
        settings = {
            "permitted_users": form.get("permitted_users", "self"),
            "admitted": chosen,
            "refresh_policy": policy,
            "refresh_seconds": int(period) * UNITS[unit] if lasts else 0,
            "relax_ip": form.get("relax_ip") == "on",
            "run_as": form.get("run_as", ""),
        }
        configure(app, settings)
        self.instance.keep()
        return see_other(f"/setup/apps/{client_id}")

    def _app_page(self, app: ConnectedApp, *errors: str) -> Answer:
        unit = next((one for one, size in UNITS.items() if app.refresh_seconds % size == 0), "days")
        context = {
            "app": app,
            "errors": errors,
            "now": self._now(),
            "active_at": f"{datetime.fromtimestamp(app.active_at, UTC):%H:%M:%S}",
            "audiences": self._audiences(),
            "users": self.instance.directory.users(),
            "units": list(UNITS),
            "unit": unit,
            "period": f"{app.refresh_seconds / UNITS[unit]:g}" if app.refresh_seconds else "",
        }
        return html_answer(pages.render("app", app.name, **context))

    def _audiences(self) -> list[str]:
        return [*PROFILES, *self.instance.directory.sets]

    def _find(self, client_id: str) -> ConnectedApp:
        app = self.instance.registry.apps.get(client_id)
        if app is None:
            raise ApiError(404, "NOT_FOUND", "There is no such app")
        return app

    def _now(self) -> float:
        return self.instance.registry.clock().timestamp()


def _form_page(form: Form, errors: list[str] | tuple[()] = (), client_id: str = "") -> Answer:
    """Show the form of a new app, or that of one that is there."""
    context = {"form": form, "errors": errors, "scopes": LABELS}
    if client_id:
        action = {"action": f"/setup/apps/{client_id}/edit", "verb": "Save"}
        return html_answer(pages.render("app_form", "Edit Settings", **context, **action))
    action = {"action": "/setup/apps/new", "verb": "Create"}
    return html_answer(pages.render("app_form", "New External Client App", **context, **action))


def _mistakes(form: Form) -> Iterator[str]:
    if not form.get("name", "").strip():
        yield "External Client App Name: you must enter a value"
    if "@" not in form.get("contact", ""):
        yield "Contact Email: you must enter an e-mail address"
    if "oauth" not in form:
        yield "Enable OAuth: without it the app has no consumer key"
        return
    callbacks = form.get("callbacks", "").split()
    if not callbacks:
        yield "Callback URL: you must enter a value"
    yield from (f"Callback URL: {one} must be https" for one in callbacks if not _is_safe(one))
    if not any(f"scope.{key}" in form for key in LABELS):
        yield "OAuth Scopes: select at least one"
    if f"flow.{JWT_BEARER}" in form and not _is_certificate(_certificate(form)):
        yield f"Certificate: a PEM of an RSA key, of at most {MOST_CERTIFICATE_BYTES} bytes"


def _is_safe(callback: str) -> bool:
    parts = urlsplit(callback)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _certificate(form: Form) -> str:
    return form.get("certificate_file") or form.get("certificate", "")


def _is_certificate(pem: str) -> bool:
    if not pem or len(pem) > MOST_CERTIFICATE_BYTES:
        return False
    try:
        public_key(pem.encode())
    except (ValueError, BadAssertionError):
        return False
    return True


def _settings(form: Form) -> dict[str, Any]:
    flows = [flow for flow in (CLIENT_CREDENTIALS, JWT_BEARER) if f"flow.{flow}" in form]
    chosen = {label for key, label in LABELS.items() if f"scope.{key}" in form}
    return {
        "name": form["name"].strip(),
        "contact": form["contact"].strip(),
        "redirect_uris": form["callbacks"].split(),
        "scopes": [scope for scope, label in SCOPE_LABELS.items() if label in chosen],
        "flows": [WEB_SERVER, *flows],
        "certificate": _certificate(form) if JWT_BEARER in flows else "",
        **{switch: switch in form for switch in SWITCHES},
    }


def _as_form(app: ConnectedApp) -> Form:
    form = {
        "name": app.name,
        "contact": app.contact,
        "oauth": "on",
        "callbacks": "\n".join(app.redirect_uris),
        "certificate": app.certificate,
    }
    form |= {f"scope.{key}": "on" for key in LABELS if key in app.scopes}
    form |= {f"flow.{flow}": "on" for flow in app.flows}
    switched = {switch: getattr(app, switch) for switch in SWITCHES}
    switched |= {SWITCHES[1]: app.needs_secret(refreshing=True)}
    return form | {switch: "on" for switch, is_on in switched.items() if is_on}
