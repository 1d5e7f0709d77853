"""Resources about the org as a whole: the list of resources, limits and record counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.exchange import json_answer
from emulator.routes import Route

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.rest import Rest

RESOURCES = (
    "actions",
    "composite",
    "jobs",
    "knowledgeManagement",
    "limits",
    "query",
    "queryAll",
    "search",
    "sobjects",
    "ui-api",
)


def resources(_rest: Rest, request: Request) -> Answer:
    root = f"/services/data/v{request.version}"
    return json_answer({name: f"{root}/{name}" for name in RESOURCES})


def limits(rest: Rest, _request: Request) -> Answer:
    return json_answer(rest.instance.limits.document())


def record_count(rest: Rest, request: Request) -> Answer:
    """Count live rows; an sObject the org does not have is left out, as Salesforce does."""
    org = rest.instance.org
    known = [entry["name"] for entry in org.describe_global()["sobjects"] if entry["queryable"]]
    asked = {name.strip().lower() for name in request.query.get("sObjects", "").split(",")} - {""}
    chosen = [name for name in known if not asked or name.lower() in asked]
    return json_answer({"sObjects": [_count(rest, name) for name in chosen]})


def _count(rest: Rest, name: str) -> dict[str, object]:
    soql = "SELECT COUNT(Id) total FROM " + name  # noqa: S608 - a name out of describe, not of a client
    rows = rest.instance.org.query_rows(soql)
    return {"count": rows[0]["total"], "name": name}


ROUTES = [
    Route("GET", "", "resources", resources),
    Route("GET", "limits", "limits", limits),
    Route("GET", "limits/recordCount", "limits.recordCount", record_count),
]
