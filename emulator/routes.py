"""A table of paths: `{name}` stands for one segment, matched before it is percent-decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from emulator.errors import ApiError
from emulator.exchange import Answer

Action = Callable[..., Answer]


class Route(NamedTuple):
    """One method of one path, under the name by which calls are counted."""

    method: str
    pattern: str
    name: str
    action: Action

    def match(self, segments: list[str]) -> dict[str, str] | None:
        found = {}
        for expected, actual in zip(self.pattern.split("/"), segments, strict=True):
            if expected.startswith("{"):
                found[expected[1:-1]] = unquote(actual)
            elif expected.lower() != actual.lower():
                return None
        return found


class Match(NamedTuple):
    """A route and the values its path stood for."""

    route: Route
    values: dict[str, str]


class Routes:
    """Finds the route of a request: the first declared of those that match."""

    def __init__(self, *tables: list[Route]) -> None:
        self._by_length: dict[int, list[Route]] = {}
        for route in (route for table in tables for route in table):
            self._by_length.setdefault(route.pattern.count("/"), []).append(route)

    def find(self, method: str, path: str) -> Match:
        segments = path.strip("/").split("/")
        matches = [
            Match(route, values)
            for route in self._by_length.get(len(segments) - 1, ())
            if (values := route.match(segments)) is not None
        ]
        if not matches:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        wanted = "GET" if method == "HEAD" else method
        return next((match for match in matches if match.route.method == wanted), None) or _refuse(
            method, matches
        )


def _refuse(method: str, matches: list[Match]) -> Match:
    allowed = ",".join(sorted({match.route.method for match in matches}))
    raise ApiError(
        405, "METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed. Allowed are {allowed}"
    )
