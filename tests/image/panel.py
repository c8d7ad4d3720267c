# SPDX-License-Identifier: Apache-2.0
"""The box in the emulated machine as a browser and a program see it: TLS 1.3, forms, the API."""

import json
import re
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlencode

from tests.image.machine import Machine

GUEST_ADDRESS = "10.0.2.15"  # what QEMU's own network gives its only machine
_PATIENCE_S = 180.0  # full emulation takes its time for a password's hash, and more for a token


@dataclass(frozen=True)
class Answer:
    """What came back; ``where`` is the address of a redirection."""

    status: int
    body: bytes
    where: str

    def json(self) -> Any:
        return json.loads(self.body)


class Panel:
    """One visitor; cookies are kept."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._cookies: dict[str, str] = {}
        # The box's own authority, fetched as a person does before it is trusted.
        authority = _plain(machine.http_port, "/ca.crt")
        self._tls = ssl.create_default_context(cadata=authority.decode())
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_3

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str]) -> Answer:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"https://{GUEST_ADDRESS}",
            "Accept": "text/html",
        }
        return self._ask("POST", path, urlencode(form).encode(), headers)

    def post_json(self, path: str, body: object) -> Answer:
        headers = {"Content-Type": "application/json", "Origin": f"https://{GUEST_ADDRESS}"}
        return self._ask("POST", path, json.dumps(body).encode(), headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = _Connection(self._machine.https_port, self._tls)
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {"Host": GUEST_ADDRESS, **({"Cookie": cookies} if cookies else {}), **headers}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    self._cookies[key] = rest.split(";")[0]
            return Answer(answer.status, answer.read(), answer.getheader("Location") or "")
        finally:
            connection.close()


class _Connection(HTTPSConnection):
    """To the port on our loopback, by the name that the box's certificate has."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(GUEST_ADDRESS, context=context, timeout=_PATIENCE_S)
        self._port = port
        self._tls = context

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self._port), _PATIENCE_S)
        self.sock = self._tls.wrap_socket(plain, server_hostname=GUEST_ADDRESS)


def _plain(port: int, path: str) -> bytes:
    """The body of the answer to GET without TLS. Raises AssertionError for another than 200."""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {GUEST_ADDRESS}\r\nConnection: close\r\n\r\n".encode()
        )
        whole = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    return body


def claim_code_on(screen: str) -> str:
    """The code that the box's screen shows. Raises AssertionError if there is none."""
    found = re.search(r"\b((?:[0-9A-Z]{4}-){3}[0-9A-Z])\b", screen)
    assert found, screen
    return found[1]
