# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from atre.burn_in.results import DiskResult, Smart
from atre.burn_in.turn import Turn

_PIECE_BYTES = 8 * 2**20
# A new drive is not worn by its test: with the default size, 32 GiB at most.
_MAX_ROUNDS = 8


def _nameless(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)


class DiskProbe:
    """Writes a nameless file to ``folder``, reads it back from the drive and compares.

    Having no name (open(2), O_TMPFILE), it is gone with this process, whatever ends it.
    """

    def __init__(
        self,
        folder: Path,
        file_bytes: int,
        *,
        seed: int = 0,
        smart: Callable[[Path], Smart | None] = lambda _folder: None,
        open_file: Callable[[Path], IO[bytes]] = _nameless,
    ) -> None:
        self._folder = folder
        self._num_pieces = max(1, file_bytes // _PIECE_BYTES)
        self._piece_bytes = min(file_bytes, _PIECE_BYTES)
        self._seed = seed
        self._smart = smart
        self._open_file = open_file

    def run(self, turn: Turn) -> DiskResult:
        rounds = wrong = 0
        write_s = read_s = 0.0
        problem = ""
        try:
            with self._open_file(self._folder) as file:
                while rounds == 0 or (rounds < _MAX_ROUNDS and not turn.is_over()):
                    write_s += self._write(file, rounds, turn)
                    more_s, more_wrong = self._read_back(file, rounds, turn)
                    read_s += more_s
                    wrong += more_wrong
                    rounds += 1
        except OSError as error:
            problem = error.strerror or str(error)
        size = self._num_pieces * self._piece_bytes
        return DiskResult(
            file_bytes=size,
            rounds=rounds,
            wrong_pieces=wrong,
            write_bytes_s=size * rounds / write_s if rounds and write_s else None,
            read_bytes_s=size * rounds / read_s if rounds and read_s else None,
            problem=problem,
            smart=self._smart(self._folder),
        )

    def _write(self, file: IO[bytes], round_: int, turn: Turn) -> float:
        """Seconds until all was on the drive, as far as the drive is to be believed."""
        file.seek(0)
        spent_s = 0.0
        for piece in range(self._num_pieces):
            content = self._content(round_, piece)
            started_s = time.monotonic()
            file.write(content)
            spent_s += time.monotonic() - started_s
            turn.tell()
        started_s = time.monotonic()
        file.flush()
        os.fsync(file.fileno())
        return spent_s + time.monotonic() - started_s

    def _read_back(self, file: IO[bytes], round_: int, turn: Turn) -> tuple[float, int]:
        """Seconds, and how many pieces differ."""
        if hasattr(os, "posix_fadvise"):  # else the copy in memory would be compared with itself
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        spent_s, wrong = 0.0, 0
        for piece in range(self._num_pieces):
            started_s = time.monotonic()
            content = file.read(self._piece_bytes)
            spent_s += time.monotonic() - started_s
            wrong += content != self._content(round_, piece)
            turn.tell()
        return spent_s, wrong

    def _content(self, round_: int, piece: int) -> bytes:
        """Random bytes, which no drive can compress, and other ones each time."""
        return np.random.default_rng([self._seed, round_, piece]).bytes(self._piece_bytes)
