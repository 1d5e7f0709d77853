"""What went wrong, said as RFC 9457 has it, or as a page to whoever looks on with a browser."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.templates import render
from pipelines.actions import ActionRefused
from pipelines.life import UnknownCommand
from salesforce.errors import NotFound, SalesforceError
from store.errors import StoreError

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


class Problem(Exception):  # noqa: N818 - read at the call site
    """Why a request is not answered as asked; `more` are members of the document."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.title = HTTPStatus(status).phrase
        self.document = {"status": status, "title": self.title, "detail": detail, **more}


def wants_page(request: Request) -> bool:
    """Tell a person at a browser from a program."""
    is_api = request.url.path.startswith("/v1/")
    return not is_api and "text/html" in request.headers.get("accept", "")


async def answer(request: Request, error: Exception) -> Response:
    """Say what an exception means to the caller; what nobody foresaw goes to the log."""
    problem = of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("console.failed", path=request.url.path, exc_info=error)
    if wants_page(request):
        page = render(request, "problem.html", problem=problem.document, status=problem.status)
        page.headers.update(problem.headers)
        return page
    return Response(
        msgspec.json.encode(problem.document), problem.status, problem.headers, MEDIA_TYPE
    )


def of(error: Exception) -> Problem:
    """Give the problem that an exception is."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return Problem(error.status_code, _said(error), headers=error.headers)
        case ActionRefused():
            return Problem(422, str(error))
        case NotFound() | UnknownCommand():
            return Problem(404, str(error))
        case StoreError() | SalesforceError():
            return Problem(503, str(error))
    return Problem(500, "this was not foreseen; the log says more")


def _said(error: HTTPException) -> str:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "nothing answers at this address; /openapi.json lists what there is"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return f"this address answers {(error.headers or {}).get('Allow', 'other methods')}"
    return error.detail
