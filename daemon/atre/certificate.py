# SPDX-License-Identifier: Apache-2.0
"""The box's own certificate authority and the certificate it serves on the LAN."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from atre.durable import write_durably

_CA_DAYS = 3650
_LEAF_DAYS = 397  # Apple refuses longer ones, support.apple.com/102028
_RENEW_DAYS = 30
_CLOCK_SKEW_DAYS = 1  # a client whose clock is a little behind still trusts a new certificate

# A stolen CA key can vouch for a neighbour's name on the LAN, never for a bank.
_PERMITTED_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
]  # fmt: skip
_PERMITTED_DOMAINS = ("local", "localhost")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Key = ec.EllipticCurvePrivateKey


def ensure_certificate(
    tls_dir: Path, *, host_name: str, addresses: Sequence[str], now: dt.datetime
) -> str:
    """Make what is missing, out of date or for other names; return the leaf's SHA-256 in hex.

    Writes ``ca.crt``, ``ca.key``, ``leaf.crt`` (leaf, then CA) and ``leaf.key``, all PEM. Addresses
    outside private networks are left out, since the CA may not vouch for them. Raises OSError.
    """
    ca_key = _ensure_key(tls_dir / "ca.key")
    ca = _ensure_ca(tls_dir / "ca.crt", ca_key, host_name, now)
    leaf_key = _ensure_key(tls_dir / "leaf.key")
    path = tls_dir / "leaf.crt"
    names = _alternative_names(host_name, addresses)
    leaf = _read_certificate(path)
    if leaf is None or not _is_good(leaf, names, ca, leaf_key, now):
        leaf = _sign_leaf(leaf_key, ca, ca_key, names, now)
        chain = leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM)
        write_durably(path, chain, mode=0o644)
    return leaf.fingerprint(hashes.SHA256()).hex()


def _alternative_names(host_name: str, addresses: Sequence[str]) -> x509.SubjectAlternativeName:
    parsed = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    loopback: list[_Address] = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    private = sorted({a for a in parsed + loopback if _is_permitted(a)}, key=str)
    return x509.SubjectAlternativeName(
        [
            x509.DNSName(host_name),
            x509.DNSName("localhost"),
            *(x509.IPAddress(address) for address in private),
        ]
    )


def _is_permitted(address: _Address) -> bool:
    return any(address in network for network in _PERMITTED_NETWORKS)


def _is_good(
    leaf: x509.Certificate,
    names: x509.SubjectAlternativeName,
    ca: x509.Certificate,
    key: _Key,
    now: dt.datetime,
) -> bool:
    present = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        present == names
        and _is_issued_by(leaf, ca)
        and leaf.public_key() == key.public_key()
        and leaf.not_valid_before_utc <= now
        and leaf.not_valid_after_utc - now > dt.timedelta(days=_RENEW_DAYS)
    )


def _is_issued_by(leaf: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError):
        return False
    return True


def _ensure_ca(path: Path, key: _Key, host_name: str, now: dt.datetime) -> x509.Certificate:
    ca = _read_certificate(path)
    if ca and ca.public_key() == key.public_key():
        return ca  # whatever the clock says: devices trust this one
    name = _name(f"Âtre {host_name.removesuffix('.local')} CA")
    ca = (
        _builder(name, name, key, now, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(_name_constraints(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_durably(path, ca.public_bytes(Encoding.PEM), mode=0o644)
    return ca


def _sign_leaf(
    key: _Key,
    ca: x509.Certificate,
    ca_key: _Key,
    names: x509.SubjectAlternativeName,
    now: dt.datetime,
) -> x509.Certificate:
    host_name = names.get_values_for_type(x509.DNSName)[0]
    return (
        _builder(_name(host_name), ca.subject, key, now, _LEAF_DAYS)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: _Key, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=_CLOCK_SKEW_DAYS))
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _name_constraints() -> x509.NameConstraints:
    return x509.NameConstraints(
        permitted_subtrees=[
            *(x509.DNSName(domain) for domain in _PERMITTED_DOMAINS),
            *(x509.IPAddress(network) for network in _PERMITTED_NETWORKS),
        ],
        excluded_subtrees=None,
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
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


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _ensure_key(path: Path) -> _Key:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_durably(path, pem)
    return made


def _read_certificate(path: Path) -> x509.Certificate | None:
    """The first certificate in the file; None if there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
