# SPDX-License-Identifier: Apache-2.0
"""An HTTP client that can misbehave: the tests see its socket and may close it at any moment."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from types import TracebackType
from typing import Any, Self

# An upper bound for one answer; a busy machine is several times slower than an idle one.
TIMEOUT_S = 60.0

Event = dict[str, Any]


class Call:
    """One connection with at most one request on it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(TIMEOUT_S)
        self._response: HTTPResponse | None = None

    def send(self, data: bytes) -> Self:
        self.connection.sendall(data)
        return self

    @property
    def response(self) -> HTTPResponse:
        """Status and headers, waited for; the body is not read yet."""
        if self._response is None:
            self._response = HTTPResponse(self.connection)
            self._response.begin()
        return self._response

    @property
    def status(self) -> int:
        return self.response.status

    def body(self) -> bytes:
        return self.response.read()

    def json(self) -> Any:
        return json.loads(self.body())

    def error(self) -> Event:
        """The error object of an answer, whose shape is checked."""
        error: Event = self.json()["error"]
        assert set(error) >= {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str)
        assert error["message"]
        return error

    def events(self) -> Iterator[Event | str]:
        """Server-sent events as they come: objects, comments as ``: …``, the end as ``[DONE]``."""
        while line := self.response.readline():
            text = line.decode().rstrip("\n")
            if text.startswith("data: {"):
                yield json.loads(text.removeprefix("data: "))
            elif text:
                yield text.removeprefix("data: ")

    def close(self) -> None:
        """Go away, whatever was still to come."""
        if self._response is not None:
            self._response.close()
        with contextlib.suppress(OSError):  # the other side was faster
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


class Caller:
    """Somebody who talks to a box, with a key."""

    def __init__(self, connect: Callable[[], socket.socket], key: str | None) -> None:
        self._connect = connect
        self.key = key

    def connect(self) -> Call:
        return Call(self._connect())

    def get(self, path: str, method: str = "GET") -> Call:
        return self.connect().send(self.head(method, path) + b"\r\n")

    def post(self, path: str, body: Any, method: str = "POST") -> Call:
        """Send ``body``, as JSON unless it is bytes already."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.connect().send(
            self.head(method, path, **{"Content-Length": len(data)}) + b"\r\n" + data
        )

    def head(self, method: str, path: str, **headers: object) -> bytes:
        """Request line and headers, without the empty line that ends them."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        if self.key is not None:
            lines.append(f"Authorization: Bearer {self.key}")
        if method == "POST":
            lines.append("Content-Type: application/json")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n"

    def chat(self, content: str = "Bonjour", **fields: Any) -> Call:
        body = {"messages": [{"role": "user", "content": content}]} | fields
        return self.post("/v1/chat/completions", body)

    def completion(self, prompt: object = "Bonjour", **fields: Any) -> Call:
        return self.post("/v1/completions", {"prompt": prompt} | fields)
