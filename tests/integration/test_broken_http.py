# SPDX-License-Identifier: Apache-2.0
"""Requests that are wrong below the JSON: methods, routes, framing, connections that break."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.running_box import RunningBox

CHAT = "/v1/chat/completions"
MORE_THAN_THREADS = 140
PROMPT_S = 5.0  # waiting for eight such clients in turn, two seconds each, takes longer


def answers(client: "Caller") -> bool:
    with client.completion(max_tokens=2) as answered:
        return answered.status == 200 and answered.json()["usage"]["completion_tokens"] <= 2


@pytest.mark.parametrize("path", ["/v1", "/v1/unknown", "/v1/chat", "/v1/../v1/x", "/v1/%00"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_api_route_is_not_found(client: "Caller", method: str, path: str) -> None:
    with client.get(path, method) as refused:
        assert refused.status == 404
        assert refused.error()["type"] == "invalid_request_error"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET"])
def test_a_wrong_method_is_refused(client: "Caller", method: str) -> None:
    with client.post(CHAT, {"messages": []}, method) as refused:
        assert refused.status == 405
        assert refused.error()["type"] == "invalid_request_error"
        assert "POST" in refused.response.headers["Allow"]
    assert answers(client)


def test_head_answers_like_get_without_a_body(client: "Caller") -> None:
    with client.get("/v1/models", "HEAD") as answered:
        answered.connection.settimeout(5)
        head = answered.connection.recv(65536)
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(b"\r\n\r\n")
    with client.get(CHAT, "HEAD") as refused:
        assert refused.connection.recv(65536).startswith(b"HTTP/1.1 405")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Length": "-5"}, id="negative length"),
        pytest.param({"Content-Length": "five"}, id="length in words"),
        pytest.param({"Content-Length": "9" * 400}, id="endless length"),
        pytest.param({"Content-Length": "5", "content-length": "6"}, id="two lengths"),
        pytest.param({"Content-Length": "5", "Transfer-Encoding": "chunked"}, id="both framings"),
        pytest.param({"Transfer-Encoding": "gzip, chunked, x"}, id="unknown coding"),
        pytest.param({"A": "a" * 20_000}, id="long header"),
        pytest.param({f"A{number}": "a" for number in range(200)}, id="many headers"),
    ],
)
def test_wrong_framing_is_refused(client: "Caller", headers: dict[str, str]) -> None:
    with client.connect() as refused:
        refused.send(client.head("POST", CHAT, **headers) + b"\r\n")
        assert 400 <= refused.status < 500 or refused.status == 501
    assert answers(client)


@pytest.mark.parametrize(
    "line", [b"", b"\0\xff\x16\x03", b"BONJOUR", b"GET", b"GET / HTTP/9.9", b"\r\n\r\n\r\n"]
)
def test_what_is_not_http_is_refused_or_hung_up_on(client: "Caller", line: bytes) -> None:
    with client.connect() as refused:
        refused.send(line + b"\r\n\r\n")
        reply = refused.connection.recv(65536)
    assert reply == b"" or reply.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert answers(client)


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-5\r\n", b"5\r\nabcdeXX"])
def test_garbage_between_chunks_is_refused(client: "Caller", chunk: bytes) -> None:
    head = client.head("POST", CHAT, **{"Transfer-Encoding": "chunked"})
    with client.connect() as refused:
        refused.send(head + b"\r\n" + chunk + b"\r\n0\r\n\r\n")
        assert 400 <= refused.status < 500
    assert answers(client)


def test_a_body_may_come_in_chunks(client: "Caller") -> None:
    head = client.head("POST", "/v1/completions", **{"Transfer-Encoding": "chunked"})
    with client.connect() as answered:
        for part in (head + b"\r\n", b'b\r\n{"prompt": \r\n', b'a\r\n"Bonjour"}\r\n', b"0\r\n\r\n"):
            answered.send(part)
        assert answered.status == 200


def test_a_connection_closed_within_the_body_harms_nobody(
    client: "Caller", box: "RunningBox"
) -> None:
    before = box.describe().requests_total
    for head in (
        client.head("POST", CHAT, **{"Content-Length": 1000}),
        client.head("POST", CHAT, **{"Transfer-Encoding": "chunked"}),
    ):
        with client.connect() as broken:
            broken.send(head + b'\r\n{"messages": [')
    with client.connect() as broken:
        broken.send(b"POST /v1/chat/compl")
    assert answers(client)
    assert box.describe().requests_total == before + 1


def test_requests_on_one_connection_are_answered_in_order(client: "Caller") -> None:
    health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with client.connect() as call:
        call.send(health * 3)
        seen = b""
        while seen.count(b'"ok"') < 3:
            data = call.connection.recv(65536)
            assert data
            seen += data
    assert seen.count(b"HTTP/1.1 200") == 3


def test_clients_that_keep_a_refused_connection_open_hold_up_nobody(client: "Caller") -> None:
    with ExitStack() as stack:
        for _ in range(8):
            lazy = stack.enter_context(client.connect())
            assert lazy.send(b"garbage\r\n\r\n").connection.recv(65536).startswith(b"HTTP/1.1 400")
        call = stack.enter_context(client.get("/healthz"))
        call.connection.settimeout(PROMPT_S)
        assert call.status == 200


def test_requests_that_never_end_hold_up_nobody_for_long(client: "Caller") -> None:
    with ExitStack() as stack:
        for _ in range(MORE_THAN_THREADS):
            stack.enter_context(client.connect()).send(b"GET / HTTP/1.1\r\nHo")
        assert answers(client)
