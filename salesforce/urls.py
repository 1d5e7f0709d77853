"""Base addresses: https everywhere, plain http on loopback only."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from salesforce.errors import Misconfigured


def base_url(text: str) -> str:
    """Check an address that tokens will be sent to, and drop its trailing slash."""
    parts = urlsplit(text)
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
    if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Misconfigured(
            f"Refusing to send tokens to {parts.scheme or 'no scheme'}://{parts.hostname or ''}.",
            code="INSECURE_URL",
            remedy="Use an https address; plain http is for loopback only.",
        )
    return text.rstrip("/")


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
