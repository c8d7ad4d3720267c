# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.atred.preload import Preload
from atre.errors import ModelStoreError
from atre.ipc.message import Message
from atre.ipc.model_messages import (
    ChangeModel,
    JobKind,
    JobState,
    ListModels,
    ModelJob,
    ModelListing,
    ModelRequest,
    PullModel,
    StoredModel,
)
from atre.models.manifest import FACTORY
from atre.provision.apply import apply_files

WANTED = "qwen3-8b"


class _Models:
    """A shelf that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []
        self.stored: list[str] = []
        self.chosen = FACTORY
        self.job: ModelJob | None = None
        self.is_offline = False

    def answer(self, request: ModelRequest) -> Message:
        if isinstance(request, ListModels):
            return ModelListing(
                chosen=self.chosen,
                stored=[_stored(name) for name in self.stored],
                unfinished=[],
                job=self.job,
                change=None,
                free_bytes=0,
                is_fixed=False,
            )
        self.asked.append(request)
        if self.is_offline:
            raise ModelStoreError("no line")
        return ModelJob(id="1", kind=JobKind.PULL, model=WANTED, state=JobState.RUNNING)


def _stored(name: str) -> StoredModel:
    return StoredModel(
        name=name, title="", kind="model", base="", size_bytes=1, added="", source="", origin="",
        licence=None, licence_id="", languages=[],
    )  # fmt: skip


@pytest.fixture
def models() -> _Models:
    return _Models()


@pytest.fixture
def now_s() -> list[float]:
    return [0.0]


@pytest.fixture
def preload(tmp_path: Path, models: _Models, now_s: list[float]) -> Preload:
    text = f"format = 1\n[model]\npreload = '{WANTED}'".encode()
    apply_files(tmp_path, text, None, key_file=tmp_path / "none")
    return Preload(tmp_path / "state", models, clock=lambda: now_s[0])


def test_a_box_that_nobody_provisioned_fetches_nothing(tmp_path: Path, models: _Models) -> None:
    Preload(tmp_path, models).look()
    assert models.asked == []


def test_the_model_is_fetched_and_used_once(preload: Preload, models: _Models) -> None:
    preload.look()
    assert models.asked == [PullModel(model=WANTED)]
    models.job = ModelJob(id="1", kind=JobKind.PULL, model=WANTED, state=JobState.RUNNING)
    preload.look()
    assert len(models.asked) == 1
    models.job, models.stored = None, [WANTED]
    preload.look()
    assert models.asked[1:] == [ChangeModel(model=WANTED)]
    # A manager goes back to the factory's: that is then their word.
    preload.look()
    assert len(models.asked) == 2


def test_without_a_line_it_is_tried_every_quarter_of_an_hour(
    preload: Preload, models: _Models, now_s: list[float]
) -> None:
    models.is_offline = True
    for minute in range(31):
        now_s[0] = minute * 60.0
        preload.look()
    assert len(models.asked) == 3


def test_a_model_that_a_manager_chose_meanwhile_stays(preload: Preload, models: _Models) -> None:
    models.chosen = "another"
    preload.look()
    models.chosen, models.stored = FACTORY, [WANTED]
    preload.look()
    assert models.asked == []
