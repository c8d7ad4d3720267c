# SPDX-License-Identifier: Apache-2.0
"""Slows down whoever guesses keys; in the database, because several processes serve logins."""

import ipaddress
import math
import sqlite3

from atre_web.accounts.database import transaction

_FREE_TRIES = 5
_FIRST_DELAY_S = 10
_LONGEST_DELAY_S = 900
# An address that has been quiet for this long starts afresh.
_MEMORY_S = 3600.0
# A home router or a phone gets a /64 and may use any address in it (RFC 6177, RFC 8981).
_IPV6_PREFIX = 64


def wait_s(connection: sqlite3.Connection, address: str, *, now: float) -> int | None:
    """Seconds that this address must wait before it may try again, None if it may try now."""
    row = connection.execute(
        "SELECT num_failures, last_failure_at FROM failed_logins WHERE address = ?",
        (source(address),),
    ).fetchone()
    # A last failure in the future means that the clock was set back; do not lock anybody out.
    if row is None or not 0 <= now - row["last_failure_at"] < _MEMORY_S:
        return None
    remaining_s = row["last_failure_at"] + delay_s(row["num_failures"]) - now
    return math.ceil(remaining_s) if remaining_s > 0 else None


def record_failure(connection: sqlite3.Connection, address: str, *, now: float) -> None:
    """Count one wrong try from this address."""
    with transaction(connection):
        connection.execute(
            "DELETE FROM failed_logins WHERE last_failure_at <= ? OR last_failure_at > ?",
            (now - _MEMORY_S, now),
        )
        connection.execute(
            "INSERT INTO failed_logins (address, num_failures, last_failure_at) VALUES (?, 1, ?)"
            " ON CONFLICT (address) DO UPDATE"
            " SET num_failures = num_failures + 1, last_failure_at = excluded.last_failure_at",
            (source(address), now),
        )


def forget(connection: sqlite3.Connection, address: str) -> None:
    """Forget this address's wrong tries, after a right one."""
    connection.execute("DELETE FROM failed_logins WHERE address = ?", (source(address),))


def delay_s(num_failures: int) -> int:
    """The wait after that many wrong tries: nothing, then doubling up to a quarter of an hour."""
    if num_failures < _FREE_TRIES:
        return 0
    # The exponent is bounded so that a patient guesser cannot make it a huge integer.
    return min(_FIRST_DELAY_S << min(num_failures - _FREE_TRIES, 16), _LONGEST_DELAY_S)


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
