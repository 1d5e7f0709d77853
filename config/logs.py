"""Logging: structlog, one voice; JSON off a terminal, secrets never."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from config.settings import Settings

_SECRET_KEYS = ("token", "secret", "password", "authorization", "assertion", "code_verifier")
_MASK = "********"


def configure(settings: Settings, *, level: str | None = None) -> None:
    """Set up structlog and the standard library's logging to write to stderr."""
    form = settings.log_format or ("console" if sys.stderr.isatty() else "json")
    threshold = getattr(logging, (level or settings.log_level).upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The usual one shows the local variables of every frame: tokens would be among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
        if form == "console"
        else structlog.processors.JSONRenderer()
    )
    exceptions = [] if form == "console" else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *exceptions, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _redirect_stdlib(shared, renderer, exceptions, threshold)


def _redirect_stdlib(shared: list[Any], renderer: Any, exceptions: list[Any], level: int) -> None:
    """Send what libraries log through the same processors, from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *exceptions,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def mask_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Blank every value whose key speaks of a secret, as the last line of defence."""
    for key in event:
        if any(part in key.lower() for part in _SECRET_KEYS):
            event[key] = _MASK
    return event
