# SPDX-License-Identifier: Apache-2.0
"""What our own code costs: between llama.cpp's calls, between HTTP and engine, and in memory."""

import http.client
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil
from tests.benchmarks.bars import Bar, Outcome
from tests.benchmarks.servers import Box, Running

from atre.bench.report import Report
from atre.engine_plan import EnginePlan
from atre.errors import EngineUnavailableError
from atre.ipc.client import EngineClient
from atre.ipc.messages import ChatMessage, Finished, Generate
from atre.models.footprint import kv_cell_bytes
from atre.models.gguf_header import read_header

STREAMS = (1, 4, 8, 16)
_TURN_FIXED_S, _TURN_STREAM_S = 0.3e-3, 0.05e-3
_GATEWAY_REQUESTS = 200
_GATEWAY = Bar(
    "gateway: p50 of a whole 1-token request, over the engine's own time", 5.0, "≤", "ms"
)
_STEADY_REQUESTS = 2000
_ENGINE_MIB = Bar("engine: RSS minus model, KV cache and its copies in RAM", 150.0, "≤", "MiB")
_WEB_MIB = Bar("web process: RSS", 120.0, "≤", "MiB")
# Beyond this a process that served 2,000 more requests has grown, not just settled.
_GROWTH_MIB = Bar("growth of both over 2,000 requests", 8.0, "≤", "MiB")
_MIB = 2**20


def turn_outcomes(ours: Sequence[Report]) -> list[Outcome]:
    """Mean time of a turn outside the model by number of streams, from the engine's counters."""
    return [_turn_outcome(ours, num_streams) for num_streams in STREAMS]


def gateway_outcome(server: Running, box: Box) -> Outcome:
    """Requests for one token through HTTP and straight to the engine, in turn."""
    engine = EngineClient(box.runtime("engine.sock"))
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    http_s: list[float] = []
    engine_s: list[float] = []
    for number in range(_GATEWAY_REQUESTS):
        started_s = time.perf_counter()
        _ask_http(connection, server, f"a {number}")
        http_s.append(time.perf_counter() - started_s)
        engine_s.append(_ask_engine(engine, f"b {number}"))
    connection.close()
    added_ms = (median(http_s) - median(engine_s)) * 1000
    made_of = (
        f"{median(http_s) * 1000:.2f} ms by HTTP, {median(engine_s) * 1000:.2f} ms in the engine"
    )
    return Outcome(_GATEWAY, added_ms, made_of)


def memory_outcomes(server: Running, box: Box) -> list[Outcome]:
    """RSS of engine and web process before and after many short requests.

    The copies that hold KV cells in RAM, bounded by the plan, count as KV cache.
    """
    engine, web = _children(server)
    client = EngineClient(box.runtime("engine.sock"))
    fixed = _fixed_bytes(engine, box.plan)
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    before = [engine.memory_info().rss, web.memory_info().rss]
    for number in range(_STEADY_REQUESTS):
        _ask_http(connection, server, f"c {number}")
    connection.close()
    after = [engine.memory_info().rss, web.memory_info().rss]
    fixed += client.describe().snapshot_bytes
    growth = max(b - a for a, b in zip(before, after, strict=True)) / _MIB
    own, total, web_mib = ((each / _MIB) for each in (after[0] - fixed, after[0], after[1]))
    return [
        Outcome(_ENGINE_MIB, own, f"{total:.0f} MiB in all, {fixed / _MIB:.0f} MiB of them those"),
        Outcome(_WEB_MIB, web_mib, f"{before[1] / _MIB:.0f} MiB before"),
        Outcome(_GROWTH_MIB, growth, f"engine {before[0] / _MIB:.1f} → {after[0] / _MIB:.1f}, "
                f"web {before[1] / _MIB:.1f} → {after[1] / _MIB:.1f} MiB"),
    ]  # fmt: skip


def _turn_outcome(ours: Sequence[Report], num_streams: int) -> Outcome:
    turns = [
        turn
        for report in ours
        if any(
            (each.scenario, each.concurrency) == ("plain", num_streams) for each in report.results
        )
        for turn in report.turns
        if turn.num_streams == num_streams
    ]
    limit_ms = (_TURN_FIXED_S + _TURN_STREAM_S * num_streams) * 1000
    bar = Bar(f"turn outside the model, {num_streams} streams: mean", limit_ms, "≤", "ms")
    rounds = " ".join(f"{turn.outside_ms:.2f}" for turn in turns)
    total_ms = median(turn.total_ms for turn in turns)
    counted = sum(turn.count for turn in turns)
    made_of = f"rounds {rounds}; of {total_ms:.1f} ms a turn; {counted} turns"
    return Outcome(bar, median(turn.outside_ms for turn in turns), made_of)


def _ask_http(connection: http.client.HTTPConnection, server: Running, prompt: str) -> None:
    body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 1}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.keys[0]}"}
    connection.request(
        "POST", urlsplit(server.url).path + "/chat/completions", json.dumps(body), headers
    )
    with connection.getresponse() as reply:
        reply.read()
        if reply.status != http.client.OK:
            raise EngineUnavailableError(f"A request was answered with status {reply.status}.")


def _ask_engine(engine: EngineClient, prompt: str) -> float:
    request = Generate(
        messages=[ChatMessage(role="user", content=prompt)], max_tokens=1, user="direct"
    )
    with engine.generate(request) as generation:
        ends = [event for event in generation if isinstance(event, Finished)]
    return ends[-1].total_ms / 1000


def _children(server: Running) -> tuple[psutil.Process, psutil.Process]:
    """The engine, and the web process that holds the workers' memory."""
    everybody = psutil.Process(server.process.pid).children(recursive=True)

    def biggest(module: str) -> psutil.Process:
        found = [process for process in everybody if module in process.cmdline()]
        return max(found, key=lambda process: process.memory_info().rss)

    return biggest("atre.engine.process"), biggest("atre_web.cli")


def _fixed_bytes(engine: psutil.Process, plan: EnginePlan) -> int:
    """Bytes of the model file that are in memory, plus the KV cache."""
    mapped = [each.rss for each in engine.memory_maps() if each.path == plan.model_path]
    header = read_header(Path(plan.model_path))
    return sum(mapped) + plan.n_ctx * kv_cell_bytes(header, plan.kv_type)
