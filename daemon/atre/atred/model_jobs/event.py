# SPDX-License-Identifier: Apache-2.0
"""What a job's process says of itself: one JSON object a line on its standard output."""

import msgspec


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of every event; the tag on the wire is the class name."""


class Sized(_Event, frozen=True):
    """What there is to do: so many bytes, ``done_bytes`` of them from an earlier try."""

    model: str
    size_bytes: int
    done_bytes: int = 0


class Moved(_Event, frozen=True):
    """So many bytes are done by now, earlier tries included."""

    done_bytes: int


class Ended(_Event, frozen=True):
    """Everything is done."""


class Refused(_Event, frozen=True):
    """It cannot be done: ``problem`` is one of ModelProblem, the message is for people."""

    problem: str
    message: str


Event = Sized | Moved | Ended | Refused

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
