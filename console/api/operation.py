"""One method of one address, declared once: the route and its description follow from it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.access.csrf import kind
from console.access.route import Scoped, demand, route
from console.problems import Problem
from models.api_key import Scope
from worker.app import App

JSON = "application/json"
_encoder = msgspec.json.Encoder(decimal_format="number")


class NoParameters(msgspec.Struct, forbid_unknown_fields=True):
    """For addresses without any."""


class Asked(NamedTuple):
    """A request, read as its operation declares it."""

    request: Request
    path: Any
    query: Any
    body: Any

    @property
    def operator(self) -> str:
        """Whoever asks, as the audit calls them."""
        name: str = self.request.state.operator
        return name


Read = Callable[[Request], Any]


class Body(NamedTuple):
    """What a body of one media type has to be, and how it is read."""

    schema: Any
    read: Read
    is_required: bool = True


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one method of an address needs, takes, does and says."""

    method: str
    path: str
    scope: Scope
    name: str
    summary: str
    does: Callable[[App, Asked], Any]
    answer: Any
    status: int = 200
    parameters: type[msgspec.Struct] = NoParameters
    """Those of the address itself."""
    query: type[msgspec.Struct] = NoParameters
    headers: Mapping[str, Any] = field(default_factory=dict)
    bodies: Mapping[str, Body] = field(default_factory=dict)
    refusals: frozenset[int] = frozenset()
    """What else it may answer than what any operation may."""


def json_body(kind_of: type[msgspec.Struct], *, is_required: bool = True) -> Mapping[str, Body]:
    """Read a body of JSON as a struct, which says what it may hold."""
    decoder = msgspec.json.Decoder(kind_of)

    def read(request: Request) -> Any:
        return decoded(decoder.decode, request.state.body)

    return {JSON: Body(kind_of, read, is_required)}


def decoded(decode: Callable[[bytes], Any], body: bytes) -> Any:
    """Decode JSON; raises `Problem` saying where it is none, or not what is wanted."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise Problem(400, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"not JSON: {error}") from None


def routes(parts: App, operations: Iterable[Operation]) -> list[Scoped]:
    """Bind operations: one route for each address, which knows all of its methods."""
    by_path: dict[str, dict[str, Operation]] = {}
    for one in operations:
        by_path.setdefault(one.path, {})[one.method] = one
    return [_route(parts, path, methods) for path, methods in by_path.items()]


def _route(parts: App, path: str, methods: Mapping[str, Operation]) -> Scoped:
    def endpoint(request: Request) -> Response:
        operation = methods["GET" if request.method == "HEAD" else request.method]
        demand(request, operation.scope)
        traces = parts.watch.traces([request.headers.get("traceparent")])
        with parts.watch.doing(f"http.{operation.name}", traces):
            said = operation.does(parts, _asked(operation, request))
        return Response(_encoder.encode(said), operation.status, media_type=JSON)

    return route(path, endpoint, scope=None, methods=list(methods))


def _asked(operation: Operation, request: Request) -> Asked:
    return Asked(
        request,
        _of_path(operation.parameters, request.path_params),
        _of_query(operation.query, request),
        _of_body(operation.bodies, request),
    )


def _of_path(wanted: type[msgspec.Struct], given: Mapping[str, str]) -> Any:
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(404, f"there can be nothing of that name: {error}") from None


def _of_query(wanted: type[msgspec.Struct], request: Request) -> Any:
    given: dict[str, Any] = {}
    lists = _lists(wanted)
    for name, value in request.query_params.multi_items():
        if name in lists:
            given.setdefault(name, []).append(value)
        elif name in given:
            raise Problem(400, f"{name} is given twice")
        else:
            given[name] = value
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(400, f"in the address after the question mark: {error}") from None


def _lists(wanted: type[msgspec.Struct]) -> set[str]:
    info = msgspec.inspect.type_info(wanted)
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError(f"{wanted} is no struct")
    return {
        one.encode_name
        for one in info.fields
        if isinstance(one.type, msgspec.inspect.ListType | msgspec.inspect.VarTupleType)
    }


def _of_body(bodies: Mapping[str, Body], request: Request) -> Any:
    if not bodies:
        return None
    if not request.state.body and not all(one.is_required for one in bodies.values()):
        return next(iter(bodies.values())).schema()
    if (found := bodies.get(kind(request))) is None:
        raise Problem(415, f"send {' or '.join(bodies)}")
    return found.read(request)
