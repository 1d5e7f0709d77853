"""One HTTP exchange as plain values: a request fully read, an answer ready to be sent."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec

from emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = {"content-type": "application/json;charset=UTF-8"}
HTML = {"content-type": "text/html;charset=UTF-8"}


class Caller(NamedTuple):
    """Who a session speaks for."""

    user_id: str
    client_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as handlers see it: the path still percent-encoded, the body already inflated.

    `flight` is its number among all, `within` what kind of request it stands inside, `address`
    where it comes from.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    origin: str = ""
    version: str = ""
    caller: Caller | None = None
    locked: frozenset[int] = frozenset()
    flight: int = 0
    within: str = ""
    address: str = ""

    @property
    def user_id(self) -> str:
        if self.caller is None:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return self.caller.user_id

    @property
    def takes_gzip(self) -> bool:
        return "gzip" in self.headers.get("accept-encoding", "")

    @property
    def token(self) -> str | None:
        """The bearer token; `OAuth` is the older word for the same scheme."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in {"bearer", "oauth"} else None

    def says(self, name: str) -> bool:
        """Read a parameter of the query that is true or false."""
        return self.query.get(name, "").lower() == "true"

    def with_target(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Request:
        """Return the request inside a composite one that a subrequest stands for."""
        path, _, query = url.partition("?")
        return replace(
            self,
            method=method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            body=body,
            headers={name.lower(): value for name, value in headers.items()},
            locked=frozenset(),
            within="composite",
        )

    def json(self) -> Any:
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(400, "JSON_PARSER_ERROR", f"Unexpected input: {error}") from error

    def fields(self) -> dict[str, Any]:
        """Return the body as the JSON object that every write of one thing sends."""
        return as_object(self.json())

    def form(self) -> dict[str, str]:
        """Read a form; of fields of one name the last counts."""
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            return _parts(kind, self.body)
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def summary(self) -> str:
        """Path and decoded query, as fault rules match them."""
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{unquote(self.path)}?{query}" if query else unquote(self.path)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and a body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def adding(self, headers: Mapping[str, str]) -> Answer:
        return replace(self, headers={**self.headers, **headers})

    def document(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None


def _parts(kind: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    found = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            name = part.get_param("name", header="content-disposition")
            found[str(name)] = content.decode("utf-8", "replace")
    return found


def as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ApiError(400, "JSON_PARSER_ERROR", "The request body must be a JSON object")
    return value


def as_list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ApiError(400, "JSON_PARSER_ERROR", f"'{name}' must be a JSON array")
    return value


def json_answer(document: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(document), JSON)


def html_answer(page: str, status: int = 200) -> Answer:
    return Answer(status, page.encode(), HTML)


def redirect(location: str) -> Answer:
    return Answer(302, b"", {"location": location, "cache-control": "no-store"})


def see_other(location: str) -> Answer:
    """Send a browser on after a form, so that going back does not send it again."""
    return Answer(303, b"", {"location": location, "cache-control": "no-store"})


def empty() -> Answer:
    return Answer(204)


def error_body(error: ApiError) -> list[dict[str, Any]]:
    """Return the array every data API error arrives in."""
    body: dict[str, Any] = {"message": error.message, "errorCode": error.code}
    if error.fields:
        body["fields"] = list(error.fields)
    return [body | error.extra]


def error_answer(error: ApiError) -> Answer:
    return json_answer(error_body(error), error.status)


def inflate(body: bytes, encoding: str) -> bytes:
    """Undo `Content-Encoding: gzip`; any other encoding is refused."""
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise ApiError(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Encoding '{encoding}' not supported"
        )
    try:
        return gzip.decompress(body)
    except (OSError, EOFError) as error:
        raise ApiError(400, "JSON_PARSER_ERROR", "The gzip request body is damaged") from error
