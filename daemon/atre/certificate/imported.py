# SPDX-License-Identifier: Apache-2.0
"""A certificate that the box's owner brought: what is asked of it before it is served."""

import datetime as dt
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from atre.certificate.names import BoxNames, covers, parsed
from atre.certificate.own import alternative_names
from atre.errors import InvalidRequestError

MAX_BYTES = 256 * 1024  # of one file; the longest chains in use are a tenth of it
_MIN_RSA_BITS = 2048
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def bundle(
    certificate: bytes, key: bytes, chain: bytes, names: BoxNames, now: dt.datetime
) -> bytes:
    """One PEM text to serve: the key, the leaf, then its issuers in order.

    Each file may be PEM or DER, with its certificates in any order. Raises InvalidRequestError,
    which says what is wrong and what to do.
    """
    private = _load_key(key)
    given = [*_load_certificates(certificate, "certificate"), *_load_chain(chain)]
    leaf = _leaf_of(given, private)
    _check_use(leaf, names)
    path = _in_order(leaf, given)
    for each in path:
        _check_dates(each, now)
        _check_signature_hash(each)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = pem + b"".join(each.public_bytes(Encoding.PEM) for each in path)
    _check_with_openssl(made)
    return made


def recheck(bundled: bytes, names: BoxNames, now: dt.datetime) -> x509.Certificate:
    """The leaf of a bundle that was imported before, if it can still be served.

    Raises InvalidRequestError.
    """
    key, begin, certificates = bundled.partition(b"-----BEGIN CERTIFICATE-----")
    private = _load_key(key)
    given = _load_certificates(begin + certificates, "certificate")
    leaf = _leaf_of(given, private)
    _check_use(leaf, names)
    for each in _in_order(leaf, given):
        _check_dates(each, now)
    return leaf


def _load_key(data: bytes) -> _Key:
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key: PrivateKeyTypes = load(_bounded(data, "key"), password=None)
    except TypeError as error:
        raise InvalidRequestError(
            "The key is protected by a password, which nobody could type when the box starts. "
            "Write one without: `openssl pkey -in KEY -out NEW-KEY`.",
            param="key",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidRequestError(
            "The key file holds no private key in PEM or DER form.", param="key"
        ) from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    raise InvalidRequestError(
        "Browsers take no certificate with this kind of key. Use an ECDSA key on P-256 or P-384, "
        f"or an RSA key of {_MIN_RSA_BITS} bits or more.",
        param="key",
    )


_CURVES = {"secp256r1", "secp384r1"}


def _load_certificates(data: bytes, param: str) -> list[x509.Certificate]:
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(_bounded(data, param))
        return [x509.load_der_x509_certificate(_bounded(data, param))]
    except ValueError as error:
        raise InvalidRequestError(
            f"The {param} file holds no certificate in PEM or DER form.", param=param
        ) from error


def _load_chain(data: bytes) -> list[x509.Certificate]:
    return _load_certificates(data, "chain") if data.strip() else []


def _bounded(data: bytes, param: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise InvalidRequestError(
            f"The {param} file is longer than {MAX_BYTES // 1024} KiB: it is another file.",
            param=param,
        )
    return data


def _leaf_of(given: list[x509.Certificate], key: _Key) -> x509.Certificate:
    public = key.public_key()
    for certificate in given:
        try:
            if certificate.public_key() == public:
                return certificate
        except (ValueError, UnsupportedAlgorithm):
            continue
    raise InvalidRequestError(
        "The key belongs to another certificate. Give the key with which this certificate was "
        "requested.",
        param="key",
    )


def _check_use(leaf: x509.Certificate, names: BoxNames) -> None:
    try:
        constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints and constraints.ca:
        raise InvalidRequestError(
            "This is the certificate of an authority, not of a server. Have the authority sign one "
            "for the box.",
            param="certificate",
        )
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        uses = None
    if uses and ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise InvalidRequestError(
            "This certificate is not for servers (extended key usage without serverAuth).",
            param="certificate",
        )
    _check_names(leaf, names)


def _check_names(leaf: x509.Certificate, names: BoxNames) -> None:
    present = alternative_names(leaf)
    host_names = present.get_values_for_type(x509.DNSName) if present else []
    addresses = present.get_values_for_type(x509.IPAddress) if present else []
    if any(covers(each, name) for each in host_names for name in names.host_names):
        return
    if set(addresses) & set(parsed(names.addresses)):
        return
    wanted = ", ".join([*names.host_names, *map(str, names.ip_addresses)])
    found = ", ".join([*host_names, *map(str, addresses)]) or "no name"
    raise InvalidRequestError(
        f"The certificate is for {found[:500]}, but the box is called {wanted}. Get one for a name "
        "of the box, or start the box with `--alias NAME` to give it that name.",
        param="certificate",
    )


def _in_order(leaf: x509.Certificate, given: list[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf and its issuers, each after the one that it signed."""
    path = [leaf]
    rest = [each for each in dict.fromkeys(given) if each != leaf]
    while rest:
        issuer = next((each for each in rest if _issued(each, path[-1])), None)
        if issuer is None:
            raise InvalidRequestError(
                f"The certificate of {rest[0].subject.rfc4514_string()[:200]!r} did not sign "
                f"{path[-1].subject.rfc4514_string()[:200]!r}. Give only the intermediate "
                "certificates that lead to this one's authority.",
                param="chain",
            )
        path.append(issuer)
        rest.remove(issuer)
    return path


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _check_dates(certificate: x509.Certificate, now: dt.datetime) -> None:
    whose = certificate.subject.rfc4514_string()[:200] or "the box"
    if certificate.not_valid_after_utc <= now:
        raise InvalidRequestError(
            f"The certificate of {whose!r} ended on {certificate.not_valid_after_utc:%Y-%m-%d}. "
            "Get a new one.",
            param="certificate",
        )
    if certificate.not_valid_before_utc > now:
        raise InvalidRequestError(
            f"The certificate of {whose!r} begins on {certificate.not_valid_before_utc:%Y-%m-%d}, "
            f"but the box's clock says {now:%Y-%m-%d}. Set the clock, or wait.",
            param="certificate",
        )


def _check_signature_hash(certificate: x509.Certificate) -> None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        raise InvalidRequestError(
            f"The certificate is signed with {algorithm.name}, which no browser accepts any more. "
            "Get one signed with SHA-256.",
            param="certificate",
        )


def _check_with_openssl(bundled: bytes) -> None:
    """Load it as the listener will: what OpenSSL refuses would end every connection."""
    with tempfile.TemporaryDirectory(prefix="atre-tls-") as directory:
        path = Path(directory) / "bundle.pem"
        path.touch(mode=0o600)
        path.write_bytes(bundled)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
        except ssl.SSLError as error:
            raise InvalidRequestError(
                f"OpenSSL refuses this certificate: {error.reason}.", param="certificate"
            ) from error
