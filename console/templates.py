"""The templates: everything escaped, nothing undefined, and no address but our own."""

import hashlib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pipelines.overview import short

STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"


@cache
def address(name: str) -> str:
    """Give a static file's address, which changes with its contents: it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


def moment(when: datetime | None) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S") if when else "-"


def age(when: datetime | None, now: datetime) -> str:
    return short(now - when) if when else "never"


def span(seconds: float | None) -> str:
    return "-" if seconds is None else short(timedelta(seconds=seconds))


def number(value: float) -> str:
    return f"{value:,}"


environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.globals["static"] = address
environment.filters |= {"moment": moment, "age": age, "span": span, "number": number}


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
