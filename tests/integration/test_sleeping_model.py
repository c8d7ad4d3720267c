# SPDX-License-Identifier: Apache-2.0
"""A real box whose model leaves memory and comes back at the next question."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from atre.config import default_runtime_dir
from atre.ipc.client import ManagementClient
from atre.ipc.presence import SleepTimes
from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from types import ModuleType

    from tests.integration.conftest import BoxStarter, CallerMaker, OutsiderMaker
    from tests.integration.running_box import RunningBox

_TIMEOUT_S = 60.0
_POLL_S = 0.02
_ENGINE = "atre.engine.process"
_SOON = ("--unload-after", "0.005")  # 0.3 s


@pytest.fixture(scope="module")
def sleepy_box(
    tmp_path_factory: pytest.TempPathFactory, running_box: "ModuleType"
) -> "Iterator[RunningBox]":
    """A box whose model sleeps as soon as nobody uses it."""
    made: RunningBox = running_box.RunningBox(tmp_path_factory.mktemp("sleepy"), *_SOON)
    with contextlib.ExitStack() as stack:
        stack.callback(made.clean_up)
        made.start()
        yield made


def engine(box: "RunningBox") -> psutil.Process | None:
    for child in psutil.Process(box.process.pid).children() if box.process else []:
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie has no command line
            if _ENGINE in child.cmdline():
                return child
    return None


def rss_of_all(box: "RunningBox") -> int:
    """Resident bytes of the box and its children; what they share counts for each."""
    own = psutil.Process(box.process.pid if box.process else 0)
    return sum(int(each.memory_info().rss) for each in [own, *own.children(recursive=True)])


def run_model(box: "RunningBox", *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [box.command, "model", *arguments, "--data-dir", str(box.data_dir)],
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env=box.environment,
    )  # fmt: skip


def wait_until_asleep(box: "RunningBox") -> None:
    deadline_s = time.monotonic() + _TIMEOUT_S
    box.wait_for(lambda described: described.asleep_since is not None)
    while engine(box) is not None:
        assert time.monotonic() < deadline_s
        time.sleep(_POLL_S)


def test_it_leaves_memory_and_the_next_question_wakes_it(
    sleepy_box: "RunningBox", make_caller: "CallerMaker", make_outsider: "OutsiderMaker"
) -> None:
    box = sleepy_box
    caller = make_caller(box, box.key)
    wait_until_asleep(box)
    for path in ("/v1/models", "/v1/engine", "/status", "/healthz", "/api/panel/status.json"):
        with caller.get(path) as answered:
            assert answered.status in {200, 302}, path
            body = answered.body()
        if path == "/v1/models":
            listed = json.loads(body)["data"][0]
            assert listed["state"] == "asleep"
            assert listed["asleep_since"] <= time.time()
    assert engine(box) is None
    client = make_outsider(box)
    question: Any = {"role": "user", "content": "Bonjour"}
    chunks = client.chat.completions.create(
        model="factory", messages=[question], max_tokens=8, stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    wait_until_asleep(box)
    whole = client.chat.completions.create(model="factory", messages=[question], max_tokens=8)
    assert whole.usage is not None
    assert whole.usage.completion_tokens > 0


def test_its_memory_is_free_while_it_sleeps(start_box: "BoxStarter") -> None:
    box = start_box("--unload-after", "0.02")
    awake = engine(box)
    assert awake is not None
    rss_awake = awake.memory_info().rss
    before = rss_of_all(box)
    wait_until_asleep(box)
    assert rss_of_all(box) < before - 0.9 * rss_awake
    assert rss_awake > factory_model_path().stat().st_size


def test_four_at_once_wake_it_and_all_are_answered_with_progress_before(
    sleepy_box: "RunningBox", make_caller: "CallerMaker"
) -> None:
    box = sleepy_box
    caller = make_caller(box, box.key)
    wait_until_asleep(box)
    together = threading.Barrier(4)

    def ask(number: int) -> list[Any]:
        together.wait(_TIMEOUT_S)
        fields = {"max_tokens": 4, "stream": True, "return_progress": True}
        with caller.completion(f"Bonjour {number}", **fields) as answered:
            assert answered.status == 200
            return list(answered.events())

    with ThreadPoolExecutor(4) as pool:
        for events in pool.map(ask, range(4)):
            assert events[-1] == "[DONE]"
            kinds = [next(iter(each.keys() & {"model_loading"}), "answer")
                     for each in events if isinstance(each, dict)]  # fmt: skip
            assert "answer" in kinds[kinds.index("model_loading") :]


def test_an_engine_that_is_killed_while_it_wakes_is_started_again(
    sleepy_box: "RunningBox", make_caller: "CallerMaker"
) -> None:
    box = sleepy_box
    caller = make_caller(box, box.key)
    wait_until_asleep(box)
    with caller.completion(max_tokens=4, stream=True) as answered:
        deadline_s = time.monotonic() + _TIMEOUT_S
        while (waking := engine(box)) is None:
            assert time.monotonic() < deadline_s
        waking.kill()
        assert list(answered.events())[-1] == "[DONE]"
    assert "planned anew" in box.log()


def test_who_leaves_while_it_wakes_and_who_asks_for_another_model(
    sleepy_box: "RunningBox", make_caller: "CallerMaker"
) -> None:
    box = sleepy_box
    caller = make_caller(box, box.key)
    wait_until_asleep(box)
    with caller.completion(model="nothing", max_tokens=1) as refused:
        assert refused.status == 404
    assert engine(box) is None
    with caller.completion(max_tokens=4, stream=True) as left:
        assert left.status == 200
    with caller.completion(max_tokens=1) as answered:
        assert answered.status == 200


def test_a_model_that_is_gone_is_said_to_those_who_wait_and_it_is_tried_again(
    start_box: "BoxStarter", make_caller: "CallerMaker", tmp_path: Path
) -> None:
    weights = tmp_path / "mine.gguf"
    weights.write_bytes(factory_model_path().read_bytes())
    box = start_box("--model", str(weights), *_SOON)
    caller = make_caller(box, box.key)
    wait_until_asleep(box)
    away = weights.rename(tmp_path / "away.gguf")
    with caller.completion(max_tokens=1) as failed:
        assert failed.status == 503
        assert "did not wake up" in failed.error()["message"]
    away.rename(weights)
    with caller.completion(max_tokens=1) as answered:
        assert answered.status == 200


def test_another_model_can_be_used_while_one_sleeps(
    start_box: "BoxStarter", make_caller: "CallerMaker"
) -> None:
    box = start_box(*_SOON)
    assert run_model(box, "import", str(factory_model_path()), "--name", "mine").returncode == 0
    wait_until_asleep(box)
    changed = run_model(box, "use", "mine")
    assert changed.returncode == 0, changed.stderr
    with make_caller(box, box.key).completion(model="mine", max_tokens=1) as answered:
        assert answered.status == 200


def test_a_calendar_that_makes_no_sense_stops_the_start(start_box: "BoxStarter") -> None:
    with pytest.raises(AssertionError, match=r"'xyz' is no time to sleep"):
        start_box("--sleep", "xyz")


def test_what_a_manager_sets_is_taken_up_without_a_restart(start_box: "BoxStarter") -> None:
    box = start_box()
    management = ManagementClient(default_runtime_dir(box.data_dir) / "atred.sock")
    described = management.set_sleep(SleepTimes(unload_after_s=0.3))
    assert described.sleep
    assert described.sleep.is_chosen
    wait_until_asleep(box)
    described = management.set_sleep(None)
    assert described.sleep
    assert not described.sleep.is_chosen
    # Without rules nobody may be kept waiting: it is loaded before anybody asks.
    box.wait_for(lambda described: described.asleep_since is None)
