# SPDX-License-Identifier: Apache-2.0
"""The certificate that the box's own authority gives the box."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from atre.certificate.authority import ensure_authority, permits_address, permits_name
from atre.certificate.names import BoxNames
from atre.certificate.pieces import (
    Key,
    at_least_floor,
    builder,
    common_name,
    ensure_key,
    key_usage,
    read_certificate,
)
from atre.system.durable import write_durably

_LEAF_DAYS = 397  # Apple refuses longer ones, support.apple.com/102028
_RENEW_DAYS = 30
_CLOCK_SKEW_DAYS = 1  # a client whose clock is a little behind still trusts a new certificate

_LOOPBACK = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]


def ensure_certificate(
    tls_dir: Path,
    *,
    host_name: str,
    addresses: Sequence[str],
    aliases: Sequence[str] = (),
    now: dt.datetime,
) -> str:
    """Make what is missing, out of date or for other names; return the leaf's SHA-256 in hex.

    Writes ``ca.crt``, ``ca.key``, ``leaf.crt`` (leaf, then CA) and ``leaf.key``, all PEM. Names and
    addresses that the authority may not vouch for are left out. A leaf is made again 30 days before
    its end, and when the clock says that it has not begun. Raises OSError.
    """
    now = at_least_floor(now)
    box = BoxNames(host_name=host_name, aliases=tuple(aliases), addresses=tuple(addresses))
    ca, ca_key = ensure_authority(tls_dir, box, now)
    leaf_key = ensure_key(tls_dir / "leaf.key")
    path = tls_dir / "leaf.crt"
    names = _names_for(ca, box)
    leaf = read_certificate(path)
    if leaf is None or not _is_good(leaf, names, ca, leaf_key, now):
        leaf = _sign_leaf(leaf_key, ca, ca_key, names, now)
        chain = leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM)
        write_durably(path, chain, mode=0o644)
    return leaf.fingerprint(hashes.SHA256()).hex()


def alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    """The names and addresses that a certificate is for; None if it says none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _names_for(ca: x509.Certificate, box: BoxNames) -> x509.SubjectAlternativeName:
    host_names = dict.fromkeys([*box.host_names, "localhost"])
    addresses = sorted({*box.ip_addresses, *_LOOPBACK}, key=str)
    return x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in host_names if permits_name(ca, name)),
            *(x509.IPAddress(address) for address in addresses if permits_address(ca, address)),
        ]
    )


def _is_good(
    leaf: x509.Certificate,
    names: x509.SubjectAlternativeName,
    ca: x509.Certificate,
    key: Key,
    now: dt.datetime,
) -> bool:
    return (
        alternative_names(leaf) == names
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


def _sign_leaf(
    key: Key,
    ca: x509.Certificate,
    ca_key: Key,
    names: x509.SubjectAlternativeName,
    now: dt.datetime,
) -> x509.Certificate:
    host_name = names.get_values_for_type(x509.DNSName)[0]
    begin = now - dt.timedelta(days=_CLOCK_SKEW_DAYS)
    end = now + dt.timedelta(days=_LEAF_DAYS)
    return (
        builder(ca.subject, begin, end, common_name(host_name), key)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
