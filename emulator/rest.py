"""The data API under `/services/data`: versions, sessions, counting, and who answers what."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from emulator import (
    composite,
    rest_actions,
    rest_bulk,
    rest_collections,
    rest_ingest,
    rest_knowledge,
    rest_objects,
    rest_org,
    rest_query,
    rest_rows,
    rest_search,
    rest_ui,
)
from emulator.errand import errand_of
from emulator.errors import ApiError
from emulator.exchange import error_answer, json_answer
from emulator.replays import refuse_key
from emulator.routes import Routes

if TYPE_CHECKING:
    from emulator.exchange import Answer, Request
    from emulator.instance import Instance
    from emulator.routes import Match

ROOT = "services/data"
OLDEST, NEWEST = 31, 67  # 21.0-30.0 were retired in Summer '25
SEASONS = ("Winter", "Spring", "Summer")
VERSION = re.compile(r"v(\d{2})\.0")
SELF_COUNTING = frozenset({"composite.batch"})
WITH_BODIES = frozenset({"POST", "PATCH", "PUT"})
JSON, CSV = "application/json", "text/csv"
CSV_BODIES = frozenset({"ingest.upload"})
IDEMPOTENT = frozenset({"ui.create", "ui.update", "ui.delete"})


class Rest:
    """Answers data API requests, and the subrequests inside composite ones."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.routes = Routes(
            rest_org.ROUTES,
            rest_query.ROUTES,
            rest_objects.ROUTES,
            rest_collections.ROUTES,
            composite.ROUTES,
            rest_knowledge.ROUTES,
            rest_actions.ROUTES,
            rest_search.ROUTES,
            rest_bulk.ROUTES,
            rest_ingest.ROUTES,
            rest_ui.ROUTES,
            rest_rows.ROUTES,
        )

    def versions(self) -> Answer:
        return json_answer([_version(number) for number in range(OLDEST, NEWEST + 1)])

    def answer(self, request: Request) -> tuple[str, Answer]:
        """Answer a request from outside: with a session, counted against the allocation."""
        name = "refused"
        try:
            request = replace(request, caller=self.instance.registry.authenticate(request))
            self.instance.directory.check_api(request.user_id)
            request, resource = _split_version(request)
            match = self.routes.find(request.method, resource)
            name = match.route.name
            if name not in SELF_COUNTING:
                self.instance.limits.charge()
            answer = self._act(match, request)
        except ApiError as error:
            answer = error_answer(error)
        if request.caller is None:
            return name, answer
        return name, answer.adding(self.instance.limits.header)

    def subrequest(self, request: Request) -> tuple[str, Answer]:
        """Answer a request inside a composite one: same session, not counted here."""
        name = "refused"
        try:
            request, resource = _split_version(request)
            match = self.routes.find(request.method, resource)
            name = match.route.name
            if name.startswith("composite"):
                _refuse_nesting()
            return name, self._act(match, request)
        except ApiError as error:
            return name, error_answer(error)

    def route_name(self, request: Request, method: str, url: str) -> str:
        """Tell what kind of call a subrequest would be, for the limits of a composite."""
        try:
            target = request.with_target(method.upper(), url, b"", {})
            target, resource = _split_version(target)
            return self.routes.find(target.method, resource).route.name
        except ApiError:
            return "unknown"  # its own answer will say what is wrong with it

    def sobject_of(self, record_id: str) -> str:
        """Tell an Id's sObject by its key prefix."""
        found = self.instance.org.sobject_of(record_id)
        if found is None:
            raise ApiError(400, "MALFORMED_ID", f"malformed id {record_id}")
        return found

    def _act(self, match: Match, request: Request) -> Answer:
        name, action = match.route.name, match.route.action
        _refuse_media_type(request, CSV if name in CSV_BODIES else JSON)
        if name not in IDEMPOTENT:
            refuse_key(request)
        org, sight = self.instance.org, self.instance.directory.sight(request.user_id)
        with org.errand(errand_of(request, name)), org.through(sight):
            return action(self, request, **match.values)


def _split_version(request: Request) -> tuple[Request, str]:
    """Take `v67.0/query` apart, with or without `/services/data/` before it."""
    path = request.path.strip("/").removeprefix(ROOT).strip("/")
    head, _, resource = path.partition("/")
    version = VERSION.fullmatch(head)
    if version is None or int(version[1]) > NEWEST:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    if int(version[1]) < OLDEST:
        message = "The requested API version is no longer available"
        raise ApiError(410, "UNSUPPORTED_API_VERSION", message)
    method = request.query.get("_HttpMethod", request.method).upper()
    tunnelled = method if request.method == "POST" else request.method
    return replace(request, version=f"{version[1]}.0", method=tunnelled), resource


def _refuse_nesting() -> NoReturn:
    raise ApiError(400, "INVALID_INPUT", "Composite requests cannot be nested")


def _refuse_media_type(request: Request, wanted: str) -> None:
    media = request.headers.get("content-type", wanted).partition(";")[0].strip()
    if request.method in WITH_BODIES and request.body and media.lower() != wanted:
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type '{media}' not supported.")


def _version(number: int) -> dict[str, str]:
    year, season = divmod(number - 65, len(SEASONS))
    return {
        "label": f"{SEASONS[season]} '{26 + year:02d}",
        "url": f"/services/data/v{number}.0",
        "version": f"{number}.0",
    }
