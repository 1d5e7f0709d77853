"""The description at /openapi.json, made from the operations that answer."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from console.api.operation import JSON, Body, Operation
from console.problems import MEDIA_TYPE

_ANYWHERE = frozenset({400, 401, 403, 421, 429, 500, 503})
_OF_BODIES = frozenset({413, 415})
_REF = "#/components/schemas/{name}"


class OneProblem(msgspec.Struct):
    """What is wrong with one command."""

    code: str
    message: str
    field: str | None = None
    command: int | None = None
    """Its place among those that were sent, from 1."""


class ProblemDocument(msgspec.Struct):
    """What is wrong, as RFC 9457 has it."""

    status: int
    title: str
    detail: str
    code: str | msgspec.UnsetType = msgspec.UNSET
    problems: list[OneProblem] | msgspec.UnsetType = msgspec.UNSET


def document(operations: Iterable[Operation], *, is_open: bool) -> dict[str, Any]:
    """Describe operations as OpenAPI 3.1; behind an open door no key is asked for."""
    operations = list(operations)
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _described(one, schemas)
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "scsync",
            "version": version("scsync"),
            "description": "Commands in, records and reports out: docs/http.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas.components, "responses": _problems(schemas)},
    }
    if not is_open:
        found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}]
    return found


class _Schemas:
    """The JSON Schema of every type that the operations name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        kinds: list[Any] = [ProblemDocument]
        for one in operations:
            kinds += [*_alternatives(one.answer), one.parameters, one.query]
            kinds += one.headers.values()
            for body in one.bodies.values():
                kinds += _alternatives(body.schema)
        unique = list({id(kind): kind for kind in kinds}.values())
        found, components = msgspec.json.schema_components(unique, ref_template=_REF)
        self._found = {id(kind): schema for kind, schema in zip(unique, found, strict=True)}
        used = {self.of(one)["$ref"] for one in _parameters(operations)}
        self._parameters = {
            name: schema for name, schema in components.items() if _REF.format(name=name) in used
        }
        self.components = {
            name: schema for name, schema in components.items() if name not in self._parameters
        }

    def of(self, kind: Any) -> dict[str, Any]:
        """Give the schema of a type, or of any of several."""
        kinds = _alternatives(kind)
        if len(kinds) > 1:
            return {"anyOf": [self._found[id(one)] for one in kinds]}
        return self._found[id(kinds[0])]

    def parameters_of(self, kind: type[msgspec.Struct]) -> list[tuple[str, bool, dict[str, Any]]]:
        """Give name, need and schema of each of a struct's fields."""
        schema = self._parameters[self.of(kind)["$ref"].rpartition("/")[2]]
        return [
            (name, name in schema["required"], one) for name, one in schema["properties"].items()
        ]


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


def _parameters(operations: Iterable[Operation]) -> list[type[msgspec.Struct]]:
    return [kind for one in operations for kind in (one.parameters, one.query)]


def _described(one: Operation, schemas: _Schemas) -> dict[str, Any]:
    said = {JSON: {"schema": schemas.of(one.answer)}}
    phrase = HTTPStatus(one.status).phrase
    answers: dict[str, Any] = {str(one.status): {"description": phrase, "content": said}}
    for status in sorted(_refusals(one)):
        answers[str(status)] = {"$ref": f"#/components/responses/{status}"}
    found: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"Needs the scope `{one.scope}`.",
        "responses": answers,
    }
    if parameters := _listed(one, schemas):
        found["parameters"] = parameters
    if one.bodies:
        found["requestBody"] = _body(one.bodies, schemas)
    return found


def _refusals(one: Operation) -> frozenset[int]:
    return _ANYWHERE | one.refusals | (_OF_BODIES if one.bodies else frozenset())


def _listed(one: Operation, schemas: _Schemas) -> list[dict[str, Any]]:
    places = {"path": one.parameters, "query": one.query}
    found = [
        {"name": name, "in": place, "required": is_needed, "schema": schema}
        for place, kind in places.items()
        for name, is_needed, schema in schemas.parameters_of(kind)
    ]
    return found + [
        {"name": name, "in": "header", "schema": schemas.of(kind)}
        for name, kind in one.headers.items()
    ]


def _body(bodies: Mapping[str, Body], schemas: _Schemas) -> dict[str, Any]:
    return {
        "required": all(one.is_required for one in bodies.values()),
        "content": {name: {"schema": schemas.of(one.schema)} for name, one in bodies.items()},
    }


def _problems(schemas: _Schemas) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": schemas.of(ProblemDocument)}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted(_ANYWHERE | _OF_BODIES | {404, 409, 422})
    }
