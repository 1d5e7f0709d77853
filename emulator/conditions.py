"""Conditional headers, as weak as Salesforce's: whole seconds of the last modified date."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from emulator.clock import parse_http_date
from emulator.errors import ApiError
from emulator.exchange import Answer

if TYPE_CHECKING:
    from datetime import datetime

    from emulator.exchange import Request

TAGGED = "account"  # the only sObject whose rows carry an ETag


def dated(request: Request, header: str) -> datetime | None:
    value = request.headers.get(header)
    return parse_http_date(header, value) if value else None


def unchanged(request: Request, modified: datetime) -> Answer | None:
    """Return a 304 when nothing changed since the date the client knows."""
    since = dated(request, "if-modified-since")
    return Answer(304) if since and modified.replace(microsecond=0) <= since else None


def require_unmodified(request: Request, modified: datetime) -> None:
    since = dated(request, "if-unmodified-since")
    if since and modified.replace(microsecond=0) > since:
        raise precondition_failed()


def entity_tag(sobject: str, record_id: str, modified: datetime) -> str | None:
    if sobject.lower() != TAGGED:
        return None
    digest = hashlib.sha256(f"{record_id} {modified.isoformat()}".encode()).hexdigest()
    return f'"{digest[:32]}--gzip"'


def match_tags(request: Request, tag: str | None) -> Answer | None:
    """Apply `If-Match` and `If-None-Match`; without a tag both are ignored."""
    if tag is None:
        return None
    wanted, known = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted and tag not in _tags(wanted) and wanted != "*":
        raise precondition_failed()
    if known and (tag in _tags(known) or known == "*"):
        if request.method in {"GET", "HEAD"}:
            return Answer(304, b"", {"etag": tag})
        raise precondition_failed()
    return None


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def precondition_failed() -> ApiError:
    return ApiError(412, "PRECONDITION_FAILED", "The record has been modified since the given date")
