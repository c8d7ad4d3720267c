# SPDX-License-Identifier: Apache-2.0
"""POST /v1/embeddings of a box whose embedding model is missing, or is none."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.caller import Caller
    from tests.integration.conftest import BoxStarter, CallerMaker

NO_MODEL = "  The embedding model is not loaded: "
PATH = "/v1/embeddings"


def test_a_box_without_embedding_model_names_the_option(client: "Caller") -> None:
    with client.post(PATH, {"input": "bonjour"}) as refused:
        assert refused.status == 404
        error = refused.error()
    assert error["code"] == "model_not_found"
    assert "--embedding-model" in error["message"]


def chat_model(path: Path, _bert: ModuleType) -> None:
    path.write_bytes(factory_model_path().read_bytes())


def no_model(path: Path, _bert: ModuleType) -> None:
    path.write_bytes(b"GGUF" + bytes(100))


def crashing_model(path: Path, bert: ModuleType) -> None:
    bert.write_bert(path, epsilon=-1.0)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (chat_model, "names no pooling"),
        (no_model, "asked.gguf"),
        (crashing_model, "ended several times"),
    ],
)
def test_a_model_that_gives_no_vectors_leaves_the_chat_alone(
    start_box: "BoxStarter",
    make_caller: "CallerMaker",
    bert_model: ModuleType,
    tmp_path: Path,
    write: "Callable[[Path, ModuleType], None]",
    reason: str,
) -> None:
    path = tmp_path / "asked.gguf"
    write(path, bert_model)
    box = start_box("--embedding-model", str(path))
    (line,) = [line for line in box.announced if line.startswith(NO_MODEL)]
    assert reason in line
    caller = make_caller(box, box.key)
    with caller.post(PATH, {"input": "a"}) as refused:
        assert refused.status == 503
        said = refused.error()["message"]
    assert box.ready["embedding_model"] is None
    assert said == line.removeprefix(NO_MODEL) or write is crashing_model
    with caller.get("/v1/models") as listed:
        assert [each["id"] for each in listed.json()["data"]] == ["factory"]
    with caller.chat(max_tokens=1) as answered:
        assert answered.status == 200
    assert box.stop() == 0
