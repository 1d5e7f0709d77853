"""What every page has in common: who looks, at which account, and what was just done."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.problems import Problem
from console.templates import render
from models.sobject import SObject
from pipelines.overview import ObjectStatus, Overview
from pipelines.verdict import is_suspended
from store import audit
from worker.app import App

_DONE = {
    "retried": "{0} returned to the queue.",
    "along": "{0} returned to the queue, among them some that had failed for others' sake.",
    "edited": "Changed, and returned to the queue.",
    "edited-all": "{0} changed, and returned to the queue.",
    "edited-some": "{0} changed, and returned to the queue; others lack the field, have one of the"
    " new name, or had moved on.",
    "unedited": "Nothing was done: they lack the field, have one of the new name, or had moved on.",
    "discarded": "{0} discarded; they stay listed.",
    "unchosen": "Nothing was done: tick the commands that are meant, then press again.",
    "unmoved": "Nothing was done: they had moved on meanwhile.",
    "proposed": "Accepted: here is how it fares.",
    "proposed-some": "Accepted, but for the fields that somebody else had changed meanwhile: these"
    " keep what they became. Here is how it fares.",
    "pulling": "A pull was asked for: the scheduler starts it within a second.",
    "verifying": "A comparison was asked for: the scheduler starts it within seconds.",
    "linked": "Linked. What waited goes on by itself.",
    "suspended": "Suspended: nothing is called until it is resumed.",
    "resumed": "Resumed.",
    "examined": "The examination has begun.",
}
"""What pages say after an act; the address names which, so that nobody can put words there."""
_DIGITS = 12


def show(
    request: Request, parts: App, template: str, *, status: int = 200, **values: Any
) -> Response:
    """Fill in a page."""
    frame = {"account_name": parts.name, "now": parts.clock(), "done": _said(request)}
    return render(request, template, status=status, **frame, **values)


def form(request: Request) -> dict[str, str]:
    """Read a form, of each field the last value, with the line ends that we store."""
    found = _fields(request)
    return {name: values[-1].replace("\r\n", "\n") for name, values in found.items()}


def listed(request: Request, name: str) -> list[str]:
    """Read all values of one field of a form."""
    return _fields(request).get(name, [])


def back(
    path: str, done: str, number: int | None = None, *, query: Mapping[str, str] | None = None
) -> RedirectResponse:
    """Lead from an act to a page that says what was done."""
    said = done if number is None else f"{done}.{number}"
    return RedirectResponse(f"{path}?{urlencode({**(query or {}), 'done': said})}", 303)


def counted(text: str) -> int:
    """Read a number above zero that stands in an address; 0 for what is none, or beyond use."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0


def noted(request: Request, parts: App, act: str, subject: str) -> Callable[[Connection], None]:
    """Make what notes an act in the transaction in which it is done."""

    def note(tx: Connection) -> None:
        operator, now = request.state.operator, parts.clock()
        audit.note(tx, operator=operator, act=act, subject=subject, now=now)

    return note


def pulled(parts: App, name: str) -> type[SObject]:
    """Find an sObject that is pulled; raises `Problem` for any other name."""
    for model in parts.models:
        if model.sobject == name:
            return model
    raise Problem(404, f"{name} is not among the objects that are pulled: see SCSYNC_OBJECTS")


def is_loading(sobject: str, found: Overview) -> bool:
    """Tell whether an object is being read from the beginning."""
    return any(one.sobject == sobject for one in found.loading)


def standing(one: ObjectStatus, found: Overview) -> str:
    """Say in a word how an object stands."""
    if one.skipped:
        return "left out"
    if one.silent_for:
        return "suspended" if is_suspended(found) else "silent"
    if is_loading(one.sobject, found):
        return "loading"
    if one.last_outcome in {"failed", "held"}:
        return one.last_outcome
    return "fresh" if one.fresh_as_of else "not read yet"


def _fields(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.state.body.decode("utf-8", "replace"), keep_blank_values=True)


def _said(request: Request) -> str:
    done, _, number = request.query_params.get("done", "").partition(".")
    said = _DONE.get(done, "")
    if "{0}" not in said:
        return said
    return said.format(f"{count:,}") if (count := counted(number)) else ""
