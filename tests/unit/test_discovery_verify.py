# SPDX-License-Identifier: Apache-2.0
"""Verification against small servers on loopback, which ``discover`` itself would never try."""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from dataclasses import dataclass

import pytest

from atre.certificate import ensure_certificate
from atre.discovery.found import Found, Record
from atre.discovery.verify import VERIFY_S, verify_record

HERE = "127.0.0.1"
PATIENCE_S = 20.0
ENDLESS = b"x" * 1000


@dataclass(frozen=True)
class Certificate:
    context: ssl.SSLContext
    sha256: str


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    directory = tmp_path_factory.mktemp("tls")
    sha256 = ensure_certificate(
        directory, host_name="atre-7f3a.local", addresses=[HERE], now=dt.datetime.now(dt.UTC)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(directory / "leaf.crt", directory / "leaf.key")
    return Certificate(context=context, sha256=sha256)


def record(port: int, *, tls: bool) -> Record:
    return Record(
        name="Âtre",
        host="atre-7f3a.local.",
        addresses=(HERE,),
        port=port,
        txt={"tls": "1" if tls else "0", "auth": "1"},
    )


def verify(
    answer: bytes | None,
    context: ssl.SSLContext | None,
    seen: list[bytes],
    timeout_s: float = VERIFY_S,
) -> Found:
    """Verify a record against a server that answers ``answer`` to anything, or never answers."""
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with contextlib.suppress(OSError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            while answer == ENDLESS:
                writer.write(answer)
                await writer.drain()
                seen.append(answer)
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def run() -> Found:
        async with await asyncio.start_server(serve, HERE, 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            verifying = verify_record(
                record(port, tls=context is not None), (HERE,), timeout_s=timeout_s
            )
            entry = await asyncio.wait_for(verifying, PATIENCE_S)
            await asyncio.wait([task for task in served if task is not None])
            return entry

    return asyncio.run(run())


def test_a_box_asks_for_a_key(certificate: Certificate) -> None:
    seen: list[bytes] = []
    entry = verify(b"HTTP/1.1 401 Unauthorized\r\n\r\n", certificate.context, seen)
    assert entry.verified
    assert entry.reason == ""
    assert entry.certificate_sha256 == certificate.sha256
    assert seen == [
        b"GET /v1/models HTTP/1.1\r\nHost: atre-7f3a.local\r\nConnection: close\r\n\r\n"
    ]


def test_a_gateway_without_tls_has_no_certificate() -> None:
    entry = verify(b"HTTP/1.1 401 Unauthorized\r\n\r\n", None, [])
    assert entry.verified
    assert entry.certificate_sha256 is None


def test_an_open_gateway_is_not_what_it_says(certificate: Certificate) -> None:
    entry = verify(b"HTTP/1.1 200 OK\r\n\r\n{}", certificate.context, [])
    assert not entry.verified
    assert "answered 200 instead of 401" in entry.reason
    assert entry.certificate_sha256 == certificate.sha256


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n", b"HTTP/1.1\r\n", b"\r\n", ENDLESS]
)
def test_what_does_not_speak_http_is_rejected(answer: bytes) -> None:
    seen: list[bytes] = []
    entry = verify(answer, None, seen)
    assert not entry.verified
    assert "does not speak HTTP" in entry.reason
    # What the kernel's buffers hold was sent; what a patient reader would take was not.
    assert sum(map(len, seen)) < 5_000_000


def test_a_box_that_has_gone_is_rejected() -> None:
    with socket.socket() as held:
        held.bind((HERE, 0))  # bound, not listening
        port = held.getsockname()[1]
        entry = asyncio.run(verify_record(record(port, tls=True), (HERE,)))
    assert not entry.verified
    assert entry.reason == (
        f"127.0.0.1 port {port} cannot be reached (Connection refused). "
        "The box may be off or have moved."
    )


def test_no_address_to_try() -> None:
    entry = asyncio.run(verify_record(record(443, tls=True), ()))
    assert not entry.verified
    assert "no address on this LAN" in entry.reason


def test_a_silent_server_is_given_up() -> None:
    entry = verify(None, None, [], timeout_s=0.2)
    assert not entry.verified
    assert "did not answer within 0.2 s" in entry.reason
