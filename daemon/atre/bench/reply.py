# SPDX-License-Identifier: Apache-2.0
"""Reads recorded HTTP/1.1 answers (RFC 9112), keeping the moment of every piece of body."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from atre.bench.exchange import Exchange
from atre.errors import BenchmarkError, ServerRefusedError

_OK = 200
_NO_KEY = (401, 403)
_SHOWN_CHARACTERS = 300

Piece = tuple[float, bytes]


@dataclass(frozen=True, slots=True)
class Reply:
    """The status, the headers with lower-case names, and the body in pieces with their moments."""

    status: int
    headers: dict[str, str]
    pieces: list[Piece]

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)


def read_reply(exchange: Exchange) -> Reply:
    """The answer of an exchange. Raises BenchmarkError if it is no HTTP, or a refusal."""
    head, pieces = _split(exchange.pieces)
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/") or not rest[:3].isdigit():
        raise BenchmarkError("The server does not speak HTTP/1.1. Check the port in --url.")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    if "chunked" in headers.get("transfer-encoding", "").lower():
        pieces = list(_dechunked(pieces))
    reply = Reply(int(rest[:3]), headers, pieces)
    if reply.status != _OK:
        raise _refusal(reply)
    return reply


def _refusal(reply: Reply) -> ServerRefusedError:
    said = error_message(reply.body)
    advice = ""
    if reply.status in _NO_KEY:
        advice = " Give a key that it accepts with --key."
    return ServerRefusedError(
        f"The server refuses the request with status {reply.status}: {said}{advice}",
        status=reply.status,
    )


def error_message(body: bytes) -> str:
    """What an error body says, in OpenAI's shape or any other."""
    try:
        error = msgspec.json.decode(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip() or "no reason given"


def _split(pieces: Sequence[Piece]) -> tuple[bytes, list[Piece]]:
    received = b""
    for index, (moment_s, data) in enumerate(pieces):
        received += data
        head, found, rest = received.partition(b"\r\n\r\n")
        if found:
            return head, [(moment_s, rest), *pieces[index + 1 :]]
    raise BenchmarkError("The server closed the connection without an answer. See its log.")


def _dechunked(pieces: Sequence[Piece]) -> Iterator[Piece]:
    rest = b""
    for moment_s, data in pieces:
        body, rest = _whole_chunks(rest + data)
        yield moment_s, body


def _whole_chunks(data: bytes) -> tuple[bytes, bytes]:
    """The content of the chunks that are complete, and what is left."""
    bodies: list[bytes] = []
    while True:
        line, found, rest = data.partition(b"\r\n")
        if not found:
            return b"".join(bodies), data
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise BenchmarkError(f"The server sent a broken chunk: {line[:40]!r}.") from error
        if len(rest) < size + 2:
            return b"".join(bodies), data
        if size == 0:
            return b"".join(bodies), b""
        bodies.append(rest[:size])
        data = rest[size + 2 :]
