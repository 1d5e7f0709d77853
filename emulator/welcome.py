"""An org as a newcomer meets it: nothing linked, no app, and a handful of people to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from emulator.directory import Standing
from emulator.planting.people import DOMAIN

if TYPE_CHECKING:
    from emulator.instance import Instance


class Person(NamedTuple):
    """Somebody to log in as."""

    name: str
    first: str
    last: str
    profile: str
    role: str


PEOPLE = (
    Person("admin", "Ada", "Admin", "System Administrator", "may do everything, and Setup"),
    Person(
        "integration",
        "Integration",
        "User",
        "Minimum Access - API Only Integrations",
        "has the API and nothing else, until a permission set is assigned",
    ),
    Person("clerk", "Carla", "Clerk", "Standard User", "sees the records it owns"),
    Person("auditor", "Otto", "Auditor", "Read Only", "reads everything, writes nothing"),
    Person("visitor", "Vera", "Visitor", "Minimum Access - Salesforce", "has no API"),
)
EVERYBODY_ELSE = Standing(profile="Standard User")


def prepare(instance: Instance) -> None:
    """Take the app away that is made beforehand; at the first start, bring everybody in."""
    instance.registry.apps.pop(instance.app.client_id)
    instance.registry.revoke_grants(instance.app.client_id)
    instance.authorizations.default_username = ""
    if instance.kept.people:
        return
    instance.directory.newcomer = EVERYBODY_ELSE
    for person in PEOPLE:
        instance.directory.change(_user_id(instance, person), {"profile": person.profile})


def _user_id(instance: Instance, person: Person) -> str:
    address = f"{person.name}@{DOMAIN}"
    if known := instance.users.find(address):
        return known
    fields = {
        "Username": address,
        "LastName": person.last,
        "FirstName": person.first,
        "Email": address,
        "Alias": person.name[:8],
        "IsActive": True,
    }
    org = instance.org
    return org.create("User", fields, user_id=org.default_user_id, api=False)
