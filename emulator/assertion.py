"""Checks the signed assertion of the JWT bearer flow: RS256, against the app's certificate."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SKEW_SECONDS = 180  # the allowance Salesforce documents for `exp`
PEM_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


class BadAssertionError(Exception):
    """An assertion that proves nothing; the text is what the token endpoint answers."""


class Assertion(NamedTuple):
    """The three parts of a JWT, decoded but not yet believed."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def read(token: str) -> Assertion:
    try:
        header, claims, signature = token.split(".")
        return Assertion(
            header=msgspec.json.decode(_decode(header), type=dict[str, Any]),
            claims=msgspec.json.decode(_decode(claims), type=dict[str, Any]),
            signed=f"{header}.{claims}".encode(),
            signature=_decode(signature),
        )
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise BadAssertionError("invalid assertion") from error


def verify(assertion: Assertion, certificate: str, audiences: Collection[str], now: float) -> None:
    """Raise unless the signature, the audience and the expiry hold."""
    _verify_signature(assertion, certificate)
    audience = assertion.claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(str(one).rstrip("/") in audiences for one in named):
        raise BadAssertionError("Audience validation failed")
    expires = assertion.claims.get("exp")
    if not isinstance(expires, int | float) or now > expires + SKEW_SECONDS:
        raise BadAssertionError("expired assertion")


def _verify_signature(assertion: Assertion, certificate: str) -> None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - slow to import, rarely asked for
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - as above

    if assertion.header.get("alg") != "RS256" or not certificate:
        raise BadAssertionError("invalid assertion")
    try:
        key = public_key(certificate.encode())
        key.verify(assertion.signature, assertion.signed, PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise BadAssertionError("invalid assertion") from error


def public_key(pem: bytes) -> RSAPublicKey:
    """Read the RSA key of a certificate or of a bare public key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415 - as above
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - as above

    if PEM_CERTIFICATE in pem:
        key = load_pem_x509_certificate(pem).public_key()
    else:
        key = load_pem_public_key(pem)  # type: ignore[assignment]
    if not isinstance(key, RSAPublicKey):
        raise BadAssertionError("invalid assertion")
    return key


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
