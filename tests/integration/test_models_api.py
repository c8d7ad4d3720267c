# SPDX-License-Identifier: Apache-2.0
"""The models of a real box over its API: fetched from a hub of ours, imported, used, removed."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from atre.ipc.client import ManagementClient
from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from tests.fake_hub import FakeHub
    from tests.integration.caller import Caller
    from tests.integration.conftest import CallerMaker
    from tests.integration.running_box import RunningBox

_MODELS = "/api/box/v1/models"
_CATALOGUE_FILE = "bartowski/Qwen_Qwen3-4B-GGUF/Qwen_Qwen3-4B-Q4_K_M.gguf"
_TIMEOUT_S = 60.0
_POLL_S = 0.05

Listing = dict[str, Any]


@pytest.fixture(scope="module")
def hub(fake_hub: ModuleType) -> "Iterator[FakeHub]":
    """Serves the factory model under the address of a model of the catalogue."""
    content = factory_model_path().read_bytes()
    with fake_hub.FakeHub(files={_CATALOGUE_FILE: content}) as running:
        yield running


@pytest.fixture(scope="module")
def models_box(
    tmp_path_factory: pytest.TempPathFactory,
    four_slots: list[str],
    running_box: ModuleType,
    hub: "FakeHub",
) -> "Iterator[RunningBox]":
    """A box that takes our hub for the world's."""
    directory = tmp_path_factory.mktemp("models-box")
    made: RunningBox = running_box.RunningBox(directory, *four_slots)
    for name in [name for name in made.environment if name.lower().endswith("_proxy")]:
        del made.environment[name]
    made.environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(directory), "NO_PROXY": "*"}
    # A choice that cannot be: the factory model answers, and the status page says why.
    chosen = made.data_dir / "models" / "chosen"
    chosen.parent.mkdir(parents=True)
    chosen.write_text("ghost")
    with ExitStack() as stack:
        stack.callback(made.clean_up)
        made.start()
        yield made


@pytest.fixture
def caller(models_box: "RunningBox", make_caller: "CallerMaker") -> "Caller":
    return make_caller(models_box, models_box.key)


def ask(caller: "Caller", path: str = "") -> Listing:
    with caller.get(_MODELS + path) as answered:
        assert answered.status == 200, answered.body()
        found: Listing = answered.json()
        return found


def do(caller: "Caller", verb: str, **body: object) -> tuple[int, Listing]:
    with caller.post(f"{_MODELS}/{verb}", body) as answered:
        return answered.status, answered.json()


def refused(caller: "Caller", verb: str, **body: object) -> tuple[int, str | None]:
    status, answer = do(caller, verb, **body)
    assert answer["error"]["message"], answer
    return status, answer["error"]["code"]


def wait(caller: "Caller", is_so: Callable[[Listing], bool]) -> Listing:
    deadline_s = time.monotonic() + _TIMEOUT_S
    while not is_so(listing := ask(caller)):
        assert time.monotonic() < deadline_s, listing
        time.sleep(_POLL_S)
    return listing


def job_ended(caller: "Caller") -> Listing:
    listing = wait(caller, lambda found: found["job"]["state"] != "running")
    job: Listing = listing["job"]
    return job


def change_ended(caller: "Caller") -> Listing:
    listing = wait(caller, lambda found: found["change"]["phase"] in ("done", "failed"))
    change: Listing = listing["change"]
    return change


def names(caller: "Caller") -> list[str]:
    return [model["name"] for model in ask(caller)["stored"]]


def test_a_pull_shows_how_far_it_is_and_goes_on_after_a_cancel_and_after_a_kill(
    models_box: "RunningBox", caller: "Caller", hub: "FakeHub"
) -> None:
    hub.stall_after = 2**20
    status, job = do(caller, "pull", model="qwen3-4b")
    assert (status, job["state"], job["model"]) == (202, "running", "qwen3-4b")
    listing = wait(caller, lambda found: found["job"]["done_bytes"] > 2**19)
    assert listing["job"]["size_bytes"] == len(hub.files[_CATALOGUE_FILE])
    assert listing["job"]["rate_bytes_s"] > 0
    assert listing["job"]["left_s"] > 0
    assert listing["unfinished"] == [], "what runs has not stopped"
    assert refused(caller, "pull", model="qwen3-8b") == (409, "model_job_running")

    assert do(caller, "cancel")[1]["state"] == "cancelled"
    assert [left["model"] for left in ask(caller)["unfinished"]] == ["qwen3-4b"]
    assert refused(caller, "cancel") == (404, "no_model_job")

    assert do(caller, "pull", model="qwen3-4b")[0] == 202
    wait(caller, lambda found: found["job"]["done_bytes"] > 2**20)
    models_box.kill_child("atre.atred.management")  # its own children must follow
    hub.let_go()
    listing = _after_restart(caller)
    assert listing["job"] is None
    assert [left["model"] for left in listing["unfinished"]] == ["qwen3-4b"]

    assert do(caller, "pull", model="qwen3-4b")[0] == 202
    assert job_ended(caller)["state"] == "done"
    assert hub.gets()[-1].start > 2**20, "it went on"
    listing = ask(caller)
    (stored,) = listing["stored"]
    assert stored["origin"] == "Alibaba, China"
    assert "fr" in stored["languages"]
    assert stored["licence"]["summary_fr"]
    assert listing["unfinished"] == []
    assert refused(caller, "pull", model="qwen3-4b") == (409, "model_taken")
    assert do(caller, "verify", model="qwen3-4b")[0] == 202
    assert job_ended(caller)["state"] == "done"


def _after_restart(caller: "Caller") -> Listing:
    deadline_s = time.monotonic() + _TIMEOUT_S
    while True:
        with caller.get(_MODELS) as answered:
            if answered.status == 200:
                listing: Listing = answered.json()
                return listing
            assert answered.status == 503
        assert time.monotonic() < deadline_s
        time.sleep(_POLL_S)


def test_a_used_model_answers_and_one_that_fails_gives_way_with_its_reason(
    models_box: "RunningBox", caller: "Caller", slow_model: ModuleType
) -> None:
    folder = models_box.data_dir / "import"
    folder.mkdir()
    (folder / "mine.gguf").write_bytes(factory_model_path().read_bytes())
    slow_model.write_slow_model(folder / "broken.gguf", factory_model_path(), epsilon=-1.0)
    found = ask(caller, "/importable")["models"]
    assert [model["name"] for model in found] == ["broken", "mine"]
    for model in found:
        assert do(caller, "import", path=model["path"])[0] == 202
        assert job_ended(caller)["state"] == "done"
    assert {"broken", "mine"} <= set(names(caller))

    box = ManagementClient(models_box.runtime_dir / "atred.sock")
    assert "because ghost cannot be used" in str(box.describe().issues)
    assert do(caller, "use", model="mine")[0] == 202
    second = do(caller, "use", model="broken")
    assert (second[0], second[1]["error"]["code"]) == (409, "model_changing")
    assert change_ended(caller)["phase"] == "done"
    assert models_box.describe().model == "mine"
    assert "ghost" not in str(box.describe().issues), "that was said of the plan before"
    with caller.completion(max_tokens=1) as answered:
        assert answered.status == 200
    assert refused(caller, "remove", model="mine") == (409, "model_in_use")

    assert do(caller, "use", model="broken")[0] == 202
    change = change_ended(caller)
    assert (change["phase"], change["failed_at"]) == ("failed", "loading")
    assert change["answering"] == "mine"
    assert "ended while it loaded" in change["reason"]
    assert models_box.describe().model == "mine"
    assert do(caller, "remove", model="broken")[1]["freed_bytes"] > 0
    assert "broken" not in names(caller)


def test_what_the_hub_does_wrong_is_said_and_nothing_is_stored(
    caller: "Caller", hub: "FakeHub", tiny_gguf: ModuleType, tmp_path: Path
) -> None:
    content = tiny_gguf.write_model(tmp_path / "essai.gguf").read_bytes()
    hub.files["someone/Essai-GGUF/Essai.gguf"] = content
    hub.digests["someone/Essai-GGUF/Essai.gguf"] = "0" * 64
    hub.files["someone/Text-GGUF/Text.gguf"] = b"not a model at all" * 100
    for address, problem in (
        ("someone/Essai-GGUF/Essai.gguf", "wrong_digest"),
        ("someone/Text-GGUF/Text.gguf", "model_unusable"),
        ("someone/Nothing-GGUF/Nothing.gguf", "hub_no_file"),
    ):
        assert do(caller, "pull", model=address)[0] == 202
        job = job_ended(caller)
        assert (job["state"], job["problem"]) == ("failed", problem)
        assert job["message"]
    assert not {"essai", "text", "nothing"} & set(names(caller))


@pytest.mark.parametrize(
    ("verb", "body", "answer"),
    [
        ("pull", {"model": "no-such-model"}, (404, "model_unknown")),
        ("pull", {"model": "a/b/c\u202e.gguf"}, (404, "model_unknown")),
        ("pull", {"model": "x" * 301}, (400, None)),
        ("pull", {"model": "qwen3-4b", "more": 1}, (400, None)),
        ("pull", {}, (400, None)),
        ("verify", {"model": "../../lock"}, (404, "model_unknown")),
        ("remove", {"model": "\x00"}, (404, "model_unknown")),
        ("use", {"model": "nobody"}, (404, "model_unknown")),
        ("import", {"path": "/etc/passwd"}, (403, "path_not_allowed")),
        ("import", {"path": "/media/../etc/passwd"}, (403, "path_not_allowed")),
        ("import", {"path": "/nowhere/x.gguf"}, (404, "path_unknown")),
        ("import", {"path": "/a\x00b.gguf"}, (404, "path_unknown")),
        ("import", {"path": "models/x.gguf"}, (400, None)),
        ("import", {"path": 7}, (400, None)),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(
    caller: "Caller", verb: str, body: dict[str, object], answer: tuple[int, str | None]
) -> None:
    assert refused(caller, verb, **body) == answer


def test_the_catalogue_recommends_one_for_this_machine(caller: "Caller") -> None:
    catalogue = ask(caller, "/catalogue")
    advice = catalogue["recommended"]
    if advice is None:  # a machine too small for every model
        assert os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 4 * 10**9
        return
    assert advice["model"] in {model["id"] for model in catalogue["models"]}
    assert advice["why"]
    assert advice["why_fr"]
