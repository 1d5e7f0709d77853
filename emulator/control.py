"""The control endpoints, for whoever plays the org rather than calls it.

| method, path | does |
|---|---|
| `GET /emulator/health` | org id, its time, process id |
| `GET POST DELETE /emulator/faults` | read, add one or several rules, clear (`?id=` clears one) |
| `GET /emulator/journal?since=` | applied writes after a sequence number |
| `GET DELETE /emulator/requests` | recent requests and counts by kind; forget them |
| `POST /emulator/tokens/expire` | ends every session: the next call meets a 401 |
| `POST /emulator/grants/revoke` | revokes every grant, or those of `client_id` |
| `GET POST /emulator/limits` | `used` and `max` of the daily allocation |
| `POST /emulator/clock` | `skew` in seconds, against the real clock |
| `GET POST /emulator/apps` | the settings of a connected app; an unknown `client_id` is a new app |
| `POST /emulator/acts` | one act, or a list of them, done by somebody else in the org |
| `GET POST /emulator/bulk` | how Bulk query jobs behave from the next one on |
| `GET POST /emulator/ingest` | how ingest jobs behave from the next one on |
| `GET POST /emulator/ui` | what the UI API serves, which answers it keeps |
| `GET POST /emulator/locks` | whether writers contend for rows and parents |
| `GET POST /emulator/assignment` | the assignment rule of cases |
| `GET POST DELETE /emulator/duplicates` | duplicate rules, one for an object |
| `POST /emulator/fields` | hides, shows, adds, removes, retypes, renames a field of an `sobject` |
| `POST /emulator/objects` | `hide` or `show` a whole object |
| `POST /emulator/sharing` | `hide` or `show` records by Id |
| `POST /emulator/query` | when queries of an `sobject` are timed out, how long their pages are |
| `POST /emulator/deletes` | how far the delete log reaches |
| `GET POST /emulator/users` | profile, permission sets and standing of a `username` |
| `GET POST /emulator/permission-sets` | those deployed; deploys the metadata in `xml` |
| `GET POST /emulator/grants` | who let which app in; has a `username` do so, and tells the token |
| `GET POST /emulator/doors` | how the org as a whole lets people in |
| `POST /emulator/org` | `refresh`: a new org behind the same address |
"""

from __future__ import annotations

import os
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from emulator import acts
from emulator.control_org import OrgControl
from emulator.control_people import PeopleControl
from emulator.control_writes import WriteControl
from emulator.errors import ApiError
from emulator.exchange import as_object, error_answer, json_answer
from emulator.grants import ConnectedApp, configure
from emulator.routes import Route, Routes

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.instance import Instance

ROOT = "emulator"
OPEN_SETTINGS = frozenset(field.name for field in fields(ConnectedApp)) - {"client_secret"}


class Control:
    """Answers under `/emulator/`: no session, not counted, never struck by faults."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.routes = Routes(
            [
                Route("GET", "emulator/health", "health", self.health),
                Route("GET", "emulator/faults", "faults", self.faults),
                Route("POST", "emulator/faults", "faults", self.add_faults),
                Route("DELETE", "emulator/faults", "faults", self.clear_faults),
                Route("GET", "emulator/journal", "journal", self.journal),
                Route("GET", "emulator/requests", "requests", self.requests),
                Route("DELETE", "emulator/requests", "requests", self.clear_requests),
                Route("POST", "emulator/tokens/expire", "expire", self.expire),
                Route("POST", "emulator/grants/revoke", "revoke", self.revoke),
                Route("GET", "emulator/limits", "limits", self.limits),
                Route("POST", "emulator/limits", "limits", self.set_limits),
                Route("POST", "emulator/clock", "clock", self.set_clock),
                Route("GET", "emulator/apps", "apps", self.apps),
                Route("POST", "emulator/apps", "apps", self.set_app),
                Route("POST", "emulator/acts", "acts", self.act),
            ],
            OrgControl(instance).routes(),
            PeopleControl(instance).routes(),
            WriteControl(instance).routes(),
        )

    def answer(self, request: Request) -> Answer:
        try:
            match = self.routes.find(request.method, request.path)
            return match.route.action(request, **match.values)
        except ApiError as error:
            return error_answer(error)
        except ValueError as error:
            return error_answer(ApiError(400, "INVALID_INPUT", str(error)))

    def health(self, _request: Request) -> Answer:
        org = self.instance.org
        now = org.now().isoformat()
        return json_answer({"status": "ok", "org_id": org.id, "now": now, "pid": os.getpid()})

    def faults(self, _request: Request) -> Answer:
        return json_answer([rule.document() for rule in self.instance.faults.rules])

    def add_faults(self, request: Request) -> Answer:
        body = request.json()
        rules = [as_object(one) for one in (body if isinstance(body, list) else [body])]
        added = [self.instance.faults.add(rule) for rule in rules]
        return json_answer([rule.document() for rule in added], 201)

    def clear_faults(self, request: Request) -> Answer:
        rule_id = request.query.get("id")
        self.instance.faults.clear(int(rule_id) if rule_id else None)
        return self.faults(request)

    def journal(self, request: Request) -> Answer:
        return json_answer(self.instance.org.journal(int(request.query.get("since", "0"))))

    def requests(self, _request: Request) -> Answer:
        log = self.instance.requests
        document = {"total": log.total, "counts": log.counts, "recent": list(log.recent)}
        return json_answer(document)

    def clear_requests(self, request: Request) -> Answer:
        self.instance.requests.clear()
        return self.requests(request)

    def expire(self, _request: Request) -> Answer:
        return json_answer({"expired": self.instance.registry.expire_sessions()})

    def revoke(self, request: Request) -> Answer:
        client_id = _optional(request).get("client_id")
        return json_answer({"revoked": self.instance.registry.revoke_grants(client_id)})

    def limits(self, _request: Request) -> Answer:
        limits = self.instance.limits
        return json_answer({"used": limits.used, "max": limits.maximum})

    def set_limits(self, request: Request) -> Answer:
        body, limits = request.fields(), self.instance.limits
        limits.used = int(body.get("used", limits.used))
        limits.maximum = int(body.get("max", limits.maximum))
        return self.limits(request)

    def set_clock(self, request: Request) -> Answer:
        skew = float(request.fields().get("skew", 0))
        self.instance.clock.skew = timedelta(seconds=skew)
        return json_answer({"skew": skew, "now": self.instance.org.now().isoformat()})

    def apps(self, _request: Request) -> Answer:
        return json_answer([_shown(app) for app in self.instance.registry.apps.values()])

    def set_app(self, request: Request) -> Answer:
        body, registry = request.fields(), self.instance.registry
        client_id = str(body.pop("client_id", self.instance.app.client_id))
        app = registry.apps.get(client_id) or ConnectedApp(client_id, "")
        configure(app, body)
        registry.apps[client_id] = app
        self.instance.keep()
        return json_answer(_shown(app))

    def act(self, request: Request) -> Answer:
        body, org = request.json(), self.instance.org
        if isinstance(body, list):
            return json_answer({"results": [acts.perform(org, as_object(one)) for one in body]})
        return json_answer({"result": acts.perform(org, as_object(body))})


def _optional(request: Request) -> dict[str, Any]:
    return request.fields() if request.body else {}


def _shown(app: ConnectedApp) -> dict[str, Any]:
    return {name: getattr(app, name) for name in sorted(OPEN_SETTINGS)}
