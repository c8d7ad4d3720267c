# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib
import hashlib
import os
import ssl

from atre.discovery.found import Found, Record, flag, found, safe
from atre.sentence import NOTHING, Sentence

VERIFY_S = 3.0  # per address: a box on the LAN answers in milliseconds, a busy one in a second
_MAX_ADDRESSES = 4
_MAX_HEADER_BYTES = 4096  # the status line is all that is read
_NO_ADDRESS = Sentence(
    "It gives no address on this LAN, so it was not tried.",
    "Il ne donne aucune adresse sur ce réseau, et n’a donc pas été essayé.",
)


async def verify_record(
    record: Record, addresses: tuple[str, ...], *, timeout_s: float = VERIFY_S
) -> Found:
    """Try the ``addresses`` of a record: a box answers 401 to ``GET /v1/models`` without a key.

    A goodbye is lost when power is: records stay for up to 75 minutes after a box has gone
    (RFC 6762 §10), so an entry counts only once something has answered.
    """
    if not addresses:
        return found(record, verified=False, reason=_NO_ADDRESS)
    reasons = []
    for address in addresses[:_MAX_ADDRESSES]:
        try:
            async with asyncio.timeout(timeout_s):
                status, fingerprint = await _get_models(record, address)
        except TimeoutError:
            reasons.append(
                Sentence(
                    f"{address} port {record.port} did not answer within {timeout_s:g} s.",
                    f"{address}, port {record.port}, n’a pas répondu en {timeout_s:g} s.",
                )
            )
        except (OSError, ValueError) as error:
            reasons.append(
                Sentence(
                    f"{address} port {record.port} cannot be reached ({_why(error)}).",
                    f"{address}, port {record.port}, est injoignable ({_why(error)}).",
                )
            )
        else:
            return _weigh(record, status, fingerprint)
    reason = Sentence(
        f"{reasons[0].text} The box may be off or have moved.",
        f"{reasons[0].text_fr} Le boîtier est peut-être éteint, ou a déménagé.",
    )
    return found(record, verified=False, reason=reason)


def _weigh(record: Record, status: int, fingerprint: str | None) -> Found:
    expected = 401
    reason = NOTHING
    if status != expected:
        reason = Sentence(
            f"It answered {status} instead of {expected} to /v1/models without a key.",
            f"Il a répondu {status} au lieu de {expected} à /v1/models sans clé.",
        )
    return found(record, verified=reason == NOTHING, reason=reason, certificate_sha256=fingerprint)


async def _get_models(record: Record, address: str) -> tuple[int, str | None]:
    """Status of ``GET /v1/models`` and SHA-256 of the certificate. Raises OSError, ValueError."""
    tls = flag(record.txt, "tls")
    reader, writer = await asyncio.open_connection(
        address,
        record.port,
        ssl=_context() if tls else None,
        server_hostname=record.host.removesuffix(".") if tls else None,
        limit=_MAX_HEADER_BYTES,
    )
    try:
        host = safe(record.host.removesuffix("."))
        request = f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii"))
        await writer.drain()
        status = await _read_status(reader)
        return status, _fingerprint(writer)
    finally:
        # Whatever it would still send is of no interest.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _context() -> ssl.SSLContext:
    # The certificate is reported, not trusted: whoever connects decides by its fingerprint.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(writer: asyncio.StreamWriter) -> str | None:
    channel = writer.get_extra_info("ssl_object")
    if channel is None:
        return None
    certificate = channel.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else None


async def _read_status(reader: asyncio.StreamReader) -> int:
    """The status in the first line. Raises ValueError on anything but a line of HTTP."""
    try:
        version, status = (await reader.readline()).split(b" ")[:2]
    except ValueError:  # no end of line within the limit, or no space in it
        version, status = b"", b""
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise ValueError("what answered does not speak HTTP")
    return int(status)


def _why(error: Exception) -> str:
    # asyncio's own text repeats the address; a TLS error's number is no errno.
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return safe(str(error)) or type(error).__name__
