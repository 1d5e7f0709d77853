"""The control endpoints of Setup's state: users, permission sets, grants, and the org's doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from emulator.exchange import json_answer
from emulator.grants import DAEMON_SCOPES
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.instance import Instance


class PeopleControl:
    """Changes who may do what, and whether anybody is let in."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def routes(self) -> list[Route]:
        return [
            Route("GET", "emulator/users", "users", self.users),
            Route("POST", "emulator/users", "users", self.change_user),
            Route("GET", "emulator/permission-sets", "sets", self.sets),
            Route("POST", "emulator/permission-sets", "sets", self.deploy),
            Route("GET", "emulator/grants", "grants", self.grants),
            Route("POST", "emulator/grants", "grants", self.give_grant),
            Route("GET", "emulator/doors", "doors", self.doors),
            Route("POST", "emulator/doors", "doors", self.change_doors),
        ]

    def users(self, _request: Request) -> Answer:
        return json_answer(self.instance.directory.users())

    def change_user(self, request: Request) -> Answer:
        body: dict[str, Any] = request.fields()
        username, active = str(body.pop("username", "")), body.pop("active", None)
        user_id = self.instance.users.find(username)
        if user_id is None:
            raise ValueError(f"no user {username!r}")
        self.instance.change_user(user_id, body, active=active)
        return json_answer(self.instance.directory.standing(user_id))

    def sets(self, _request: Request) -> Answer:
        found = self.instance.directory.sets.values()
        return json_answer([_shown(one) for one in found])

    def deploy(self, request: Request) -> Answer:
        found = self.instance.directory.deploy(str(request.fields().get("xml", "")))
        return json_answer(_shown(found), 201)

    def grants(self, _request: Request) -> Answer:
        users = self.instance.users
        found = [
            {
                "client_id": grant.client_id,
                "username": users.username(grant.user_id),
                "scopes": grant.scopes,
                "given": grant.given,
                "used": grant.used,
            }
            for grant in self.instance.registry.grants
        ]
        return json_answer(found)

    def give_grant(self, request: Request) -> Answer:
        """Have a user approve an app; answers with the refresh token, as no page does."""
        body, registry = request.fields(), self.instance.registry
        app = registry.apps.get(str(body.get("client_id", self.instance.app.client_id)))
        user_id = self.instance.users.find(str(body.get("username", self.instance.username)))
        if app is None or user_id is None:
            raise ValueError("no such app, or no such user")
        grant = registry.grant(app, user_id, tuple(body.get("scopes", DAEMON_SCOPES)))
        return json_answer({"refresh_token": grant.refresh_token}, 201)

    def doors(self, _request: Request) -> Answer:
        return json_answer(self.instance.admission.doors)

    def change_doors(self, request: Request) -> Answer:
        return json_answer(self.instance.admission.change(request.fields()))


def _shown(one: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(one)
    return found
