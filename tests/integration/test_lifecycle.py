# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping and starting again; what is left of a box that ended."""

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atre import __version__

if TYPE_CHECKING:
    from tests.integration.conftest import BoxStarter, CallerMaker
    from tests.integration.running_box import RunningBox

TIMEOUT_S = 30.0


def test_the_ready_file_tells_a_program_all_it_needs(
    box: "RunningBox", make_caller: "CallerMaker"
) -> None:
    ready = box.ready
    base = f"http://127.0.0.1:{box.port}"
    assert set(ready) == {
        "panel_url", "api_base", "api_key", "mdns_name", "model", "embedding_model",
        "embedding_dimensions", "version",
    }  # fmt: skip
    assert ready["panel_url"] == f"{base}/"
    assert ready["api_base"] == f"{base}/v1"
    assert ready["mdns_name"] is None
    assert ready["model"] == "factory"
    assert ready["embedding_model"] is ready["embedding_dimensions"] is None
    assert ready["version"] == __version__
    assert stat.S_IMODE(box.ready_file.stat().st_mode) == 0o600
    with make_caller(box, ready["api_key"]).completion(max_tokens=1) as answered:
        assert answered.status == 200


def test_what_is_announced_is_enough_for_a_person(
    box: "RunningBox", make_caller: "CallerMaker"
) -> None:
    assert box.first_key is not None
    assert box.claim_link is not None
    base = f"http://127.0.0.1:{box.port}"
    assert f"  OpenAI-compatible API: {base}/v1" in box.announced
    with make_caller(box, box.first_key).get("/v1/models") as answered:
        assert answered.status == 200
    with make_caller(box, None).get(box.claim_link.removeprefix(base)) as answered:
        assert answered.status == 200
        assert b"<form" in answered.body()


def test_secrets_are_the_owners_alone(box: "RunningBox") -> None:
    for directory in (box.data_dir, box.runtime_dir):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    readable = [
        path
        for path in box.data_dir.rglob("*")
        if path.name in {"atre.db", "engine.sock", "atred.sock"} or path.suffix == ".key"
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert readable == []


def test_a_second_start_has_the_same_keys_and_shows_none(
    start_box: "BoxStarter", make_caller: "CallerMaker"
) -> None:
    box = start_box()
    first_key, run_key = box.first_key, box.key
    assert first_key is not None
    assert box.stop() == 0
    box.start()
    assert box.first_key is None
    assert first_key not in "\n".join(box.announced)
    assert box.key != run_key
    with make_caller(box, first_key).get("/v1/models") as answered:
        assert answered.status == 200
    with make_caller(box, run_key).get("/v1/models") as refused:
        assert refused.status == 401


def test_a_box_that_is_stopped_leaves_nothing(
    start_box: "BoxStarter", make_caller: "CallerMaker", no_end: dict[str, int]
) -> None:
    box = start_box()
    assert {"atre.engine.process", "atre.atred.management", "atre_web.cli"} <= {
        word for child in box.children() for word in child.cmdline()
    }
    with make_caller(box, box.key).completion(
        max_tokens=1000, stream=True, logit_bias=no_end
    ) as running:
        assert running.status == 200
        assert box.stop() == 0
        list(running.events())
    assert not list(box.runtime_dir.glob("*.sock"))
    assert "Traceback" not in box.log()


def test_whoever_cannot_be_answered_before_a_stop_is_told(
    start_box: "BoxStarter",
    make_caller: "CallerMaker",
    one_slot: list[str],
    no_end: dict[str, int],
) -> None:
    box = start_box(*one_slot)
    caller = make_caller(box, box.key)
    with (
        caller.completion(max_tokens=6000, stream=True, logit_bias=no_end) as streamed,
        caller.completion(max_tokens=6000) as waiting,
    ):
        events = streamed.events()
        next(events)
        box.wait_for(lambda engine: engine.num_running + engine.num_waiting == 2)
        assert box.stop() == 0
        *_, last = events
        assert isinstance(last, dict)
        assert last["error"]["code"] == "engine_unavailable"
        assert "stopped" in last["error"]["message"]
        assert waiting.status == 503
        assert "stopped" in waiting.error()["message"]


def test_only_the_engine_may_take_the_processor_from_another(box: "RunningBox") -> None:
    web, engine = box.child("atre_web.cli"), box.child("atre.engine.process")
    threads = [thread.id for process in (web, *web.children()) for thread in process.threads()]
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_BATCH}
    assert os.sched_getscheduler(engine.pid) == os.SCHED_OTHER


def test_the_children_of_a_box_that_is_killed_end_too(start_box: "BoxStarter") -> None:
    box = start_box()
    assert len(box.children()) >= 3
    box.kill()
    box.start()
    assert box.ready["model"] == "factory"


@pytest.mark.parametrize("module", ["atre.atred.management", "atre_web.cli"])
def test_a_child_that_is_killed_is_started_again(
    start_box: "BoxStarter", make_caller: "CallerMaker", module: str
) -> None:
    box = start_box()
    caller = make_caller(box, box.key)
    box.kill_child(module)
    box.wait_for_port()
    with caller.completion(max_tokens=1) as answered:
        assert answered.status == 200
    assert box.stop() == 0


def refused(box: "RunningBox", *options: str) -> str:
    """The one line that ``atre serve`` prints before it gives up."""
    done = subprocess.run(
        [box.command, "serve", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=box.environment,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_a_second_box_on_the_same_data_is_refused(box: "RunningBox") -> None:
    line = refused(box, "--data-dir", str(box.data_dir), "--port", "1")
    assert str(box.data_dir) in line
    assert "--data-dir" in line
    assert box.ready["model"] == "factory"


def test_a_port_that_is_taken_is_refused(box: "RunningBox", tmp_path: Path) -> None:
    line = refused(box, "--data-dir", str(tmp_path / "other"), "--port", str(box.port))
    assert f"Port {box.port} " in line
    assert "--port" in line


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--port", "99999"], "port"),
        (["--queue-limit", "0"], "queue_limit"),
        (["--profiles-dir", "/nowhere"], "/nowhere"),
        (["--lan", "--port", "5000", "--lan-port", "5000"], "lan_port"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    box: "RunningBox", tmp_path: Path, options: list[str], word: str
) -> None:
    assert word in refused(box, "--data-dir", str(tmp_path / "other"), *options)


def test_data_that_cannot_be_written_are_refused(box: "RunningBox") -> None:
    line = refused(box, "--data-dir", "/proc/atre")
    assert "/proc/atre" in line
    assert "--data-dir" in line
