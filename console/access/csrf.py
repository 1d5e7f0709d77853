"""Forged requests: what has an effect has to come from a page of ours, or from no page."""

import hmac
from urllib.parse import parse_qs

from starlette.requests import Request

from console.problems import Problem

FIELD, HEADER = "csrf", "x-csrf-token"
_FORM = "application/x-www-form-urlencoded"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SENT_BY_FORMS = frozenset({_FORM, "multipart/form-data", "text/plain"})
_SENT_BY_BROWSERS = ("cookie", "origin", "sec-fetch-site", "referer")
_ELSEWHERE = frozenset({"cross-site", "same-site"})  # another port of this machine is the same site
_API = "/v1/"


def check(request: Request) -> None:
    """Raise `Problem` unless a request that changes something proves where it comes from.

    Of the API, whatever a page elsewhere asks for: it reads no answer, but what is read from
    Salesforce is an API call of the org's.
    """
    if request.url.path.startswith(_API) and request.headers.get("sec-fetch-site") in _ELSEWHERE:
        raise Problem(
            403,
            "a page elsewhere asked for this: ask by a program, with a key as a bearer's token, "
            "or open the address yourself",
        )
    if request.method in _SAFE or _is_program(request):
        return
    given: str = request.headers.get(HEADER) or _field(request)
    if not hmac.compare_digest(given.encode(), request.state.csrf.encode()):
        raise Problem(
            403,
            "this form is too old, or not ours: load the page again, then send it "
            "(a program sends JSON, with its key as a bearer's token)",
        )


def kind(request: Request) -> str:
    """Give the media type of a request's body, without its parameters."""
    said: str = request.headers.get("content-type", "")
    return said.partition(";")[0].strip().lower()


def _is_program(request: Request) -> bool:
    """Tell a program from a browser, which says where it comes from whenever it changes something.

    A page elsewhere cannot keep a browser from saying so, nor have it send JSON without asking us.
    """
    speaks_as_browser = any(name in request.headers for name in _SENT_BY_BROWSERS)
    return not speaks_as_browser and kind(request) not in _SENT_BY_FORMS


def _field(request: Request) -> str:
    if kind(request) != _FORM:
        return ""
    body: bytes = request.state.body
    return parse_qs(body.decode("latin-1")).get(FIELD, [""])[0]
