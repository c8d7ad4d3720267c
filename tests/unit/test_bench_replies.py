# SPDX-License-Identifier: Apache-2.0
import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from atre.bench.answer import read_answer
from atre.bench.endpoint import parse_endpoint
from atre.bench.exchange import Exchange
from atre.bench.reply import read_reply
from atre.errors import BenchmarkError, ServerRefusedError

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 2,
    "prompt_tokens_details": {"cached_tokens": 3},
}


def event(content: str | None = None, **extra: object) -> bytes:
    choices = [] if content is None else [{"index": 0, "delta": {"content": content}}]
    return b"data: " + json.dumps({"choices": choices, **extra}).encode() + b"\n\n"


def chunked(*bodies: bytes) -> bytes:
    head = STREAM + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(b), b) for b in bodies) + b"0\r\n\r\n"


def at_once(data: bytes) -> Exchange:
    return Exchange(0.0, [(1.0, data)])


WHOLE = [event(""), event("Bon"), event("jour é"), event(usage=USAGE), b"data: [DONE]\n\n"]


def test_an_answer_has_the_moment_of_every_piece_of_text() -> None:
    frames = [b"%x\r\n%s\r\n" % (len(body), body) for body in WHOLE]
    head = STREAM + b"Transfer-Encoding: chunked\r\n\r\n"
    pieces = [(float(n), data) for n, data in enumerate([head, *frames, b"0\r\n\r\n"])]
    answer = read_answer(Exchange(0.5, pieces))
    assert answer.text == "Bonjour é"
    assert answer.text_s == [2.0, 3.0]
    assert answer.ttft_s == 1.5
    assert answer.gaps_s == [1.0]
    assert (answer.num_prompt, answer.num_cached, answer.num_completion) == (7, 3, 2)


@pytest.mark.parametrize("seed", range(20))
def test_where_the_network_cuts_the_bytes_changes_nothing(seed: int) -> None:
    data = chunked(b": a comment\n\n", *WHOLE)
    rng = random.Random(seed)
    cuts = sorted(rng.sample(range(1, len(data)), 30))
    places = pairwise([0, *cuts, len(data)])
    pieces = [(float(end), data[start:end]) for start, end in places]
    answer = read_answer(Exchange(0.0, pieces))
    assert answer.text == "Bonjour é"
    assert len(answer.text_s) == 2
    end_of_first = data.index(b"\r\n", data.index(b"Bon")) + len(b"\r\n")
    assert answer.text_s[0] == next(end for end, _ in pieces if end >= end_of_first)


def test_a_body_without_chunks_and_reasoning_are_read_too() -> None:
    reasoning = {"choices": [{"delta": {"content": None, "reasoning_content": "hm"}}]}
    body = b"data: " + json.dumps(reasoning).encode() + b"\r\n\r\n"
    answer = read_answer(at_once(STREAM + b"\r\n" + body + event(usage=USAGE) + b"data:[DONE]\n\n"))
    assert answer.text == "hm"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}", "does not stream"),
        (chunked(event("a"), event(usage=USAGE)), "broke off"),
        (chunked(event("a"))[:-20], "broke off"),
        (chunked(event("a"), b"data: [DONE]\n\n"), "does not report usage"),
        (chunked(event(usage=USAGE), b"data: [DONE]\n\n"), "without text"),
        (chunked(b'data: {"error": {"message": "out of cells"}}\n\n'), "out of cells"),
        (chunked(b"data: {nonsense\n\n"), "no JSON"),
        (STREAM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", "broken chunk"),
    ],
)
def test_what_cannot_be_measured_is_named(data: bytes, said: str) -> None:
    pieces = at_once(data) if data else Exchange(0.0, [])
    with pytest.raises(BenchmarkError, match=said):
        read_answer(pieces)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        ("401 Unauthorized", b'{"error": {"message": "No such key."}}', "No such key.*--key"),
        ("429 Too Many Requests", b'{"error": "slow down"}', "429: slow down"),
        ("502 Bad Gateway", b"<html>nginx</html>", "502: <html>nginx"),
        ("500 Oops", b"", "no reason given"),
    ],
)
def test_a_refusal_is_passed_on_with_its_status(status: str, body: bytes, said: str) -> None:
    with pytest.raises(ServerRefusedError, match=said) as caught:
        read_reply(at_once(b"HTTP/1.1 " + status.encode() + b"\r\n\r\n" + body))
    assert caught.value.status == int(status[:3])


@pytest.mark.parametrize(
    ("url", "path", "authority"),
    [
        ("http://127.0.0.1:8765", "/v1", "127.0.0.1:8765"),
        ("http://localhost:8765/v1/", "/v1", "localhost:8765"),
        ("http://[::1]/openai/v1", "/openai/v1", "[::1]:80"),
        ("https://example.org", "/v1", "example.org:443"),
    ],
)
def test_an_url_gives_host_port_and_path(url: str, path: str, authority: str) -> None:
    endpoint = parse_endpoint(url)
    assert (endpoint.path, endpoint.authority) == (path, authority)
    assert (endpoint.tls is not None) == url.startswith("https")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8765", "ftp://x/", "http://", "http://x:99999/"])
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(BenchmarkError, match="such as http://"):
        parse_endpoint(url)


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("nothing")
    with pytest.raises(BenchmarkError, match=r"ca\.crt"):
        parse_endpoint("https://127.0.0.1", ca=file)


def test_only_loopback_is_this_machine() -> None:
    assert parse_endpoint("http://127.0.0.1:1").is_this_machine
    assert not parse_endpoint("http://192.0.2.1:1").is_this_machine
