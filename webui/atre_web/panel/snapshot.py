# SPDX-License-Identifier: Apache-2.0
"""What the panel knows at one moment, each part None while its process does not answer."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from flask import Flask, current_app

from atre.errors import EngineError
from atre.ipc.messages import BoxDescription, EmbedderDescription, EngineDescription
from atre.sentence import NOTHING, Sentence
from atre.space.level import SpaceLevel
from atre_web.accounts import current, sessions
from atre_web.accounts.disk_full import space_level

UNKNOWN = "—"
_EXTENSION = "atre.panel"
_ACTIVE_S = 300.0

Description = TypeVar("Description", EngineDescription, EmbedderDescription, BoxDescription)


class Engine(Protocol):
    """The engine's side of the panel; raises EngineError while it cannot answer."""

    def describe(self) -> EngineDescription: ...


class Box(Protocol):
    """The management daemon's side of the panel; raises EngineError while it cannot answer."""

    def describe(self) -> BoxDescription: ...


class Embedder(Protocol):
    """The embedder's side of the panel; raises EngineError while it cannot answer."""

    def describe(self) -> EmbedderDescription: ...


def free_bytes(directory: Path) -> int | None:
    """How much fits on the disk of a folder, None if it does not say."""
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the panel's facts come from; ``embedder`` is None on a box without embedding model."""

    engine: Engine
    box: Box
    embedder: Embedder | None
    free_bytes: Callable[[Path], int | None] = free_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The facts of one moment. ``engine_problem`` says why ``engine`` is None, or is NOTHING.

    So does ``embedder_problem``; both are NOTHING on a box without embedding model.
    """

    engine: EngineDescription | None
    engine_problem: Sentence
    embedder: EmbedderDescription | None
    embedder_problem: Sentence
    box: BoxDescription | None
    num_people: int
    free_bytes: int | None
    space: SpaceLevel | None
    now: float

    @property
    def model_name(self) -> str:
        return (self.engine.name or self.engine.model) if self.engine else UNKNOWN

    @property
    def model_format(self) -> str:
        # llama.cpp writes "?B" for a size that it has no name for.
        return (self.engine.description.replace(" ?B", "") if self.engine else "") or UNKNOWN

    @property
    def has_embedder(self) -> bool:
        """Whether the box was given an embedding model, loaded or not."""
        return self.embedder is not None or self.embedder_problem != NOTHING

    @property
    def is_asleep(self) -> bool:
        """Whether the model was unloaded to save power, and nobody has woken it yet."""
        engine = self.engine
        return engine is not None and engine.asleep_since is not None and engine.waking is None

    @property
    def is_factory(self) -> bool:
        return self.engine is not None and "factory" in (
            f"{self.engine.model} {self.engine.name} {self.engine.description}".lower()
        )


def install(app: Flask, sources: Sources) -> None:
    """Let ``take`` find the sources."""
    app.extensions[_EXTENSION] = sources


def take() -> Snapshot:
    """Ask everybody now."""
    sources: Sources = current_app.extensions[_EXTENSION]
    engine, problem = _asked(sources.engine.describe)
    embedder, embedder_problem = (
        _asked(sources.embedder.describe) if sources.embedder else (None, NOTHING)
    )
    box, _ = _asked(sources.box.describe)
    free = sources.free_bytes(current.data_dir())
    now = current.now()
    return Snapshot(
        engine=engine,
        engine_problem=problem,
        embedder=embedder,
        embedder_problem=embedder_problem,
        box=box,
        num_people=sessions.num_active(current.connection(), since=now - _ACTIVE_S),
        free_bytes=free,
        space=None if free is None else space_level(current.connection(), free),
        now=now,
    )


def box() -> BoxDescription | None:
    """How the LAN sees the box, None while nobody can say."""
    sources: Sources = current_app.extensions[_EXTENSION]
    return _asked(sources.box.describe)[0]


def _asked(describe: Callable[[], Description]) -> tuple[Description | None, Sentence]:
    """What a process says of itself, or why it does not."""
    try:
        return describe(), NOTHING
    except EngineError as error:
        return None, error.sentence
