# SPDX-License-Identifier: Apache-2.0
"""A file that a browser sends, on its way to the disk: never in memory as a whole."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from atre.space.level import CRITICAL_BYTES, room

# Twice what a root file system and its two partitions for starting take.
MOST_BYTES = 6 * 10**9
# The part's own head and the line that ends it.
ENVELOPE_BYTES = 64 * 1024
# What is held in memory at once: Werkzeug reads 64 KiB at a time and keeps less than two of them.
_MOST_TEXT_BYTES = 2**20


class NotReceivedError(Exception):
    """The file did not arrive; ``reason`` is why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_room(num_bytes: int | None, folder: Path) -> None:
    """Refuse a body before it is read. Raises NotReceivedError: ``length``, ``long``, ``room``."""
    if num_bytes is None:
        raise NotReceivedError("length")
    if num_bytes > MOST_BYTES + ENVELOPE_BYTES:
        raise NotReceivedError("long")
    if room(folder).free_bytes - num_bytes < CRITICAL_BYTES:
        raise NotReceivedError("room")


def receive(body: IO[bytes], boundary: str, num_bytes: int, target: Path) -> None:
    """Store the one file of a multipart body as ``target``, whole or not at all.

    Raises NotReceivedError: ``busy`` while somebody else sends one, ``none`` for a body without a
    file, ``broken`` for one that ends early or is none of a form, ``disk`` if it cannot be stored.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part) as file:
            _read(body, boundary, num_bytes, file)
            os.fsync(file.fileno())
            part.replace(target)
        _sync(target.parent)
    except NotReceivedError:
        raise
    except (ValueError, RequestEntityTooLarge, ClientDisconnected, TimeoutError) as error:
        raise NotReceivedError("broken") from error
    except OSError as error:
        raise NotReceivedError("disk") from error


@contextmanager
def _alone(part: Path) -> Iterator[IO[bytes]]:
    """The empty file, for one sender at a time; what a sender leaves unfinished is removed."""
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReceivedError("busy") from None
        # Whoever ended while this one opened it may have taken the name along.
        if not _is_same(file, part):
            raise NotReceivedError("busy")
        file.truncate(0)
        try:
            yield file
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def _is_same(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _read(body: IO[bytes], boundary: str, num_bytes: int, file: IO[bytes]) -> None:
    taken: list[str] = []

    def place(
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        del total_content_length, content_type, content_length
        if taken:
            raise ValueError("more than one file")
        taken.append(filename or "")
        return file

    parser = MultiPartParser(
        stream_factory=place, max_form_memory_size=_MOST_TEXT_BYTES, max_form_parts=4
    )
    parser.parse(body, boundary.encode("ascii"), num_bytes)
    file.flush()
    if not taken or not os.fstat(file.fileno()).st_size:
        raise NotReceivedError("none")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
