"""Users, Permission Sets and Connected Apps OAuth Usage, as Setup shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import pages
from emulator.errors import ApiError
from emulator.exchange import html_answer, see_other
from emulator.rights import PROFILES
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.instance import Instance


class SetupPeople:
    """The pages about who may do what, and who let which app in."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def routes(self) -> list[Route]:
        return [
            Route("GET", "setup/users", "setup.users", self.users),
            Route("POST", "setup/users/{user_id}", "setup.users", self.save_user),
            Route("GET", "setup/permission-sets", "setup.sets", self.sets),
            Route("POST", "setup/permission-sets", "setup.sets", self.deploy),
            Route("POST", "setup/permission-sets/{name}/assignments", "setup.sets", self.assign),
            Route("GET", "setup/oauth-usage", "setup.usage", self.usage),
            Route("POST", "setup/oauth-usage/{client_id}", "setup.usage", self.change_usage),
        ]

    def users(self, _request: Request) -> Answer:
        directory = self.instance.directory
        context = {
            "users": directory.users(),
            "profiles": list(PROFILES),
            "sets": list(directory.sets),
        }
        return html_answer(pages.render("users", "Users", **context))

    def save_user(self, request: Request, user_id: str) -> Answer:
        form, instance = request.form(), self.instance
        chosen = [name for name in instance.directory.sets if f"set.{name}" in form]
        changes = {
            "profile": form.get("profile", ""),
            "permission_sets": chosen,
            "frozen": "frozen" in form,
        }
        instance.change_user(user_id, changes, active="active" in form)
        return see_other("/setup/users")

    def sets(self, _request: Request) -> Answer:
        return self._sets_page()

    def deploy(self, request: Request) -> Answer:
        form = request.form()
        xml = form.get("file") or form.get("xml", "")
        try:
            self.instance.directory.deploy(xml)
        except ValueError as error:
            return self._sets_page(str(error), xml=xml)
        return see_other("/setup/permission-sets")

    def assign(self, request: Request, name: str) -> Answer:
        user_id = request.form().get("user_id", "")
        own = self.instance.directory.standing(user_id).permission_sets
        self.instance.change_user(user_id, {"permission_sets": [*own, name]})
        return see_other("/setup/permission-sets")

    def usage(self, _request: Request) -> Answer:
        registry = self.instance.registry
        grants = [
            {
                "number": number,
                "client_id": grant.client_id,
                "username": self.instance.users.username(grant.user_id),
                "scopes": " ".join(grant.scopes),
                "given": _moment(grant.given),
                "used": _moment(grant.used),
            }
            for number, grant in enumerate(registry.grants)
        ]
        context: dict[str, Any] = {"apps": list(registry.apps.values()), "grants": grants}
        return html_answer(pages.render("usage", "Connected Apps OAuth Usage", **context))

    def change_usage(self, request: Request, client_id: str) -> Answer:
        """Block or unblock an app, take it out of the org or back, or end one grant of it."""
        form, registry = request.form(), self.instance.registry
        app = registry.apps.get(client_id)
        if app is None:
            raise ApiError(404, "NOT_FOUND", "There is no such app")
        for switch in form.keys() & {"blocked", "installed"}:
            setattr(app, switch, form[switch] == "on")
        if "revoke" in form:
            registry.revoke(registry.grants[int(form["revoke"])])
        self.instance.keep()
        return see_other("/setup/oauth-usage")

    def _sets_page(self, *errors: str, xml: str = "") -> Answer:
        directory = self.instance.directory
        context = {
            "errors": errors,
            "xml": xml,
            "sets": list(directory.sets.values()),
            "users": directory.users(),
        }
        return html_answer(pages.render("permission_sets", "Permission Sets", **context))


def _moment(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
