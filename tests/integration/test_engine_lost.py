# SPDX-License-Identifier: Apache-2.0
"""The engine is killed while people are being answered: they are told, and it comes back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.conftest import BoxStarter, CallerMaker
    from tests.integration.running_box import RunningBox

BACK_WITHIN_S = 10.0
TIMEOUT_S = 60.0
NUM_STREAMS = 4


def test_streams_are_told_and_the_next_request_is_answered(
    start_box: "BoxStarter",
    make_caller: "CallerMaker",
    no_end: dict[str, int],
) -> None:
    box = start_box()
    caller = make_caller(box, box.key)
    everybody_reads = threading.Barrier(NUM_STREAMS + 1, timeout=TIMEOUT_S)

    def read_to_the_end() -> list[Any]:
        with caller.completion(max_tokens=1000, stream=True, logit_bias=no_end) as call:
            events = call.events()
            seen = [next(events) for _ in range(5)]
            everybody_reads.wait()
            return seen + list(events)

    with ThreadPoolExecutor(NUM_STREAMS) as pool:
        streams = [pool.submit(read_to_the_end) for _ in range(NUM_STREAMS)]
        everybody_reads.wait()
        killed_s = time.monotonic()
        box.child("atre.engine.process").kill()
        wait_for_an_answer(box, caller, killed_s + BACK_WITHIN_S)
        for stream in streams:
            *_, last = stream.result(TIMEOUT_S)
            assert last["error"]["type"] == "server_error"
            assert last["error"]["code"] == "engine_unavailable"
            assert "again" in last["error"]["message"]


def wait_for_an_answer(box: "RunningBox", caller: "Caller", deadline_s: float) -> None:
    """Ask until the engine is back; the panel answers all the time."""
    while True:
        for path in ("/healthz", "/v1/models", "/"):
            with caller.get(path) as answered:
                assert answered.status == 200
        with caller.completion(max_tokens=1) as asked:
            if asked.status == 200:
                return
            assert asked.status == 503
            assert int(asked.response.headers["Retry-After"]) <= BACK_WITHIN_S
            assert asked.error()["code"] == "engine_unavailable"
        assert time.monotonic() < deadline_s, box.log()


def test_whole_answers_are_refused_honestly(
    start_box: "BoxStarter", make_caller: "CallerMaker", one_slot: list[str]
) -> None:
    box = start_box(*one_slot)
    caller = make_caller(box, box.key)
    with caller.completion(max_tokens=6000) as running, caller.completion() as waiting:
        box.wait_for(lambda engine: engine.num_running + engine.num_waiting == 2)
        box.child("atre.engine.process").kill()
        for call in (running, waiting):
            assert call.status == 503
            assert call.error()["code"] == "engine_unavailable"
