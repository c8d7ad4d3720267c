# SPDX-License-Identifier: Apache-2.0
"""What both certificates of the box's own authority are made of."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from atre.system.durable import write_durably

# No clock that is right says less: this program was written later. A box without a battery for its
# clock starts in 1970 (or at whatever its kernel was built) until the network tells it better.
FLOOR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

Key = ec.EllipticCurvePrivateKey


def at_least_floor(now: dt.datetime) -> dt.datetime:
    """The time to go by: never before this program existed."""
    return max(now, FLOOR)


def builder(
    issuer: x509.Name, begin: dt.datetime, end: dt.datetime, subject: x509.Name, key: Key
) -> x509.CertificateBuilder:
    """A certificate with everything but extensions and signature."""
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .not_valid_before(begin)
        .not_valid_after(end)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
    )


def key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    """Only what a TLS server or its authority needs."""
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def common_name(text: str) -> x509.Name:
    """A distinguished name of one part."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def ensure_key(path: Path) -> Key:
    """The private key in the file, made if there is none; readable by its owner alone."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        path.chmod(0o600)  # a restored backup or a copy may have made it wider
        return key
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_durably(path, pem)
    return made


def read_certificate(path: Path) -> x509.Certificate | None:
    """The first certificate in the file; None if there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
