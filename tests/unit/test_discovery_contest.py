# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import (  # type: ignore[attr-defined]
    DNSAddress,
    DNSIncoming,
    DNSOutgoing,
    DNSRecord,
    DNSService,
)

from atre.discovery.contest import Claim, Verdict, defence_packet, judge, packed, probe_packet

HOST = "atre-7f3a.local."
INSTANCE = "âtre 7f3a._https._tcp.local."
OURS, OTHER, OLD = "10.0.0.5", "10.0.0.9", "10.0.0.4"
UNIQUE = 0x8001


def claim(*addresses: str) -> Claim:
    proposed = packed(addresses or (OURS,))
    return Claim(
        host=HOST, proposed=proposed, own=proposed | packed([OLD]), instances={INSTANCE: 8443}
    )


def response(*records: DNSRecord) -> bytes:
    out = DNSOutgoing(0x8400)
    for record in records:
        out.add_answer_at_time(record, 0)
    return bytes(out.packets()[0])


def address(text: str, *, name: str = HOST, ttl: int = 120) -> DNSAddress:
    (data,) = packed([text])
    return DNSAddress(name, 1 if len(data) == 4 else 28, UNIQUE, ttl, data)


def service(server: str, port: int) -> DNSService:
    return DNSService(INSTANCE, 33, UNIQUE, 120, 0, 0, port, server)


def test_a_probe_asks_for_anything_and_proposes_in_the_authority_section() -> None:
    message = DNSIncoming(probe_packet(claim(OURS, "fd00::5")))
    assert message.valid
    assert message.is_query()
    assert [(q.name, q.type, q.unicast) for q in message.questions] == [
        (HOST, record_type, False) for record_type in (255, 1, 28)
    ]
    assert (message.num_answers, message.num_authorities, message.num_additionals) == (0, 2, 0)
    records = message.answers()
    assert {r.address for r in records if isinstance(r, DNSAddress)} == packed([OURS, "fd00::5"])
    assert all(r.name == HOST and not r.unique for r in records)


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [
        (response(address(OTHER)), Verdict.HOST_TAKEN),
        (response(address(OTHER, name=HOST.upper())), Verdict.HOST_TAKEN),
        (response(address(OURS), address(OTHER)), Verdict.HOST_TAKEN),
        (response(address("fd00::9")), Verdict.HOST_TAKEN),
        (response(address(OURS)), Verdict.NOTHING),
        (response(address(OLD)), Verdict.NOTHING),
        (response(address(OTHER, ttl=0)), Verdict.NOTHING),
        (response(address(OTHER, name="other.local.")), Verdict.NOTHING),
        (response(service(HOST, 8443)), Verdict.NOTHING),
        (response(service(HOST, 443)), Verdict.INSTANCE_TAKEN),
        (response(service("other.local.", 8443)), Verdict.INSTANCE_TAKEN),
        (b"", Verdict.NOTHING),
        (b"\xff" * 40, Verdict.NOTHING),
    ],
)
def test_what_a_response_means(packet: bytes, verdict: Verdict) -> None:
    assert judge(packet, claim()) is verdict


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [
        ((OTHER,), Verdict.TIE_LOST),
        (("10.0.0.1",), Verdict.TIE_WON),
        ((OURS,), Verdict.NOTHING),
        ((OURS, "fd00::1"), Verdict.TIE_LOST),
        (("fd00::1",), Verdict.TIE_LOST),
        ((OLD,), Verdict.TIE_WON),
    ],
)
def test_the_later_set_of_records_wins_a_tie(theirs: tuple[str, ...], verdict: Verdict) -> None:
    assert judge(probe_packet(claim(*theirs)), claim(OURS)) is verdict


def test_a_defence_contradicts_the_other_claim_only() -> None:
    packet = defence_packet(claim(OURS))
    assert judge(packet, claim(OTHER)) is Verdict.HOST_TAKEN
    assert judge(packet, claim(OURS)) is Verdict.NOTHING
    assert all(record.unique and record.ttl == 120 for record in DNSIncoming(packet).answers())


def test_a_plain_question_about_our_name_is_no_contest() -> None:
    packet = probe_packet(claim(OTHER))
    assert judge(packet[:8] + b"\0\0" + packet[10:], claim(OURS)) is Verdict.NOTHING


ips = st.sets(st.ip_addresses().map(str), min_size=1, max_size=4)


@given(one=ips, other=ips)
def test_exactly_one_of_two_different_candidates_loses(one: set[str], other: set[str]) -> None:
    """RFC 6762 §8.2: both sides compare the same two lists, so they agree."""
    a, b = packed(one), packed(other)
    mine = Claim(host=HOST, proposed=a, own=a, instances={})
    theirs = Claim(host=HOST, proposed=b, own=b, instances={})
    lost = [
        judge(probe_packet(theirs), mine) is Verdict.TIE_LOST,
        judge(probe_packet(mine), theirs) is Verdict.TIE_LOST,
    ]
    assert lost.count(True) == (0 if a == b else 1)


@given(st.binary(max_size=200))
def test_no_packet_breaks_it(data: bytes) -> None:
    assert judge(data, claim()) in Verdict
