# SPDX-License-Identifier: Apache-2.0
import unicodedata

import msgspec
import pytest

from atre.discovery.service import (
    MAX_TXT_BYTES,
    Box,
    Service,
    check_host_label,
    check_type,
    checked_instance,
    encode_txt,
    next_host_label,
    next_instance,
    services,
)
from atre.errors import ConfigError

BOX = Box(instance="Âtre 7F3A", box_id="7f3a09bc", https_port=8443)


def test_a_box_without_a_landing_port_announces_nothing_but_tls() -> None:
    assert [(s.type, s.port) for s in services(BOX)] == [
        ("_https._tcp", 8443),
        ("_ai-gateway._tcp", 8443),
    ]


def test_a_landing_port_adds_http() -> None:
    listed = services(Box(instance="Âtre", box_id="7f3a09bc", https_port=443, http_port=80))
    assert [(s.type, s.port) for s in listed] == [
        ("_http._tcp", 80),
        ("_https._tcp", 443),
        ("_ai-gateway._tcp", 443),
    ]
    assert listed[0].txt == (("txtvers", "1"), ("path", "/"))


def test_a_box_without_an_owner_says_where_it_is_claimed() -> None:
    waiting = services(msgspec.structs.replace(BOX, waits_for_owner=True))
    assert waiting[:-1] == services(BOX)
    assert (waiting[-1].type, waiting[-1].port) == ("_atre-setup._tcp", 8443)
    assert waiting[-1].txt == (("txtvers", "1"), ("path", "/claim"), ("id", "7f3a09bc"))


def test_the_gateway_record_says_what_the_draft_asks_in_order() -> None:
    gateway = services(BOX)[-1]
    assert gateway.subtypes == ("_chat-completions",)
    assert [key for key, _ in gateway.txt] == [
        "txtvers", "path", "tls", "auth", "protocols", "auth_type", "product", "id", "role",
    ]  # fmt: skip
    assert dict(gateway.txt)["id"] == "7f3a09bc"
    assert len(encode_txt(gateway.txt)) <= MAX_TXT_BYTES


def test_txt_is_length_prefixed_on_the_wire() -> None:
    assert encode_txt((("txtvers", "1"), ("path", "/"))) == b"\x09txtvers=1\x06path=/"


def test_an_oversized_txt_record_is_refused() -> None:
    with pytest.raises(ConfigError, match="200 bytes"):
        Service(type="_https._tcp", instance="A", port=443, txt=(("k", "v" * 199),))


@pytest.mark.parametrize("txt", [(("", "v"),), (("k=", "v"),), (("clé", "v"),), (("k\n", "v"),)])
def test_a_bad_txt_key_is_refused(txt: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ConfigError, match="TXT key"):
        encode_txt(txt)


@pytest.mark.parametrize(
    "service_type",
    ["_sixteen-letters-._tcp", "_sixteenletters16._tcp", "http._tcp", "_http", "_a--b._tcp",
     "_-a._tcp", "_123._tcp", "_HTTP._tcp", "_http._udp"],
)  # fmt: skip
def test_a_service_name_that_rfc_6335_forbids_is_refused(service_type: str) -> None:
    with pytest.raises(ConfigError, match="service type"):
        check_type(service_type)


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match="port"):
        services(Box(instance="Âtre", box_id="7f3a09bc", https_port=port))


@pytest.mark.parametrize("box_id", ["", "7F3A09BC", "7f3a", "7f3a09bcd"])
def test_a_bad_box_id_is_refused(box_id: str) -> None:
    with pytest.raises(ConfigError, match="8 lower-case hex"):
        Box(instance="Âtre", box_id=box_id, https_port=443)


def test_a_name_is_normalised() -> None:
    assert checked_instance(unicodedata.normalize("NFD", " Âtre ")) == "Âtre"


@pytest.mark.parametrize("name", ["", "  ", "evil\x1b[31m", "abc\u202etxt", "a\x00b", "a\u2028b"])
def test_a_name_with_hidden_characters_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        checked_instance(name)


def test_a_name_is_measured_in_bytes() -> None:
    assert checked_instance("é" * 31)
    with pytest.raises(ConfigError, match="64 bytes"):
        checked_instance("é" * 32)


@pytest.mark.parametrize("label", ["", "Atre", "a.b", "-a", "a-", "é", "a" * 64])
def test_a_bad_host_label_is_refused(label: str) -> None:
    with pytest.raises(ConfigError, match="host name"):
        check_host_label(label)


@pytest.mark.parametrize(
    ("label", "after"),
    [
        ("atre-7f3a", "atre-7f3a-2"),
        ("atre-1234", "atre-1234-2"),
        ("atre-1234-2", "atre-1234-3"),
        ("atre-7f3a-9", "atre-7f3a-10"),
        ("bureau", "bureau-2"),
        ("a" * 63, "a" * 61 + "-2"),
    ],
)
def test_the_next_host_label(label: str, after: str) -> None:
    assert next_host_label(label) == after
    check_host_label(after)


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("Âtre 7F3A", "Âtre 7F3A (2)"),
        ("Âtre 7F3A (2)", "Âtre 7F3A (3)"),
        ("é" * 31, "é" * 29 + " (2)"),
    ],
)
def test_the_next_instance_name(name: str, after: str) -> None:
    assert next_instance(name) == after
    assert checked_instance(after) == after
