"""Several requests in one: `/composite`, in order and linked, and `/composite/batch`, apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from emulator.errors import ApiError
from emulator.exchange import Answer, as_list, as_object, error_answer, error_body, json_answer
from emulator.references import resolve
from emulator.routes import Route
from emulator.rows import row_lock

if TYPE_CHECKING:
    from emulator.exchange import Request
    from emulator.rest import Rest

SUBREQUESTS = 25
COSTLY = ("query", "collections")  # at most five of these in a composite
COSTLY_SUBREQUESTS = 5
HALTED = ApiError(
    400,
    "PROCESSING_HALTED",
    "The transaction was rolled back since another operation in the same transaction failed.",
)
BATCH_HALTED = ApiError(
    412,
    "BATCH_PROCESSING_HALTED",
    "Batch processing halted per request as a result of an error in a previous operation.",
)


class Part(NamedTuple):
    """One subrequest and what became of it."""

    reference: str
    answer: Answer

    @property
    def failed(self) -> bool:
        return self.answer.status >= 400  # noqa: PLR2004 - where HTTP's errors begin

    def document(self) -> dict[str, Any]:
        location = self.answer.headers.get("location")
        return {
            "body": _raw(self.answer),
            "httpHeaders": {"Location": location} if location else {},
            "httpStatusCode": self.answer.status,
            "referenceId": self.reference,
        }


class _UndoneError(Exception):
    """Leaves the savepoint so that nothing of the composite stays."""


def composite(rest: Rest, request: Request) -> Answer:
    body = request.fields()
    wishes = [as_object(one) for one in as_list(body.get("compositeRequest"), "compositeRequest")]
    _check(rest, request, wishes)
    parts: list[Part] = []
    try:
        with rest.instance.org.savepoint():
            _run(rest, request, wishes, parts, all_or_none=body.get("allOrNone") is True)
    except _UndoneError:
        parts = _halted(wishes, parts)
    return json_answer({"compositeResponse": [part.document() for part in parts]})


def _run(
    rest: Rest,
    request: Request,
    wishes: list[dict[str, Any]],
    parts: list[Part],
    *,
    all_or_none: bool,
) -> None:
    answers: dict[str, Any] = {}
    for number, wish in enumerate(wishes, 1):
        part = _one(rest, request, wish, answers, locked=number in request.locked)
        parts.append(part)
        if part.failed and all_or_none:
            raise _UndoneError
        if not part.failed:
            answers[part.reference] = part.answer.document()


def _one(
    rest: Rest, request: Request, wish: dict[str, Any], answers: dict[str, Any], *, locked: bool
) -> Part:
    try:
        if locked:
            raise row_lock()
        url, body = resolve(wish["url"], answers), resolve(wish.get("body"), answers)
    except ApiError as error:
        return Part(wish["referenceId"], error_answer(error))
    payload = b"" if body is None else msgspec.json.encode(body)
    headers = wish.get("httpHeaders") or {}
    inner = request.with_target(wish["method"].upper(), url, payload, headers)
    return Part(wish["referenceId"], rest.subrequest(inner)[1])


def _halted(wishes: list[dict[str, Any]], parts: list[Part]) -> list[Part]:
    """Tell the culprit's own error, and that everybody else was halted."""
    culprit = len(parts) - 1
    return [
        parts[index] if index == culprit else Part(wish["referenceId"], error_answer(HALTED))
        for index, wish in enumerate(wishes)
    ]


def _check(rest: Rest, request: Request, wishes: list[dict[str, Any]]) -> None:
    _limit(len(wishes), SUBREQUESTS, "subrequests")
    for wish in wishes:
        _require(wish, "method", "url", "referenceId")
    references = [wish["referenceId"] for wish in wishes]
    if len(set(references)) < len(references):
        raise ApiError(400, "INVALID_INPUT", "Each referenceId must be unique in a composite")
    names = [rest.route_name(request, wish["method"], wish["url"]) for wish in wishes]
    costly = sum(name.startswith(COSTLY) for name in names)
    _limit(costly, COSTLY_SUBREQUESTS, "query and collection subrequests")


def _limit(found: int, most: int, what: str) -> None:
    if found == 0 and what == "subrequests":
        raise ApiError(400, "INVALID_INPUT", "A composite request needs subrequests")
    if found > most:
        message = f"Limit exceeded: {found} {what}, at most {most} are allowed"
        raise ApiError(400, "LIMIT_EXCEEDED", message)


def _require(wish: dict[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(wish.get(name), str) or not wish[name]:
            raise ApiError(400, "INVALID_INPUT", f"A subrequest needs '{name}'")


def batch(rest: Rest, request: Request) -> Answer:
    """Answer independent subrequests; each counts against the allocation, the batch does not."""
    body = request.fields()
    wishes = [as_object(one) for one in as_list(body.get("batchRequests"), "batchRequests")]
    _limit(len(wishes), SUBREQUESTS, "subrequests")
    for wish in wishes:
        _require(wish, "method", "url")
    halt = body.get("haltOnError") is True
    results: list[dict[str, Any]] = []
    failed = False
    for wish in wishes:
        result = _halt_result() if failed and halt else _batch_one(rest, request, wish)
        failed = failed or result["statusCode"] >= 400  # noqa: PLR2004 - where HTTP's errors begin
        results.append(result)
    return json_answer({"hasErrors": failed, "results": results})


def _batch_one(rest: Rest, request: Request, wish: dict[str, Any]) -> dict[str, Any]:
    payload = msgspec.json.encode(wish["richInput"]) if "richInput" in wish else b""
    inner = request.with_target(wish["method"].upper(), wish["url"], payload, {})
    try:
        rest.instance.limits.charge()
    except ApiError as error:
        return {"statusCode": error.status, "result": error_body(error)}
    answer = rest.subrequest(inner)[1]
    return {"statusCode": answer.status, "result": _raw(answer)}


def _halt_result() -> dict[str, Any]:
    return {"statusCode": BATCH_HALTED.status, "result": error_body(BATCH_HALTED)}


def _raw(answer: Answer) -> msgspec.Raw | None:
    """Embed a body as it is: a page of 2,000 records need not be read to be passed on."""
    return msgspec.Raw(answer.body) if answer.body else None


ROUTES = [
    Route("POST", "composite", "composite", composite),
    Route("POST", "composite/batch", "composite.batch", batch),
]
