# SPDX-License-Identifier: Apache-2.0
import ipaddress

import msgspec
import pytest

from atre.discovery.browse import discover
from atre.discovery.found import Record, decode_txt, found, is_lan_address, safe
from atre.discovery.interfaces import LanInterface
from atre.errors import DiscoveryError

LAN = (ipaddress.ip_network("203.0.113.0/24"), ipaddress.ip_network("2a01:e0a:1::/64"))


def record(**changes: object) -> Record:
    plain = Record(
        name="Âtre 7F3A",
        host="atre-7f3a.local.",
        addresses=("10.0.0.5",),
        port=8443,
        txt={"tls": "1", "auth": "1", "id": "7f3a09bc"},
    )
    return msgspec.structs.replace(plain, **changes)


def test_a_found_box_is_json() -> None:
    entry = found(record(), verified=True, certificate_sha256="ab")
    assert msgspec.json.decode(msgspec.json.encode(entry)) == {
        "name": "Âtre 7F3A",
        "host": "atre-7f3a.local",
        "addresses": ["10.0.0.5"],
        "port": 8443,
        "url": "https://atre-7f3a.local:8443",
        "id": "7f3a09bc",
        "tls": True,
        "auth": True,
        "verified": True,
        "reason": "",
        "reason_fr": "",
        "certificate_sha256": "ab",
        "waits_for_owner": False,
    }


def test_no_tls_is_said_in_the_url() -> None:
    assert found(record(txt={}), verified=False).url == "http://atre-7f3a.local:8443"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("evil\x1b[31mred", "evil[31mred"),
        ("abc\u202efdp.exe", "abcfdp.exe"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("\u2066Âtre\u2069 7F3A", "Âtre 7F3A"),
        ("x" * 1000, "x" * 128),
    ],
)
def test_text_from_the_lan_is_made_safe(text: str, shown: str) -> None:
    assert safe(text) == shown
    entry = found(record(name=text, host=text, txt={"id": text}), verified=False)
    assert (entry.name, entry.host, entry.id) == (shown, shown, shown)
    assert entry.url == f"http://{shown}:8443"


def test_txt_keys_are_case_insensitive_and_the_first_wins() -> None:
    assert decode_txt({b"TLS": b"1", b"tls": b"0", b"id": b"\xff", b"flag": None}) == {
        "tls": "1",
        "id": "\ufffd",
        "flag": "",
    }


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.168.1.5", True),
        ("10.1.2.3", True),
        ("169.254.3.4", True),
        ("fd00::5", True),
        ("fe80::1%eth0", True),
        ("203.0.113.9", True),
        ("2a01:e0a:1::9", True),
        ("2a01:e0a:2::9", False),
        ("8.8.8.8", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("224.0.0.251", False),
        ("0.0.0.0", False),  # noqa: S104 - a record may say anything
        ("::", False),
    ],
)
def test_only_addresses_of_this_lan_are_tried(address: str, inside: bool) -> None:  # noqa: FBT001
    assert is_lan_address(address, LAN) is inside


def no_interfaces() -> tuple[LanInterface, ...]:
    return ()


def test_browsing_without_a_network_says_so() -> None:
    with pytest.raises(DiscoveryError, match="on no LAN"):
        discover(1, interfaces=no_interfaces)


@pytest.mark.parametrize("timeout_s", [0, -1, 1e9, float("nan")])
def test_a_timeout_without_sense_is_refused(timeout_s: float) -> None:
    with pytest.raises(DiscoveryError, match="timeout"):
        discover(timeout_s)
