# SPDX-License-Identifier: Apache-2.0
"""A model file that cannot be used leaves a box that says so, and works in every other way."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from tests.integration.conftest import BoxStarter, CallerMaker

NO_MODEL = "  No model is loaded: "


def cut_in_header() -> bytes:
    return factory_model_path().read_bytes()[:3000]


def cut_in_weights() -> bytes:
    content = factory_model_path().read_bytes()
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("missing.gguf", None, "missing.gguf", id="missing"),
        pytest.param("empty.gguf", b"", "empty.gguf", id="empty"),
        pytest.param("text.gguf", b"Bonjour ! " * 500, "GGUF", id="not GGUF"),
        pytest.param("cut.gguf", cut_in_header(), "cut.gguf", id="cut in the header"),
        pytest.param("half.gguf", cut_in_weights(), "half.gguf", id="cut in the weights"),
    ],
)
def test_an_unusable_model_is_said_in_one_line(
    start_box: "BoxStarter",
    make_caller: "CallerMaker",
    tmp_path: Path,
    name: str,
    content: bytes | None,
    words: str,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    box = start_box("--model", str(path))
    (line,) = [line for line in box.announced if line.startswith(NO_MODEL)]
    assert words in line
    assert "Traceback" not in box.log()
    assert not box.ready_file.exists()
    assert box.first_key is not None
    caller = make_caller(box, box.first_key)
    with caller.get("/healthz") as answered:
        assert answered.status == 200
    with caller.get("/v1/models") as answered:
        assert answered.json()["data"] == []
    with make_caller(box, None).get("/claim") as panel:
        assert panel.status == 200
    for stream in (False, True):
        with caller.chat(stream=stream) as refused:
            assert refused.status == 503
            error = refused.error()
        assert error["type"] == "server_error"
        assert error["message"] == line.removeprefix(NO_MODEL)
    assert box.stop() == 0


def test_a_name_is_looked_for_among_the_stored_models(
    start_box: "BoxStarter", make_caller: "CallerMaker", tmp_path: Path
) -> None:
    stored = tmp_path / "box" / "data" / "models"
    stored.mkdir(parents=True)
    (stored / "bureau.gguf").write_bytes(factory_model_path().read_bytes())
    box = start_box("--model", "bureau")
    assert box.ready["model"] == "bureau"
    with make_caller(box, box.key).get("/v1/models/bureau") as answered:
        assert answered.status == 200


def test_a_model_that_crashes_the_engine_is_said_too(
    start_box: "BoxStarter", make_caller: "CallerMaker", slow_model: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "crash.gguf"
    slow_model.write_slow_model(path, factory_model_path(), epsilon=-1.0)
    box = start_box("--model", str(path))
    (line,) = [line for line in box.announced if line.startswith(NO_MODEL)]
    assert "ended several times" in line
    assert "--model" in line
    assert not box.ready_file.exists()
    caller = make_caller(box, box.first_key)
    with make_caller(box, None).get("/claim") as panel:
        assert panel.status == 200
    with caller.chat() as refused:
        assert refused.status == 503
        assert refused.error()["code"] == "engine_unavailable"
    assert box.stop() == 0
