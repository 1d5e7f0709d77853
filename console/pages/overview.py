"""The overview: is all well, in one sentence, then what it rests on."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console.access.route import route
from console.health import look
from console.templates import render
from models.api_key import Scope
from models.outbox import CommandState
from worker.app import App


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /."""

    def overview(request: Request) -> Response:
        view = look(parts)
        return render(request, "overview.html", view=view, found=view.overview, states=CommandState)

    return [route("/", overview, scope=Scope.READ, name="overview")]
