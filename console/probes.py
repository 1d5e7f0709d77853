"""What machines ask of the whole: does it live, is it well, and the figures."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from console import metrics
from console.access.route import route
from models.api_key import Scope
from pipelines.verdict import judge
from store.errors import StoreError
from worker.app import App


def routes(parts: App) -> list[BaseRoute]:
    """Answer at /healthz, /readyz and /metrics."""

    async def lives(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def is_ready(_request: Request) -> Response:
        try:
            reasons = list(judge(parts.overview(parts.counts)).reasons)
        except StoreError as error:
            reasons = [str(error)]
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    def figures(request: Request) -> Response:
        body, content_type = metrics.exposition(parts, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return [
        route("/healthz", lives, scope=None),
        route("/readyz", is_ready, scope=Scope.READ),
        route("/metrics", figures, scope=Scope.READ),
    ]
