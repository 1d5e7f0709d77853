"""The control endpoints that change the org itself: its schema, who sees what, and its manners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.errors import ApiError
from emulator.exchange import as_list, json_answer
from emulator.manners import EVERY
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.instance import Instance


class OrgControl:
    """Changes an administrator makes, and habits that one org has and another has not."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def routes(self) -> list[Route]:
        return [
            Route("POST", "emulator/fields", "fields", self.fields),
            Route("POST", "emulator/objects", "objects", self.objects),
            Route("POST", "emulator/sharing", "sharing", self.sharing),
            Route("POST", "emulator/query", "query", self.query),
            Route("POST", "emulator/deletes", "deletes", self.deletes),
            Route("GET", "emulator/bulk", "bulk", self.bulk),
            Route("POST", "emulator/bulk", "bulk", self.set_bulk),
            Route("POST", "emulator/org", "org", self.refresh),
        ]

    def fields(self, request: Request) -> Answer:
        """Hide, show, add, remove, retype or rename a field, at any moment."""
        body, org = request.fields(), self.instance.org
        sobject = str(body.get("sobject", ""))
        match body:
            case {"hide": str(name)}:
                org.hide_field(sobject, name)
            case {"show": str(name)}:
                org.show_field(sobject, name)
            case {"add": dict(field)}:
                org.add_field(sobject, field)
            case {"remove": str(name)}:
                org.remove_field(sobject, name)
            case {"retype": {"name": str(name)}}:
                org.change_field(sobject, name, body["retype"])
            case {"rename": {"from": str(name), "to": str(new)}}:
                org.change_field(sobject, name, {"name": new})
            case _:
                message = "say hide, show, add, remove, retype or rename"
                raise ApiError(400, "INVALID_INPUT", message)
        return json_answer({"fields": [one["name"] for one in org.describe(sobject)["fields"]]})

    def objects(self, request: Request) -> Answer:
        """Take an object from the user's sight, or give it back."""
        body, org = request.fields(), self.instance.org
        match body:
            case {"hide": str(name)}:
                org.hide_object(name)
            case {"show": str(name)}:
                org.show_object(name)
            case _:
                raise ApiError(400, "INVALID_INPUT", "say hide or show")
        return json_answer({"objects": [one["name"] for one in org.describe_global()["sobjects"]]})

    def sharing(self, request: Request) -> Answer:
        """Take records from the user's sight, undeleted, or give them back."""
        body, org = request.fields(), self.instance.org
        hidden = as_list(body.get("hide", []), "hide")
        shown = body.get("show", [])
        org.hide_records([str(id_) for id_ in hidden])
        org.show_records(None if shown == "all" else [str(id_) for id_ in as_list(shown, "show")])
        return json_answer({"hidden": org.hidden_records()})

    def query(self, request: Request) -> Answer:
        body: dict[str, Any] = request.fields()
        sobject = str(body.pop("sobject", EVERY))
        return json_answer(self.instance.org.manners.change_query(sobject, body))

    def deletes(self, request: Request) -> Answer:
        return json_answer(self.instance.org.manners.change_log(request.fields()))

    def bulk(self, _request: Request) -> Answer:
        return json_answer(self.instance.jobs.manners)

    def set_bulk(self, request: Request) -> Answer:
        self.instance.jobs.behave(request.fields())
        return self.bulk(request)

    def refresh(self, request: Request) -> Answer:
        """Make a new org behind the same address, as the refresh of a sandbox does."""
        body = request.fields()
        if body.get("refresh") is not True:
            raise ApiError(400, "INVALID_INPUT", "say refresh: true, with cases and seed if wanted")
        self.instance.refresh(cases=body.get("cases"), seed=body.get("seed"))
        return json_answer(
            {
                "org_id": self.instance.org.id,
                "username": self.instance.username,
                "refresh_token": self.instance.grant.refresh_token,
            }
        )
