# SPDX-License-Identifier: Apache-2.0
"""What the panel knows at one moment, each part None while its process does not answer."""

from dataclasses import dataclass
from typing import Protocol

from flask import Flask, current_app

from atre.errors import EngineError
from atre.ipc.messages import BoxDescription, EngineDescription
from atre_web.accounts import current, sessions

UNKNOWN = "—"
_EXTENSION = "atre.panel"
_ACTIVE_S = 300.0


class Engine(Protocol):
    """The engine's side of the panel; raises EngineError while it cannot answer."""

    def describe(self) -> EngineDescription: ...


class Box(Protocol):
    """The management daemon's side of the panel; raises EngineError while it cannot answer."""

    def describe(self) -> BoxDescription: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the panel's facts come from."""

    engine: Engine
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The facts of one moment. ``engine_problem`` says why ``engine`` is None, or is empty."""

    engine: EngineDescription | None
    engine_problem: str
    box: BoxDescription | None
    num_people: int
    now: float

    @property
    def model_name(self) -> str:
        return (self.engine.name or self.engine.model) if self.engine else UNKNOWN

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
    engine, problem = _engine(sources.engine)
    now = current.now()
    return Snapshot(
        engine=engine,
        engine_problem=problem,
        box=_box(sources.box),
        num_people=sessions.num_active(current.connection(), since=now - _ACTIVE_S),
        now=now,
    )


def _engine(engine: Engine) -> tuple[EngineDescription | None, str]:
    try:
        return engine.describe(), ""
    except EngineError as error:
        return None, str(error)


def _box(box: Box) -> BoxDescription | None:
    try:
        return box.describe()
    except EngineError:
        return None
