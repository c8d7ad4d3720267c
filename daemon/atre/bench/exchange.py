# SPDX-License-Identifier: Apache-2.0
"""One HTTP request on a connection of its own, recorded with the moment of every piece.

Nothing is read or decoded while a measurement runs: the client shares the processor with the
server that it measures.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from atre.bench.endpoint import Endpoint
from atre.errors import BenchmarkError

_CONNECT_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 900.0  # a long prompt on a slow box takes minutes; a stuck server never ends


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a server sent for one request. Moments are in seconds of one monotonic clock."""

    sent_s: float
    pieces: list[tuple[float, bytes]]


class _Recorder(asyncio.Protocol):
    def __init__(self, on_piece: Callable[[], None] | None) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_piece = on_piece

    def data_received(self, data: bytes) -> None:
        self.pieces.append((time.perf_counter(), data))
        if self._on_piece:
            self._on_piece()

    def connection_lost(self, error: Exception | None) -> None:
        del error  # a connection that broke shows as an answer without its end
        if not self.ended.done():
            self.ended.set_result(None)


async def exchange(
    endpoint: Endpoint,
    route: str,
    *,
    key: str | None = None,
    body: bytes | None = None,
    on_piece: Callable[[], None] | None = None,
) -> Exchange:
    """Send one request (POST if it has a body) and wait until the server closes the connection.

    The clock starts when the request is written, with the connection open. Raises BenchmarkError
    if nobody answers.
    """
    transport, recorder = await _connect(endpoint, on_piece)
    try:
        sent_s = time.perf_counter()
        transport.write(_request(endpoint, route, key, body))
        await asyncio.wait_for(recorder.ended, _ANSWER_TIMEOUT_S)
    except TimeoutError as error:
        raise BenchmarkError(
            f"{endpoint.url} did not finish an answer within {_ANSWER_TIMEOUT_S:.0f} s. See its "
            "log, or ask for less with --answer-tokens."
        ) from error
    finally:
        transport.abort()
    return Exchange(sent_s, recorder.pieces)


async def _connect(
    endpoint: Endpoint, on_piece: Callable[[], None] | None
) -> tuple[asyncio.Transport, _Recorder]:
    connecting = asyncio.get_running_loop().create_connection(
        lambda: _Recorder(on_piece),
        endpoint.host,
        endpoint.port,
        ssl=endpoint.tls,
        server_hostname=endpoint.host if endpoint.tls else None,
    )
    try:
        return await asyncio.wait_for(connecting, _CONNECT_TIMEOUT_S)
    except ssl.SSLCertVerificationError as error:
        raise BenchmarkError(
            f"The certificate of {endpoint.url} is not trusted ({error.verify_message}). Give its "
            "authority with --ca; a box offers its own as ca.crt on the status page."
        ) from error
    except (OSError, TimeoutError) as error:
        raise BenchmarkError(
            f"No server answers at {endpoint.url} ({error or 'no answer in time'}). Start it, or "
            "name another with --url."
        ) from error


def _request(endpoint: Endpoint, route: str, key: str | None, body: bytes | None) -> bytes:
    lines = [
        f"{'GET' if body is None else 'POST'} {endpoint.path}{route} HTTP/1.1",
        f"Host: {endpoint.authority}",
        "Connection: close",
        "Accept: application/json, text/event-stream",
    ]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")
