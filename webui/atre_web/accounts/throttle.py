# SPDX-License-Identifier: Apache-2.0
"""Slows down whoever guesses; in the database, because several processes serve sign-ins."""

import ipaddress
import math
import sqlite3
from dataclasses import dataclass

from atre_web.accounts.database import transaction

_FIRST_DELAY_S = 10


@dataclass(frozen=True, slots=True)
class Limit:
    """What is counted, how many wrong tries are free, and the longest wait after more."""

    kind: str
    num_free: int
    longest_s: int


BY_ADDRESS = Limit("", 5, 900)
# A stranger can make an account wait, so not for long; NIST SP 800-63B-4 §3.2.2 wants some bound.
BY_LOGIN = Limit("login:", 10, 60)
# Everybody's tries together: a code is guessed from any number of addresses.
BY_CLAIM = Limit("claim:", 5, 900)
BY_PRESENCE = Limit("presence:", 5, 900)

# An address that has been quiet for this long starts afresh.
_MEMORY_S = 3600.0
# A home router or a phone gets a /64 and may use any address in it (RFC 6177, RFC 8981).
_IPV6_PREFIX = 64


def wait_s(
    connection: sqlite3.Connection, subject: str, *, now: float, limit: Limit = BY_ADDRESS
) -> int | None:
    """Seconds that this subject must wait before it may try again, None if it may try now."""
    row = connection.execute(
        "SELECT num_failures, last_failure_at FROM failed_logins WHERE address = ?",
        (_counted(subject, limit),),
    ).fetchone()
    # A last failure in the future means that the clock was set back; do not lock anybody out.
    if row is None or not 0 <= now - row["last_failure_at"] < _MEMORY_S:
        return None
    remaining_s = row["last_failure_at"] + delay_s(row["num_failures"], limit) - now
    return math.ceil(remaining_s) if remaining_s > 0 else None


def record_failure(
    connection: sqlite3.Connection, subject: str, *, now: float, limit: Limit = BY_ADDRESS
) -> None:
    """Count one wrong try from this subject."""
    with transaction(connection):
        connection.execute(
            "DELETE FROM failed_logins WHERE last_failure_at <= ? OR last_failure_at > ?",
            (now - _MEMORY_S, now),
        )
        connection.execute(
            "INSERT INTO failed_logins (address, num_failures, last_failure_at) VALUES (?, 1, ?)"
            " ON CONFLICT (address) DO UPDATE"
            " SET num_failures = num_failures + 1, last_failure_at = excluded.last_failure_at",
            (_counted(subject, limit), now),
        )


def forget(connection: sqlite3.Connection, subject: str, *, limit: Limit = BY_ADDRESS) -> None:
    """Forget this subject's wrong tries, after a right one."""
    connection.execute("DELETE FROM failed_logins WHERE address = ?", (_counted(subject, limit),))


def delay_s(num_failures: int, limit: Limit = BY_ADDRESS) -> int:
    """The wait after that many wrong tries: nothing, then doubling up to the limit's longest."""
    if num_failures < limit.num_free:
        return 0
    # The exponent is bounded so that a patient guesser cannot make it a huge integer.
    return min(_FIRST_DELAY_S << min(num_failures - limit.num_free, 16), limit.longest_s)


def _counted(subject: str, limit: Limit) -> str:
    return limit.kind + subject if limit.kind else source(subject)


def source(address: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
    return str(parsed)
