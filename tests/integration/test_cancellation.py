# SPDX-License-Identifier: Apache-2.0
"""A client that goes away is noticed and its generation ends, wherever it was."""

from typing import TYPE_CHECKING

import pytest

from atre.ipc.messages import EngineDescription

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.running_box import RunningBox

NOTICED_S = 2.0  # what the API promises
LONG_ANSWER = 6000
LONG_PROMPT_TOKENS = 8000


@pytest.fixture(scope="module", params=["http", pytest.param("tls", marks=pytest.mark.namespaces)])
def reached(request: pytest.FixtureRequest) -> "tuple[RunningBox, Caller]":
    """A slow box and somebody who reaches it in clear on its machine, or in TLS from another."""
    names = {"http": ("slow_box", "slow_client"), "tls": ("lan_box", "lan_client")}[request.param]
    box, client = (request.getfixturevalue(name) for name in names)
    return box, client


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def is_empty(engine: EngineDescription) -> bool:
    return engine.num_running == engine.num_waiting == engine.kv_cells_used == 0


def test_in_the_queue(
    reached: "tuple[RunningBox, Caller]", no_end: dict[str, int], *, stream: bool
) -> None:
    box, client = reached
    with client.completion(max_tokens=LONG_ANSWER, stream=True, logit_bias=no_end) as first:
        box.wait_for(lambda engine: engine.num_running == 1)
        second = client.chat(stream=stream)
        if stream:
            assert second.status == 200
        box.wait_for(lambda engine: engine.num_waiting == 1)
        second.close()
        box.wait_for(lambda engine: engine.num_waiting == 0, NOTICED_S)
        assert box.describe().num_running == 1
        events = first.events()
        for _ in range(5):
            assert "error" not in next(events)
    box.wait_for(is_empty, NOTICED_S)


def test_while_the_prompt_is_read(reached: "tuple[RunningBox, Caller]", *, stream: bool) -> None:
    box, client = reached
    before = box.describe()
    # Each begins with another token: what one has read must not help the next.
    prompt = [110 + int(stream)] + [5] * (LONG_PROMPT_TOKENS - 1)
    call = client.completion(prompt, max_tokens=100, stream=stream, return_progress=True)
    box.wait_for(lambda engine: engine.num_running == 1)
    if stream:
        progress = next(e for e in call.events() if isinstance(e, dict) and "prompt_progress" in e)
        assert progress["prompt_progress"]["processed"] < LONG_PROMPT_TOKENS
    call.close()
    after = box.wait_for(is_empty, NOTICED_S)
    assert after.completion_tokens_total == before.completion_tokens_total


def test_while_the_answer_is_made(
    reached: "tuple[RunningBox, Caller]", no_end: dict[str, int], *, stream: bool
) -> None:
    box, client = reached
    before = box.describe().completion_tokens_total
    call = client.completion(max_tokens=LONG_ANSWER, stream=stream, logit_bias=no_end)
    box.wait_for(lambda engine: engine.completion_tokens_total > before + 10)
    call.close()
    after = box.wait_for(is_empty, NOTICED_S)
    assert after.completion_tokens_total < before + LONG_ANSWER


def test_every_choice_of_a_request(
    box: "RunningBox", client: "Caller", no_end: dict[str, int]
) -> None:
    before = box.describe().completion_tokens_total
    with client.completion(n=3, max_tokens=900, stream=True, logit_bias=no_end):
        box.wait_for(lambda engine: engine.num_running == 3)
    after = box.wait_for(is_empty, NOTICED_S)
    assert after.completion_tokens_total < before + 3 * 900
