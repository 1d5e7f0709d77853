"""What went wrong, said as RFC 9457 has it, or as a page to whoever looks on with a browser."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from config.settings import ConfigError
from console.templates import render
from models.command import InvalidCommand, UnknownCommand
from pipelines.actions import ActionDisabled, ActionRefused
from pipelines.clerk import ACTION_DISABLED
from pipelines.receipts import Refused
from salesforce.errors import Drifted, MalformedQuery, NotFound, Rejected, SalesforceError, TooMuch
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
        request.app.state.watch.unforeseen(error)
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
        case Refused():
            return Problem(422, str(error), problems=_listed(error))
        case ActionDisabled():
            return Problem(403, str(error), code=ACTION_DISABLED)
    for kinds, status in _STATUS:
        if isinstance(error, kinds):
            return Problem(status, str(error))
    return Problem(500, "this was not foreseen; the log says more")


# The first that fits: 400 is no command at all, 422 one that will not do, 503 not the caller's.
_STATUS: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((InvalidCommand,), 400),
    ((NotFound, UnknownCommand), 404),
    ((ActionRefused, Rejected, MalformedQuery, Drifted, TooMuch), 422),
    ((StoreError, SalesforceError, ConfigError), 503),
)


def _listed(error: Refused) -> list[dict[str, Any]]:
    return [
        {"command": one.place, "code": found.code, "field": found.field, "message": found.message}
        for one in error.refusals
        for found in one.problems
    ]


def _said(error: HTTPException) -> str:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "nothing answers at this address; /openapi.json lists what there is"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return f"this address answers {(error.headers or {}).get('Allow', 'other methods')}"
    return error.detail
