"""A certificate of its own for loopback, for clients that insist on https."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder

LIFE = timedelta(days=30)
NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a new self-signed certificate and its key; clients may trust the former as their CA."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only TLS needs it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - only TLS needs it

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate = _certificate(key)
    certificate_file, key_file = folder / "emulator.crt", folder / "emulator.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(pem)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate_file, key_file


def _certificate(key: EllipticCurvePrivateKey) -> Certificate:
    from cryptography import x509  # noqa: PLC0415 - only TLS needs it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - only TLS needs it

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scsync emulated org")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )
    return _extended(builder, key).sign(key, hashes.SHA256())


def _extended(builder: CertificateBuilder, key: EllipticCurvePrivateKey) -> CertificateBuilder:
    """Add what a verifying client looks for in a certificate that vouches for itself."""
    from cryptography import x509  # noqa: PLC0415 - only TLS needs it

    names = [x509.DNSName(name) for name in NAMES]
    addresses = [x509.IPAddress(ip_address(address)) for address in ADDRESSES]
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        builder.add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
    )
