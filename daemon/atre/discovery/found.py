# SPDX-License-Identifier: Apache-2.0
"""What a browse returns. Everything in it that came from the LAN has been made safe to show."""

import ipaddress
from collections.abc import Mapping

import msgspec

from atre.discovery.service import shown
from atre.sentence import NOTHING, Sentence

_MAX_SHOWN_CHARS = 128  # two labels; a longer text is not a name


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One ``_ai-gateway._tcp`` instance as resolved; addresses may carry a ``%scope``."""

    name: str
    host: str
    addresses: tuple[str, ...]
    port: int
    txt: dict[str, str]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway on the LAN; ``reason`` says why it is not ``verified``, or is empty.

    ``reason_fr`` says it in French.
    ``waits_for_owner`` is what it says of itself: somebody is yet to claim it, at ``/claim``.
    ``certificate_sha256`` (hex) is what it presented, trusted by nobody yet: compare it with the
    one the box shows.
    """

    name: str
    host: str
    addresses: list[str]
    port: int
    url: str
    id: str
    tls: bool
    auth: bool
    verified: bool
    reason: str
    certificate_sha256: str | None
    waits_for_owner: bool = False
    reason_fr: str = ""


def found(
    record: Record,
    *,
    verified: bool,
    reason: Sentence = NOTHING,
    certificate_sha256: str | None = None,
) -> Found:
    """The public form of a record and of what came of trying it."""
    tls = flag(record.txt, "tls")
    host = safe(record.host.removesuffix("."))
    return Found(
        name=safe(record.name),
        host=host,
        addresses=list(record.addresses),
        port=record.port,
        url=f"{'https' if tls else 'http'}://{host}:{record.port}",
        id=safe(record.txt.get("id", "")),
        tls=tls,
        auth=flag(record.txt, "auth"),
        verified=verified,
        reason=reason.text,
        reason_fr=reason.text_fr,
        certificate_sha256=certificate_sha256,
    )


def flag(txt: Mapping[str, str], key: str) -> bool:
    """A TXT boolean: ``1`` is true, anything else or nothing is false."""
    return txt.get(key) == "1"


def safe(text: str) -> str:
    """Text from the LAN, fit for a terminal or a page: no control or direction characters."""
    return shown(text)[:_MAX_SHOWN_CHARS].strip()


def decode_txt(properties: Mapping[bytes, bytes | None]) -> dict[str, str]:
    """TXT entries by lower-case key; the first of equal keys counts (RFC 6763 §6.4)."""
    txt: dict[str, str] = {}
    for key, value in properties.items():
        text = (value or b"").decode(errors="replace")
        txt.setdefault(key.decode(errors="replace").lower(), text)
    return txt


def is_lan_address(
    address: str, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
) -> bool:
    """Whether a connection to ``address`` stays in the office.

    True for private and link-local addresses and for those in one of our own ``networks``; never
    for loopback, multicast or unspecified ones, which a record has no business to name.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback or ip.is_multicast or ip.is_unspecified:
        return False
    return ip.is_private or ip.is_link_local or any(ip in network for network in networks)
