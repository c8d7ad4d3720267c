# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Content:
    """Text for the reader."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Text that the model wrote for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """A tool is called; its arguments follow."""

    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of the last call's arguments, as JSON text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The last call is complete."""


Part = Content | Reasoning | CallStart | CallArguments | CallEnd


class AnswerParser(Protocol):
    """Turns a model's text into parts as it comes, however it is cut.

    Joined, the parts are the same for every cut. What may be the start of a marker is held back.
    """

    def push(self, text: str) -> list[Part]:
        """The parts that ``text`` completes."""

    def finish(self, *, is_whole: bool) -> list[Part]:
        """What was held back, once the model ended its answer, or was cut off."""


class CallReader(Protocol):
    """Reads the calls behind a marker."""

    def push(self, text: str) -> tuple[list[Part], str | None]:
        """The parts in ``text``, and what follows the calls, None while they go on."""

    def finish(self) -> list[Part]:
        """What was held back, once the answer is over."""
