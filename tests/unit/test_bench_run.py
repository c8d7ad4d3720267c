# SPDX-License-Identifier: Apache-2.0
"""``atre bench`` against a small server that speaks the OpenAI API in a few known ways."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from atre.cli import main

KEY = "the-key"
TEMPLATE_TOKENS = 5
SHORT = [
    "--rounds", "2", "--answer-tokens", "6", "--prompt-tokens", "20",
    "--long-prompt-tokens", "64", "--concurrency", "1,3", "--pause", "0",
]  # fmt: skip
HEAVY_TOKENS, LIGHT_TOKENS = 256, 32
LIGHT_REQUESTS = 7 * 6 * 2  # seven people, six each, without and beside the heavy one
PATIENCE_S = 60.0  # an upper bound for what takes a second
Answerer = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    """Every word is a token; an answer repeats the last words of its prompt."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        if self.path.endswith("/engine"):
            self.send_json(200, {"turns": self.server.turns.pop(0)})
        else:
            self.send_json(200, {"object": "list", "data": self.server.models})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.asked.append(body | {"key": key})
        if key not in self.server.keys:
            self.send_json(401, {"error": {"message": "This key is unknown."}})
        else:
            self.server.answerer(self, body)

    def send_json(self, status: int, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def send_event(self, event: object) -> None:
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # fifteen clients come at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = False
        self.leaving = threading.Event()
        self.models: list[dict[str, Any]] = [{"id": "tiny"}]
        self.turns: list[list[dict[str, Any]]] = [[], []]  # before the measurement, and after
        self.keys = {KEY}
        self.answerer: Answerer = whole_answer
        self.asked: list[dict[str, Any]] = []

    def handle_error(self, *_arguments: object) -> None:
        """A client that leaves in the middle of an answer is part of some scenarios."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def whole_answer(handler: Handler, body: dict[str, Any]) -> None:
    words = body["messages"][0]["content"].split()
    answer = (words * body["max_tokens"])[-body["max_tokens"] :]
    handler.start_stream()
    for word in answer:
        handler.send_event({"choices": [{"index": 0, "delta": {"content": f"{word} "}}]})
    usage = {"prompt_tokens": TEMPLATE_TOKENS + len(words), "completion_tokens": len(answer)}
    handler.send_event({"choices": [], "usage": usage})
    handler.wfile.write(b"data: [DONE]\n\n")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.leaving.set()
        made.shutdown()
        thread.join()


def bench(server: Server, *options: str, key: str = KEY) -> Result:
    return CliRunner().invoke(main, ["bench", "--url", server.url, "--key", key, *options])


def test_every_scenario_is_measured_and_sized_in_tokens(server: Server) -> None:
    result = bench(
        server, *SHORT, "--json", "--scenario", "plain,shared-prefix,long-prompt-arrives,rewrite"
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    measured = {(each["scenario"], each["concurrency"]): each for each in report["results"]}
    assert list(measured) == [
        ("plain", 1), ("plain", 3), ("shared-prefix", 8), ("long-prompt-arrives", 4),
        ("rewrite", 1),
    ]  # fmt: skip
    for each in measured.values():
        assert len(each["rounds"]) == 2
        assert each["median"]["tokens_per_s"] > 0
        assert each["median"]["events_per_token"] == 1.0
    assert measured["plain", 3]["median"]["num_answers"] == 3
    assert measured["plain", 3]["median"]["prompt_tokens"] == pytest.approx(20, abs=1)
    assert measured["shared-prefix", 8]["median"]["prompt_tokens"] == pytest.approx(84, abs=2)
    assert measured["rewrite", 1]["median"]["extra"]["quoted"] > 0.9
    assert report["model"] == "tiny"
    assert report["step_bytes"] is report["bandwidth_bytes_per_s"] is None


def test_prompts_are_distinct_but_for_the_shared_prefix(server: Server) -> None:
    bench(server, *SHORT, "--scenario", "plain,shared-prefix", "--rounds", "1")
    prompts = [body["messages"][0]["content"] for body in server.asked]
    assert len(set(prompts)) == len(prompts)
    beginnings = [prompt.split()[:50] for prompt in prompts[-8:]]
    assert all(beginning == beginnings[0] for beginning in beginnings)


def test_the_table_and_the_plot_show_what_was_measured(server: Server, tmp_path: Path) -> None:
    picture = tmp_path / "plot.svg"
    result = bench(server, *SHORT, "--scenario", "plain", "--plot", str(picture))
    assert result.exit_code == 0, result.output
    assert result.stdout.count("plain") == 2
    drawn = ET.fromstring(picture.read_text("utf-8"))  # noqa: S314 -- our own
    assert drawn.tag.endswith("svg")


def test_what_the_engine_counts_of_its_turns_is_reported(server: Server) -> None:
    def turn(streams: int, count: int, outside_s: float) -> dict[str, Any]:
        return {"num_streams": streams, "count": count, "total_s": 1.0, "outside_s": outside_s}

    server.turns = [[turn(3, 100, 0.1)], [turn(2, 5, 0.1), turn(3, 300, 0.2)]]
    result = bench(server, *SHORT, "--scenario", "plain")
    assert "A turn of 3 streams" in result.stdout
    assert "0.50 ms of them outside the model (200 turns)" in " ".join(result.stdout.split())
    assert "A turn of 2 streams" not in result.stdout


def test_a_heavy_user_has_a_key_of_their_own(server: Server) -> None:
    def patient(handler: Handler, body: dict[str, Any]) -> None:
        if body["max_tokens"] == HEAVY_TOKENS:
            server.leaving.wait(PATIENCE_S)
        whole_answer(handler, body)

    server.answerer = patient
    people = [f"person-{number}" for number in range(8)]
    server.keys = set(people)
    options = [option for person in people for option in ("--key", person)]
    arguments = ["bench", "--url", server.url, "--json", *options, *SHORT, "--rounds", "1"]
    arguments += ["--scenario", "one-heavy-seven-light"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["notes"] == []
    assert report["results"][0]["median"]["extra"]["ttft_ratio"] > 0
    assert {body["key"] for body in server.asked if body["max_tokens"] == HEAVY_TOKENS} == {
        people[0]
    }
    light = [body["key"] for body in server.asked if body["max_tokens"] == LIGHT_TOKENS]
    assert len(light) == LIGHT_REQUESTS
    assert set(light) == set(people[1:])


def test_end_tokens_are_forbidden(server: Server) -> None:
    bench(server, *SHORT, "--scenario", "plain", "--end-token", "2", "--end-token", "7")
    for body in server.asked:
        assert body["logit_bias"] == {"2": -100, "7": -100}
        assert body["ignore_eos"] is True


def test_a_server_that_knows_no_ignore_eos_is_asked_without(server: Server) -> None:
    def strict(handler: Handler, body: dict[str, Any]) -> None:
        if "ignore_eos" in body:
            handler.send_json(400, {"error": {"message": "Unknown field ignore_eos."}})
        else:
            whole_answer(handler, body)

    server.answerer = strict
    assert bench(server, *SHORT, "--scenario", "plain").exit_code == 0
    assert sum("ignore_eos" in body for body in server.asked) == 1


def test_answers_that_end_early_are_noted(server: Server) -> None:
    def brief(handler: Handler, body: dict[str, Any]) -> None:
        whole_answer(handler, body | {"max_tokens": min(3, body["max_tokens"])})

    server.answerer = brief
    report = json.loads(bench(server, *SHORT, "--scenario", "plain", "--json").stdout)
    assert "--end-token" in report["notes"][0]
    assert report["results"][1]["median"]["ended_early"] == 3


def test_a_wrong_key_is_named(server: Server) -> None:
    result = bench(server, *SHORT, key="wrong")
    assert result.exit_code == 1
    assert "This key is unknown. Give a key that it accepts with --key." in result.stderr
    assert result.stdout == ""


def test_a_server_that_does_not_stream_is_named(server: Server) -> None:
    server.answerer = lambda handler, _body: handler.send_json(200, {"choices": []})
    result = bench(server, *SHORT)
    assert result.exit_code == 1
    assert "does not stream" in result.stderr


def test_an_error_in_the_middle_ends_the_measurement(server: Server) -> None:
    def fails_when_busy(handler: Handler, body: dict[str, Any]) -> None:
        if body["max_tokens"] == 1:
            whole_answer(handler, body)
        else:
            handler.start_stream()
            handler.send_event({"error": {"message": "The engine was lost."}})

    server.answerer = fails_when_busy
    for scenario in ("plain", "long-prompt-arrives", "one-heavy-seven-light", "rewrite"):
        result = bench(server, *SHORT, "--scenario", scenario)
        assert result.exit_code == 1
        assert "The engine was lost." in result.stderr


def test_a_server_without_a_model_is_named(server: Server) -> None:
    server.models = []
    result = bench(server, *SHORT)
    assert result.exit_code == 1
    assert "offers no model" in result.stderr


def test_nobody_at_the_address_is_named() -> None:
    with Server() as closed:
        url = closed.url
    result = CliRunner().invoke(main, ["bench", "--url", url])
    assert result.exit_code == 1
    assert "No server answers at" in result.stderr
    assert "--url" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--concurrency", "1,x", "whole numbers"),
        ("--concurrency", "0", "whole numbers"),
        ("--concurrency", "", "whole numbers"),
        ("--scenario", "plain,fast", "'fast' is none of plain"),
        ("--rounds", "0", "--rounds"),
        ("--text", "/does/not/exist", "--text"),
    ],
)
def test_wrong_options_are_named(option: str, value: str, said: str) -> None:
    result = CliRunner().invoke(main, ["bench", option, value])
    assert result.exit_code == 2
    assert said in result.stderr
