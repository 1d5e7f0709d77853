"""The HTTP API: commands, actions, objects and reports for programs."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.api import actions, commands, openapi, reports, state, submission
from console.api.operation import JSON, routes
from models.api_key import Scope
from worker.app import App

OPERATIONS = (
    *submission.OPERATIONS,
    *commands.OPERATIONS,
    *actions.OPERATIONS,
    *state.OPERATIONS,
    *reports.OPERATIONS,
)


def addresses(parts: App, *, is_open: bool) -> list[BaseRoute]:
    """Give every address of the API, and the one that describes them."""
    description = msgspec.json.encode(openapi.document(OPERATIONS, is_open=is_open))

    async def describe(_request: Request) -> Response:
        return Response(description, media_type=JSON)

    return [
        *routes(parts, OPERATIONS),
        route("/openapi.json", describe, scope=Scope.READ),
        *actions.refusals(),
    ]
