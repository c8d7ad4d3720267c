# SPDX-License-Identifier: Apache-2.0
import asyncio
from collections.abc import Callable

import pytest
from zeroconf import DNSAddress, DNSOutgoing, DNSService  # type: ignore[attr-defined]

from atre.discovery.contest import Claim, defence_packet, packed, probe_packet
from atre.discovery.probe import NameWatch

HOST = "atre-7f3a.local."
INSTANCE = "âtre 7f3a._https._tcp.local."


def claim(address: str) -> Claim:
    proposed = packed([address])
    return Claim(host=HOST, proposed=proposed, own=proposed, instances={INSTANCE: 8443})


def answer(address: str) -> bytes:
    out = DNSOutgoing(0x8400)
    (data,) = packed([address])
    out.add_answer_at_time(DNSAddress(HOST, 1, 0x8001, 120, data), 0)
    return bytes(out.packets()[0])


def rival_service() -> bytes:
    out = DNSOutgoing(0x8400)
    out.add_answer_at_time(DNSService(INSTANCE, 33, 0x8001, 120, 0, 0, 443, "other.local."), 0)
    return bytes(out.packets()[0])


class Wire:
    """A channel that hands each packet sent to a neighbour, who may answer."""

    def __init__(self, neighbour: Callable[[int], bytes | None] = lambda _n: None) -> None:
        self.sent: list[bytes] = []
        self.neighbour = neighbour
        self.watch: NameWatch | None = None

    def send(self, packet: bytes) -> None:
        self.sent.append(packet)
        assert self.watch is not None
        self.watch.hear(packet)  # multicast comes back to its sender
        reply = self.neighbour(len(self.sent))
        if reply is not None:
            self.watch.hear(reply)


def probe(wire: Wire, conflicts: list[str]) -> tuple[bool, NameWatch]:
    async def run() -> tuple[bool, NameWatch]:
        wire.watch = NameWatch(lambda: conflicts.append("conflict"), interval_s=0.001)
        return await wire.watch.probe(claim("10.0.0.5"), wire), wire.watch

    return asyncio.run(run())


def test_a_free_name_takes_three_probes() -> None:
    wire = Wire()
    free, _ = probe(wire, [])
    assert free
    assert wire.sent == [probe_packet(claim("10.0.0.5"))] * 3


def test_an_owner_that_answers_ends_probing_at_once() -> None:
    wire = Wire(lambda n: answer("10.0.0.9") if n == 2 else None)
    free, _ = probe(wire, [])
    assert not free
    assert len(wire.sent) == 2


def test_a_lost_tie_is_tried_again_and_won_when_the_other_gives_up() -> None:
    wire = Wire(lambda n: probe_packet(claim("10.0.0.9")) if n == 1 else None)
    free, _ = probe(wire, [])
    assert free
    assert len(wire.sent) == 1 + 3


def test_a_lost_tie_becomes_a_taken_name_when_the_winner_announces() -> None:
    replies = {1: probe_packet(claim("10.0.0.9")), 2: answer("10.0.0.9")}
    free, _ = probe(Wire(replies.get), [])
    assert not free


def test_ties_without_end_count_as_taken() -> None:
    free, _ = probe(Wire(lambda _n: probe_packet(claim("10.0.0.9"))), [])
    assert not free


def test_a_won_tie_goes_on() -> None:
    free, _ = probe(Wire(lambda _n: probe_packet(claim("10.0.0.1"))), [])
    assert free


def test_a_conflict_after_the_announcement_is_told_once() -> None:
    conflicts: list[str] = []
    _, watch = probe(Wire(), conflicts)
    watch.hear(answer("10.0.0.5"))
    assert conflicts == []
    watch.hear(answer("10.0.0.9"))
    watch.hear(answer("10.0.0.9"))
    assert conflicts == ["conflict"]


def test_a_rival_service_is_a_conflict_after_the_announcement_but_no_rival_host_before() -> None:
    conflicts: list[str] = []
    free, watch = probe(Wire(lambda _n: rival_service()), conflicts)
    assert free
    assert conflicts == []
    watch.hear(rival_service())
    assert conflicts == ["conflict"]


@pytest.mark.parametrize("candidate", ["10.0.0.1", "10.0.0.9"])
def test_an_announced_name_is_defended_against_any_candidate(candidate: str) -> None:
    wire, conflicts = Wire(), list[str]()
    _, watch = probe(wire, conflicts)
    wire.sent.clear()
    watch.hear(probe_packet(claim("10.0.0.5")))
    assert wire.sent == []
    watch.hear(probe_packet(claim(candidate)))
    assert wire.sent == [defence_packet(claim("10.0.0.5"))]
    assert conflicts == []


def test_a_name_is_defended_for_its_new_address() -> None:
    wire, conflicts = Wire(), list[str]()
    _, watch = probe(wire, conflicts)
    wire.sent.clear()
    watch.update(claim("10.0.0.7"), wire)
    watch.hear(answer("10.0.0.7"))
    watch.hear(probe_packet(claim("10.0.0.9")))
    assert wire.sent == [defence_packet(claim("10.0.0.7"))]
    assert conflicts == []


def test_nothing_is_heard_before_a_claim() -> None:
    conflicts: list[str] = []
    NameWatch(lambda: conflicts.append("conflict")).hear(answer("10.0.0.9"))
    assert conflicts == []
