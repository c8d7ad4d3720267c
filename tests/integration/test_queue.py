# SPDX-License-Identifier: Apache-2.0
"""Waiting for one's turn: what a client hears meanwhile, and when it is sent away."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.caller import Call, Caller
    from tests.integration.running_box import RunningBox

LONG_ANSWER = 6000
LONG_PROMPT_TOKENS = 2000


@pytest.fixture
def first(
    slow_client: "Caller", slow_box: "RunningBox", no_end: dict[str, int]
) -> "Iterator[Call]":
    """Somebody whose long answer takes the only slot."""
    with slow_client.completion(max_tokens=LONG_ANSWER, stream=True, logit_bias=no_end) as call:
        slow_box.wait_for(lambda engine: engine.num_running == 1)
        yield call
    slow_box.wait_for(lambda engine: engine.num_running + engine.num_waiting == 0)


def new_prompt(first: int) -> list[int]:
    """A long prompt whose beginning no other test has made the box read."""
    return [first] + [5] * (LONG_PROMPT_TOKENS - 1)


def objects(call: "Call") -> list[dict[str, Any]]:
    return [event for event in call.events() if isinstance(event, dict)]


def test_headers_come_before_ones_turn(
    slow_client: "Caller", slow_box: "RunningBox", first: "Call"
) -> None:
    with slow_client.chat(stream=True, max_tokens=2, return_progress=True) as second:
        assert second.status == 200
        assert second.response.headers["Content-Type"].startswith("text/event-stream")
        assert second.response.headers["Cache-Control"] == "no-store"
        events = second.events()
        opening = next(events)
        assert isinstance(opening, dict)
        assert opening["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        queued = next(events)
        assert isinstance(queued, dict)
        assert queued["queue"] == {"position": 1}
        assert slow_box.describe().num_waiting == 1
        first.close()
        last = list(events)[-1]
    assert last == "[DONE]"


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_queue_sends_away_with_a_time_to_come_back(
    slow_client: "Caller", slow_box: "RunningBox", first: "Call", *, stream: bool
) -> None:
    with slow_client.chat(stream=True, max_tokens=2) as second:
        assert second.status == 200
        with slow_client.chat(stream=stream) as third:
            assert third.status == 429
            retry_after = third.response.headers["Retry-After"]
            error = third.error()
        assert 1 <= int(retry_after) <= 120
        assert error["type"] == "rate_limit_error"
        assert f" {retry_after} seconds" in error["message"]
        engine = slow_box.describe()
        assert (engine.num_running, engine.num_waiting) == (1, 1)
        first.close()
        assert list(second.events())[-1] == "[DONE]"


@pytest.mark.usefixtures("first")
def test_choices_that_do_not_all_fit_leave_nothing_behind(
    slow_client: "Caller", slow_box: "RunningBox"
) -> None:
    with slow_client.chat(n=2) as refused:
        assert refused.status == 429
    slow_box.wait_for(lambda engine: engine.num_waiting == 0)


def test_reading_is_reported_to_who_asks(slow_client: "Caller") -> None:
    fields = {"max_tokens": 2, "stream": True, "return_progress": True}
    with slow_client.completion(new_prompt(101), **fields) as call:
        events = objects(call)
    progress = [event["prompt_progress"] for event in events if "prompt_progress" in event]
    assert all(set(each) == {"total", "cache", "processed", "time_ms"} for each in progress)
    assert {(each["total"], each["cache"]) for each in progress} == {(LONG_PROMPT_TOKENS, 0)}
    processed = [each["processed"] for each in progress]
    assert len(processed) > 10
    assert processed == sorted(set(processed))
    assert processed[-1] == LONG_PROMPT_TOKENS
    times = [each["time_ms"] for each in progress]
    assert times == sorted(times)
    kinds = ["prompt_progress" in event for event in events if "queue" not in event]
    assert kinds == sorted(kinds, reverse=True)


def test_what_was_read_for_somebody_is_not_read_again_for_him(slow_client: "Caller") -> None:
    def ask() -> tuple[int, list[int]]:
        fields = {"max_tokens": 1, "stream": True, "return_progress": True}
        options = {"stream_options": {"include_usage": True}}
        with slow_client.completion(new_prompt(103), **fields, **options) as call:
            events = objects(call)
        usage = events[-1]["usage"]
        caches = [
            event["prompt_progress"]["cache"] for event in events if "prompt_progress" in event
        ]
        return usage["prompt_tokens_details"]["cached_tokens"], caches

    cached, progress = ask()
    assert cached == 0
    assert set(progress) == {0}
    cached, progress = ask()
    assert LONG_PROMPT_TOKENS // 2 < cached < LONG_PROMPT_TOKENS
    assert set(progress) == {cached}


def test_nothing_is_reported_to_who_does_not_ask(slow_client: "Caller") -> None:
    with slow_client.completion(new_prompt(102), max_tokens=2, stream=True) as call:
        events = objects(call)
    assert events
    assert not [event for event in events if "prompt_progress" in event or "queue" in event]
    assert all(len(event["choices"]) == 1 for event in events)
