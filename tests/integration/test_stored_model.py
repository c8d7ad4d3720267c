# SPDX-License-Identifier: Apache-2.0
"""A box that answers with a model from its store."""

import subprocess
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from gguf import GGUFReader

from atre.models.store import Store
from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from tests.integration.conftest import BoxStarter, CallerMaker
    from tests.integration.running_box import RunningBox

_TIMEOUT_S = 60.0
_LONG_ANSWER = 400
_POLL_S = 0.05
_ADAPTED = "blk.0.attn_q.weight"


def model(box: "RunningBox", *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [box.command, "model", *arguments, "--data-dir", str(box.data_dir)],
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env=box.environment,
    )  # fmt: skip


def test_a_chosen_model_answers_after_a_start_and_stays_while_it_does(
    start_box: "BoxStarter", make_caller: "CallerMaker"
) -> None:
    box = start_box()
    assert model(box, "import", str(factory_model_path()), "--name", "mine").returncode == 0
    assert model(box, "use", "mine").returncode == 0
    box.stop()
    box.start()
    assert box.ready["model"] == "mine"
    with make_caller(box, box.ready["api_key"]).completion(max_tokens=1) as answered:
        assert answered.status == 200
    Store(box.data_dir / "models").choose("factory")  # as if another box had
    refused = model(box, "remove", "mine")
    assert refused.returncode == 1
    assert "running box" in refused.stderr
    box.stop()
    assert model(box, "remove", "mine").returncode == 0
    assert list(Path(box.data_dir, "models", "blobs").iterdir()) == []


def test_a_running_box_changes_its_model_and_nobody_loses_an_answer(
    start_box: "BoxStarter",
    make_caller: "CallerMaker",
    slow_model: ModuleType,
    no_end: dict[str, int],
    tmp_path: Path,
) -> None:
    slow_model.write_slow_model(tmp_path / "slow.gguf", factory_model_path())
    box = start_box()
    for arguments in (("slow.gguf",), (str(factory_model_path()), "--name", "mine")):
        source = str(tmp_path / arguments[0])
        assert model(box, "import", source, *arguments[1:]).returncode == 0
    changed = model(box, "use", "slow")
    assert changed.returncode == 0, changed.stderr
    assert "answers with slow now" in changed.stdout
    assert box.describe().model == "slow"
    caller = make_caller(box, box.ready["api_key"])
    fields = {"max_tokens": _LONG_ANSWER, "stream": True, "logit_bias": no_end}
    with caller.completion(stream_options={"include_usage": True}, **fields) as reader:
        box.wait_for(lambda engine: engine.num_running == 1)
        changing = subprocess.Popen(
            [box.command, "model", "use", "mine", "--data-dir", str(box.data_dir)],
            env=box.environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with changing:
            events = list(reader.events())
            assert changing.wait(_TIMEOUT_S) == 0
    assert events[-1] == "[DONE]"
    usage = [event["usage"] for event in events if isinstance(event, dict) and event.get("usage")]
    assert [each["completion_tokens"] for each in usage] == [_LONG_ANSWER]
    assert box.describe().model == "mine"
    with caller.completion(max_tokens=1) as answered:
        assert answered.status == 200


def test_a_model_in_parts_answers_from_the_store(
    start_box: "BoxStarter", slow_model: ModuleType, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    slow_model.write_slow_model(stick / "gros", factory_model_path(), tensors_a_part=30)
    assert len(list(stick.iterdir())) > 1
    box = start_box()
    imported = model(box, "import", str(stick))
    assert imported.returncode == 0, imported.stderr
    changed = model(box, "use", "gros")
    assert changed.returncode == 0, changed.stderr
    assert box.describe().model == "gros", "as it is stored, not as its first file"


def test_a_model_that_aborts_when_it_is_loaded_gives_way_to_the_one_before(
    start_box: "BoxStarter", make_caller: "CallerMaker", slow_model: ModuleType, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    slow_model.write_slow_model(broken, factory_model_path(), epsilon=-1.0)
    box = start_box()
    assert model(box, "import", str(broken)).returncode == 0
    refused = model(box, "use", "broken")
    assert refused.returncode == 1
    assert "the model before answers" in refused.stderr
    assert box.describe().model == "factory"
    with make_caller(box, box.ready["api_key"]).completion(max_tokens=1) as answered:
        assert answered.status == 200
    assert model(box, "remove", "broken").returncode == 0


def test_a_chosen_model_that_aborts_at_the_start_gives_way_to_the_factory_model(
    start_box: "BoxStarter", make_caller: "CallerMaker", slow_model: ModuleType, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    slow_model.write_slow_model(broken, factory_model_path(), epsilon=-1.0)
    box = start_box()
    assert model(box, "import", str(broken)).returncode == 0
    box.stop()
    assert model(box, "use", "broken").returncode == 0
    box.start()
    assert box.ready["model"] == "factory"
    with make_caller(box, box.ready["api_key"]).completion(max_tokens=1) as answered:
        assert answered.status == 200
    # The choice is forgotten once the factory model has written its token.
    deadline_s = time.monotonic() + _TIMEOUT_S
    while Store(box.data_dir / "models").chosen() is not None:
        assert time.monotonic() < deadline_s
        time.sleep(_POLL_S)


def test_an_adapter_acts_until_another_model_is_used(
    start_box: "BoxStarter", make_caller: "CallerMaker", tiny_gguf: ModuleType, tmp_path: Path
) -> None:
    factory = factory_model_path()
    [width] = {int(t.shape[0]) for t in GGUFReader(factory).tensors if t.name == _ADAPTED}
    adapter = tiny_gguf.write_adapter(tmp_path / "lettres.gguf", n_embd=width)
    box = start_box()
    for name in ("mine", "other"):
        assert model(box, "import", str(factory), "--name", name).returncode == 0
    assert model(box, "import", str(adapter), "--base", "mine").returncode == 0
    caller = make_caller(box, box.ready["api_key"])

    def answer() -> str:
        with caller.completion(max_tokens=12, temperature=0) as answered:
            assert answered.status == 200
            return str(answered.json()["choices"][0]["text"])

    assert model(box, "use", "mine").returncode == 0
    before, engine = answer(), box.child("atre.engine.process").pid
    refused = model(box, "use", "other", "--adapter", "lettres")
    assert "an adapter for mine, not for other" in refused.stderr
    assert box.child("atre.engine.process").pid == engine

    changed = model(box, "use", "mine", "--adapter", "lettres")
    assert changed.returncode == 0, changed.stderr
    with caller.get("/v1/models") as listed:
        assert listed.json()["data"][0]["adapters"] == [{"name": "lettres", "scale": 1.0}]
    adapted = answer()
    assert adapted != before
    assert answer() == adapted
    assert model(box, "remove", "lettres").returncode == 1

    store = Store(box.data_dir / "models")
    [blob] = store.blobs(store.manifest("lettres"))
    whole = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(whole[:200])
    failed = model(box, "use", "mine", "--adapter", "lettres:0.5")
    assert failed.returncode == 1
    assert "the model before answers" in failed.stderr
    assert box.describe().model == "factory"  # the one before needs the same file
    blob.write_bytes(whole)
    assert model(box, "use", "mine").returncode == 0
    assert answer() == before


def test_a_model_named_on_the_command_line_is_not_changed(start_box: "BoxStarter") -> None:
    box = start_box("--model", str(factory_model_path()))
    refused = model(box, "use", "factory")
    assert refused.returncode == 1
    assert "--model" in refused.stderr
