# SPDX-License-Identifier: Apache-2.0
"""The handbook searched before the factory model answers; every other model is left alone."""

from collections.abc import Callable
from functools import cached_property

from flask import Flask, current_app

from atre.errors import EngineError
from atre.handbook.finder import Finder
from atre.handbook.guide import Guide
from atre.handbook.handbook import Handbook
from atre.handbook.plan import Plan
from atre.handbook.topics import load_topics
from atre.ipc.client import EngineClient
from atre_web.factory.request import is_factory, may_be_guided, questions
from atre_web.openai.schema import ChatBody

_EXTENSION = "atre.guidance"


class _Shelf:
    """Reads the guide when the factory model is first asked: a real model never needs it."""

    def __init__(self, handbook: Callable[[], Handbook]) -> None:
        self._handbook = handbook
        self._known: tuple[tuple[int, int] | None, bool] = (None, False)

    def is_for(self, engine: EngineClient) -> bool:
        """Whether the factory model answers; each engine is asked once. Raises EngineError."""
        incarnation = engine.incarnation()
        known, is_it = self._known
        if incarnation is None or incarnation != known:
            is_it = is_factory(engine.describe())
            self._known = (incarnation, is_it)
        return is_it

    @cached_property
    def guide(self) -> Guide:
        return Guide(self._handbook(), Finder(), load_topics())


def install(app: Flask, handbook: Callable[[], Handbook]) -> None:
    """Let ``plan`` find the handbook."""
    app.extensions[_EXTENSION] = _Shelf(handbook)


def plan(body: ChatBody, engine: EngineClient, spoken: str) -> Plan | None:
    """How the factory model answers this; None if the model gets the conversation as it is."""
    if not may_be_guided(body):
        return None
    shelf: _Shelf = current_app.extensions[_EXTENSION]
    try:
        if not shelf.is_for(engine):
            return None
    except EngineError:
        return None  # the request itself will say what is wrong
    return shelf.guide.plan(questions(body), spoken)
