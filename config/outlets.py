"""Settings of what leaves the house: webhooks, traces, reports of errors, each checked alone."""

import base64
import binascii
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
_SHORTEST_KEY = 24  # bytes, as Standard Webhooks has it
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _safe(url: str) -> None:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ValueError("use an address like https://host/path")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("use https:// (plain http only on loopback)")


def _webhook_url(value: SecretStr) -> SecretStr:
    _safe(value.get_secret_value())
    return value


def _endpoint(value: str) -> str:
    if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname:
        raise ValueError("use an address like http://localhost:4318")
    return value


def _dsn(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if not (parts.scheme in {"http", "https"} and parts.username and parts.path.strip("/")):
        raise ValueError("use the DSN that Sentry shows: https://key@host/project")
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    webhook_key(value)
    return value


def webhook_key(secret: SecretStr) -> bytes:
    """Read the key out of a secret; raises `ValueError` for what is none."""
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(SECRET_PREFIX) or len(key) < _SHORTEST_KEY:
        raise ValueError(
            f"use {SECRET_PREFIX} and at least {_SHORTEST_KEY} bytes in base64, as made by: "
            f'echo "{SECRET_PREFIX}$(openssl rand -base64 32)"'
        )
    return key


WebhookUrl = Annotated[SecretStr, AfterValidator(_webhook_url)]
"""Secret, since many receivers know their sender by the path alone."""
WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Dsn = Annotated[SecretStr, AfterValidator(_dsn)]
