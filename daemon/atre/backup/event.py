# SPDX-License-Identifier: Apache-2.0
"""What a job's process says of itself: one JSON object a line on its standard output."""

import msgspec

from atre.ipc.backup_replies import Stage


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of every event; the tag on the wire is the class name."""


class Reached(_Event, frozen=True):
    """A stage began."""

    stage: Stage


class Moved(_Event, frozen=True):
    """How far the stage is, as ``atre.backup.repository.Progress`` says it."""

    fraction: float | None
    done_bytes: int
    size_bytes: int
    left_s: float | None


class Stored(_Event, frozen=True):
    """A backup is stored; what follows can fail without taking it away."""

    snapshot: str


class Ended(_Event, frozen=True):
    """Everything is done."""


class Refused(_Event, frozen=True):
    """It cannot be done: ``problem`` is one of BackupProblem, the messages are for people."""

    problem: str
    message: str
    french: str


Event = Reached | Moved | Stored | Ended | Refused

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """One line, its end included."""
    return msgspec.json.encode(event) + b"\n"


def decode(line: bytes) -> Event | None:
    """What a line says, None for nonsense: a library may print what it likes."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
