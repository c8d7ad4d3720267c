# SPDX-License-Identifier: Apache-2.0
"""What the engine says of its work on ``engine.sock`` to whoever accounts for the machine's energy.

``WatchWork`` → ``WorkDone``*, until either side closes the connection; ``CapThreads`` →
``EngineDescription``; or ``Failed``.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from atre.ipc.message import Message


class WatchWork(Message, frozen=True):
    """Ask for the records of work from now on, and before them for those that were missed.

    ``start`` and ``after`` are those of the last record that was received.
    """

    start: str = ""
    after: int = 0


class CapThreads(Message, frozen=True):
    """Decode with so many threads at most, from the next step on; None is as many as planned.

    An engine that is started anew knows of no cap.
    """

    threads: Annotated[int, Meta(ge=1, le=4096)] | None


class Rows(msgspec.Struct, frozen=True, array_like=True):
    """How many rows of batches a request took: tokens that were read, and tokens to be followed.

    What was guessed and found wrong was computed all the same, and counts as ``decode``.
    """

    request: int
    prompt: int
    decode: int


class WorkDone(Message, frozen=True):
    """Work from ``begin_s`` to ``end_s`` (CLOCK_MONOTONIC, seconds) without a pause in it.

    Records of one ``start`` of the engine are numbered from 1 and follow one another in time. One
    without rows says that the engine begins to work, or that it rests: ``goes_on`` tells which.
    ``ended`` are requests that no later record has rows of. ``prompt_row_cost`` is how long a row
    of a large step takes, as a part of a step of one row; None while that is not known.
    """

    start: str
    number: int
    begin_s: float
    end_s: float
    rows: tuple[Rows, ...] = ()
    ended: tuple[int, ...] = ()
    goes_on: bool = True
    prompt_row_cost: float | None = None


def request_id(start: str, number: int) -> str:
    """What a request is called outside of the engine; no other start gives the same."""
    return f"{start}-{number}"
