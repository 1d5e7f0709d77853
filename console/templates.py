"""The templates: everything escaped, nothing undefined, and no address but our own."""

import hashlib
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pipelines.overview import short
from pipelines.prose import stamp

STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"


@cache
def address(name: str) -> str:
    """Give a static file's address, which changes with its contents: it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


def age(when: datetime | None, now: datetime) -> str:
    return short(now - when) if when else "never"


def span(seconds: float | None) -> str:
    return "-" if seconds is None else short(timedelta(seconds=seconds))


def told(message: str | None, code: str | None) -> str:
    """Give an error's message without its code, for where that stands beside it."""
    return (message or "").removeprefix(f"{code}:").strip()


def number(value: float) -> str:
    return f"{value:,}"


def said(value: Any) -> str:
    """Write a stored value for a person, a number in full."""
    return _SAID.get(type(value), str)(value)


def humps(name: str) -> Markup:
    """Let an API name wrap where its words begin, should there be no room for it."""
    return Markup("<wbr>").join(_HUMPS.split(name))


_HUMPS = re.compile("(?<=[a-z])(?=[A-Z])|(?<=__)")


def rounded(value: Any) -> str:
    """Write a figure that was computed: what is beyond two decimals is of no use to a person."""
    return said(round(value, 2) if isinstance(value, float) else value)


_SAID: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    bool: lambda value: "yes" if value else "no",
    int: number,
    float: lambda value: f"{Decimal(repr(value)):,f}".removesuffix(".0"),
    datetime: stamp,
    date: date.isoformat,
}
environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.globals["static"] = address
environment.filters |= {
    "moment": stamp,
    "age": age,
    "span": span,
    "number": number,
    "told": told,
    "humps": humps,
    "said": said,
    "rounded": rounded,
}


def render(request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill in a template, which knows who asks: `operator`, `scopes`, and `csrf` for its forms."""
    state = request.state
    known: dict[str, Any] = {
        "operator": getattr(state, "operator", None),
        "scopes": getattr(state, "scopes", frozenset()),
        "csrf": getattr(state, "csrf", ""),
        "path": request.url.path,
    }
    return HTMLResponse(environment.get_template(name).render(known | values), status)
