# SPDX-License-Identifier: Apache-2.0
"""The box's own certificate authority, which can vouch for this box and for nothing else."""

import datetime as dt
import ipaddress
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from atre.certificate.names import BoxNames, IpAddress
from atre.certificate.pieces import (
    FLOOR,
    Key,
    at_least_floor,
    builder,
    common_name,
    ensure_key,
    key_usage,
    read_certificate,
)
from atre.system.durable import write_durably

_CA_DAYS = 3653
# A conflict on the LAN renames a box to atre-7f3a-2.local, and so on (RFC 6762 §9).
_RENAMED = range(2, 10)
_CONFLICT_NUMBER = re.compile(r"-\d{1,3}$")

# Addresses come from the router and change; these networks are all that can be one of ours, and no
# site of the internet is in them (RFC 1918, RFC 3927, RFC 4193, RFC 4291).
_PERMITTED_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
]  # fmt: skip


def ensure_authority(
    tls_dir: Path, names: BoxNames, now: dt.datetime
) -> tuple[x509.Certificate, Key]:
    """The authority, made at the first start or when its files cannot be used. Raises OSError.

    Otherwise it is kept, whatever the clock and the names say: people made their devices trust it.
    """
    key = ensure_key(tls_dir / "ca.key")
    path = tls_dir / "ca.crt"
    ca = read_certificate(path)
    # One that ended before this program existed was made in 1970, and never trusted by anybody.
    if ca and ca.public_key() == key.public_key() and ca.not_valid_after_utc > FLOOR:
        return ca, key
    made = _sign(key, names, now)
    write_durably(path, made.public_bytes(Encoding.PEM), mode=0o644)
    return made, key


def permits_name(ca: x509.Certificate, name: str) -> bool:
    """Whether the authority may vouch for a host name (RFC 5280 §4.2.1.10)."""
    return any(
        isinstance(subtree, x509.DNSName)
        and (name == subtree.value or name.endswith(f".{subtree.value}"))
        for subtree in _permitted(ca)
    )


def permits_address(ca: x509.Certificate, address: IpAddress) -> bool:
    """Whether the authority may vouch for an address."""
    return any(
        isinstance(subtree, x509.IPAddress)
        and isinstance(subtree.value, ipaddress.IPv4Network | ipaddress.IPv6Network)
        and address in subtree.value
        for subtree in _permitted(ca)
    )


def _permitted(ca: x509.Certificate) -> list[x509.GeneralName]:
    try:
        constraints = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return []
    return constraints.permitted_subtrees or []


def _sign(key: Key, names: BoxNames, now: dt.datetime) -> x509.Certificate:
    subject = common_name(f"Âtre {names.host_name.removesuffix('.local')} CA")
    # From a fixed date on, so that no clock that was ahead when the box first started makes the
    # authority begin in the future.
    end = at_least_floor(now) + dt.timedelta(days=_CA_DAYS)
    return (
        builder(subject, FLOOR, end, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_name_constraints(names), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name_constraints(names: BoxNames) -> x509.NameConstraints:
    base = _CONFLICT_NUMBER.sub("", names.host_name.removesuffix(".local"))
    renamed = [f"{base}-{number}.local" for number in _RENAMED]
    host_names = dict.fromkeys([names.host_name, *renamed, *names.aliases, "localhost"])
    return x509.NameConstraints(
        permitted_subtrees=[
            *(x509.DNSName(name) for name in host_names),
            *(x509.IPAddress(network) for network in _PERMITTED_NETWORKS),
        ],
        excluded_subtrees=None,
    )
