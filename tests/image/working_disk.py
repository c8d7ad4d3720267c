# SPDX-License-Identifier: Apache-2.0
"""A disk of its own to replay a log on: a sparse file, and what brings back its last state."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.image import sparse
from tests.image.crash_states import Piece
from tests.image.write_log import LogError, Write, WriteLog


@dataclass(frozen=True, slots=True)
class Span:
    """``length`` bytes of the disk from ``start`` on."""

    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length

    def is_touched_by(self, write: Write) -> bool:
        return write.offset < self.end and self.start < write.offset + write.length


@dataclass(frozen=True, slots=True)
class _Old:
    """What lay in ``span``: some bytes, and zeros around them."""

    span: Span
    data: tuple[tuple[int, bytes], ...]


class WorkingDisk:
    """A copy of ``base`` at ``path``, without what lies in ``left_out`` (a slot's gigabytes).

    Writes there are left out too. Raises LogError for a write beyond the disk's end, and OSError.
    """

    def __init__(self, base: Path, path: Path, *, left_out: Iterable[Span] = ()) -> None:
        self.path = path
        self.size = base.stat().st_size
        self._left_out = tuple(sorted(left_out, key=lambda span: span.start))
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.truncate(self._file, self.size)
        with base.open("rb") as source:
            for span in self._kept(0, self.size):
                sparse.copy(source.fileno(), self._file, span.start, span.length, to=span.start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def read(self, start: int, length: int) -> bytes:
        return os.pread(self._file, length, start)

    def extract(self, span: Span, path: Path) -> None:
        """Write a part of the disk into a file of its own, made anew."""
        path.unlink(missing_ok=True)
        target = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.truncate(target, span.length)
            sparse.copy(self._file, target, span.start, span.length, to=0)
        finally:
            os.close(target)

    def write(self, log: WriteLog, pieces: Iterable[Piece]) -> None:
        """Have these writes on the disk."""
        for piece, start, span in self._targets(pieces):
            self._put(log, piece.write, start, span)

    def try_out(self, log: WriteLog, pieces: Iterable[Piece]) -> list[_Old]:
        """The same, and what ``undo`` needs to take them back."""
        old = []
        for piece, start, span in self._targets(pieces):
            old.append(self._old(span))
            self._put(log, piece.write, start, span)
        return old

    def undo(self, old: list[_Old]) -> None:
        for each in reversed(old):
            if sum(len(data) for _, data in each.data) < each.span.length:
                sparse.punch(self._file, each.span.start, each.span.length)
            for place, data in each.data:
                os.pwrite(self._file, data, place)

    def _old(self, span: Span) -> _Old:
        found = sparse.extents(self._file, span.start, span.length)
        return _Old(
            span, tuple((place, os.pread(self._file, size, place)) for place, size in found)
        )

    def _put(self, log: WriteLog, write: Write, start: int, span: Span) -> None:
        if write.data_at is None:
            # What a discarded block holds is the drive's affair; zeros are the least that is left.
            sparse.punch(self._file, span.start, span.length)
        else:
            os.pwrite(self._file, log.data(write, start, span.length), span.start)

    def _targets(self, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, int, Span]]:
        """Each piece, the byte of its write's data, and where on the disk that comes."""
        for piece in pieces:
            if piece.write.offset + piece.write.length > self.size:
                raise LogError(
                    f"Entry {piece.write.number} writes beyond the end of the base disk: it is "
                    "the disk of another log, or was cut."
                )
            for first, length in piece.spans():
                for span in self._kept(piece.write.offset + first, length):
                    yield piece, span.start - piece.write.offset, span

    def _kept(self, start: int, length: int) -> Iterator[Span]:
        end = start + length
        for hole in self._left_out:
            if hole.end <= start or end <= hole.start:
                continue
            if start < hole.start:
                yield Span(start, hole.start - start)
            start = hole.end
        if start < end:
            yield Span(start, end - start)
