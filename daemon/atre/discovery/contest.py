# SPDX-License-Identifier: Apache-2.0
"""Who owns a name on the LAN. Pure: packets in, a verdict out.

python-zeroconf checks instance names before use and host names never, and it does not answer
questions of type ANY about a host, which is what probes ask. RFC 6762 wants a name checked before
use (§8.1, §8.2), defended (§8.1) and watched (§9).
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

# The wire format is importable by name for compatibility, but is not in zeroconf's __all__.
from zeroconf import (  # type: ignore[attr-defined]
    DNSAddress,
    DNSIncoming,
    DNSOutgoing,
    DNSQuestion,
    DNSRecord,
    DNSService,
)

# RFC 1035 §3.2, §4.1.1; RFC 3596 §2.1 for AAAA
_FLAGS_QUERY = 0
_FLAGS_ANSWER = 0x8400  # a response, with authority
_CLASS_IN = 1
_CLASS_IN_FLUSH = 0x8001  # RFC 6762 §10.2: replaces what caches hold
_TYPE_A = 1
_TYPE_AAAA = 28
_TYPE_ANY = 255
_HOST_TTL_S = 120  # RFC 6762 §10: records that name a host


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Names we use or want, and what makes a record about them ours.

    ``host`` and the keys of ``instances`` are whole names with their final dot; ``proposed`` are
    the addresses announced now; ``own`` those plus any we announced before, whose echo may come.
    ``instances`` gives the port behind each of our service instances.
    """

    host: str
    proposed: frozenset[bytes]
    own: frozenset[bytes]
    instances: dict[str, int]


class Verdict(StrEnum):
    """What a packet means for our claim."""

    NOTHING = "nothing"
    HOST_TAKEN = "host_taken"  # somebody uses our host name
    INSTANCE_TAKEN = "instance_taken"  # somebody uses the name of one of our services
    TIE_LOST = "tie_lost"  # somebody probes for our host name, and would win
    TIE_WON = "tie_won"  # the same, and would lose


def packed(addresses: Iterable[str]) -> frozenset[bytes]:
    """Addresses as they stand in A and AAAA records: 4 or 16 bytes."""
    return frozenset(ipaddress.ip_address(address).packed for address in addresses)


def probe_packet(claim: Claim) -> bytes:
    """Ask whether anybody has the host name, with the records we propose (RFC 6762 §8.1).

    Asks for multicast answers: the sockets that probe do not read unicast ones. Asks for addresses
    by type as well, for owners that do not answer ANY.
    """
    out = DNSOutgoing(_FLAGS_QUERY)
    for record_type in (_TYPE_ANY, _TYPE_A, _TYPE_AAAA):
        out.add_question(DNSQuestion(claim.host, record_type, _CLASS_IN))
    _add_addresses(out, claim, _CLASS_IN)  # no cache flush in a probe (RFC 6762 §10.2)
    return _answers_to_authority(out.packets()[0])


def defence_packet(claim: Claim) -> bytes:
    """Tell whoever probes for the host name that it is ours (RFC 6762 §8.1)."""
    out = DNSOutgoing(_FLAGS_ANSWER)
    _add_addresses(out, claim, _CLASS_IN_FLUSH)
    return out.packets()[0]


def _add_addresses(out: DNSOutgoing, claim: Claim, record_class: int) -> None:
    for address in sorted(claim.proposed):
        record = DNSAddress(claim.host, _address_type(address), record_class, _HOST_TTL_S, address)
        out.add_answer_at_time(record, 0)


def _answers_to_authority(packet: bytes) -> bytes:
    """Move the answers to the authority section, where zeroconf writes nothing but pointers.

    The sections follow each other, so it is enough to exchange the counts at 6 and 8
    (RFC 1035 §4.1.1).
    """
    return packet[:6] + packet[8:10] + packet[6:8] + packet[10:]


def judge(packet: bytes, claim: Claim) -> Verdict:
    """What a packet heard on the LAN means for the claim. Malformed ones mean nothing."""
    message = DNSIncoming(packet)
    if not message.valid:
        return Verdict.NOTHING
    records = message.answers()
    if message.is_query():
        return _judge_probe(message, records, claim)
    # A goodbye (TTL 0) takes nothing from us.
    records = [record for record in records if record.ttl > 0]
    if any(_is_rival_host(record, claim) for record in records):
        return Verdict.HOST_TAKEN
    if any(_is_rival_instance(record, claim) for record in records):
        return Verdict.INSTANCE_TAKEN
    return Verdict.NOTHING


def _is_rival_host(record: DNSRecord, claim: Claim) -> bool:
    return (
        isinstance(record, DNSAddress)
        and record.name.lower() == claim.host
        and record.address not in claim.own
    )


def _is_rival_instance(record: DNSRecord, claim: Claim) -> bool:
    if not isinstance(record, DNSService):
        return False
    port = claim.instances.get(record.name.lower())
    return port is not None and (record.server.lower(), record.port) != (claim.host, port)


def _judge_probe(message: DNSIncoming, records: list[DNSRecord], claim: Claim) -> Verdict:
    """Simultaneous probes: the lexicographically later set of records wins (RFC 6762 §8.2)."""
    if message.num_authorities == 0:
        return Verdict.NOTHING
    theirs = sorted(
        (record.type, record.address)
        for record in records[message.num_answers :]
        if isinstance(record, DNSAddress) and record.name.lower() == claim.host
    )
    ours = sorted((_address_type(address), address) for address in claim.proposed)
    if not theirs or theirs == ours:
        return Verdict.NOTHING
    return Verdict.TIE_LOST if theirs > ours else Verdict.TIE_WON


def _address_type(address: bytes) -> int:
    ipv4_bytes = 4
    return _TYPE_A if len(address) == ipv4_bytes else _TYPE_AAAA
