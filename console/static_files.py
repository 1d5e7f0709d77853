"""The files that pages are made with: those asked for by their contents' hash are kept for ever."""

from collections.abc import Mapping
from os import PathLike, stat_result
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from console.templates import STATIC

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"  # with the ETag: a file that has not changed is not sent again


class Static(StaticFiles):
    """Says how long each file may be kept."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["cache-control"] = _FOR_EVER if _is_versioned(scope) else _ASK_AGAIN
        return answer


def _is_versioned(scope: Mapping[str, bytes]) -> bool:
    return "v" in parse_qs(scope["query_string"].decode("latin-1"))
