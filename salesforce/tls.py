"""Whom we trust on the other side of a connection."""

import ssl
from functools import cache

import httpx


@cache
def trust() -> ssl.SSLContext:
    """Give the authorities of `certifi`, read once: that takes longer than a request does."""
    return httpx.create_ssl_context()
