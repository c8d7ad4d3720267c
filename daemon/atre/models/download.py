# SPDX-License-Identifier: Apache-2.0
"""One file of the hub onto the disk: goes on where it stopped, also after a restart."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from atre.errors import ModelProblem, ModelStoreError
from atre.models.disk import write_failure
from atre.models.hub import HubFile, Interrupted, RemoteFile, opened
from atre.models.unfinished import Unfinished, forget, held, partial_path
from atre.sentence import Sentence
from atre.system.durable import write_durably

_READ_BYTES = 2**20
_SYNC_BYTES = 64 * 2**20  # what a power cut may cost
_MAX_FAILURES = 8  # in a row, without one byte between
_MAX_WAIT_S = 60.0
_KEPT = Sentence(
    "What was fetched is kept; the same command goes on from there.",
    "Ce qui est déjà là est gardé\N{NO-BREAK SPACE}; la même commande reprend à cet endroit.",
)

Progress = Callable[[int], None]


class Pace:
    """Holds a download back to ``limit_bytes_s``, None for as fast as it comes."""

    def __init__(
        self,
        limit_bytes_s: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit_bytes_s = limit_bytes_s
        self._clock = clock
        self.sleep = sleep
        self._due_s = clock()

    def spend(self, num_bytes: int) -> None:
        """Wait until so many bytes are within the limit; time not used before is not saved up."""
        if self._limit_bytes_s is None:
            return
        now_s = self._clock()
        self._due_s = max(self._due_s, now_s) + num_bytes / self._limit_bytes_s
        self.sleep(self._due_s - now_s)


def download(
    address: HubFile,
    remote: RemoteFile,
    partial_dir: Path,
    *,
    pace: Pace,
    progress: Progress = lambda _: None,
) -> Path:
    """Fetch the file and check it; its place under ``partial_dir``, whole and fsynced.

    ``progress`` is told how many more bytes are here, less than none where a start over was
    needed. Raises ModelStoreError for a digest that is not the hub's, a line that stays cut, a full
    disk, or another download of the same file.
    """
    path = partial_path(partial_dir, remote.sha256)
    with held(path) as file:
        note = Unfinished(address=str(address), size_bytes=remote.size_bytes)
        try:
            write_durably(Path(f"{path}.json"), msgspec.json.encode(note))
            digest = _fetch(remote, file, pace, progress)
        except OSError as error:
            raise write_failure(error, kept=_KEPT) from error
        if digest != remote.sha256:
            forget(path)
            raise ModelStoreError(
                f"What came for {address} is not what the hub says it is: its sha256 is {digest}, "
                f"not {remote.sha256}. It was thrown away. Pull it again; if that happens twice, "
                "something between here and the hub changes files.",
                f"Ce qui est venu de {address} n’est pas ce que le hub annonce\N{NO-BREAK SPACE}: "
                f"son sha256 est {digest}, et non {remote.sha256}. Cela a été jeté. "
                "Téléchargez-le de nouveau\N{NO-BREAK SPACE}; si cela se répète, quelque chose "
                "entre ici et le hub modifie les fichiers.",
                problem=ModelProblem.WRONG_DIGEST,
            )
        Path(f"{path}.json").unlink(missing_ok=True)
    return path


class _Growing:
    """The file as far as it is here, and the digest of that."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.done_bytes = 0
        file.seek(0)
        while chunk := file.read(_READ_BYTES):
            self._digest.update(chunk)
            self.done_bytes += len(chunk)

    def start_over(self) -> None:
        self._file.truncate(0)
        self._file.seek(0)
        self._digest = hashlib.sha256()
        self.done_bytes = 0

    def append(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        before = self.done_bytes
        self.done_bytes += len(chunk)
        if self.done_bytes // _SYNC_BYTES != before // _SYNC_BYTES:
            self.sync()

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def sha256(self) -> str:
        return self._digest.hexdigest()


def _fetch(remote: RemoteFile, file: BinaryIO, pace: Pace, progress: Progress) -> str:
    """The sha256 of the whole file once it is all there."""
    growing = _Growing(file)
    failures, most_bytes = 0, growing.done_bytes
    while growing.done_bytes != remote.size_bytes:
        try:
            _receive(remote, growing, pace, progress)
        except Interrupted as problem:
            failures = 1 if growing.done_bytes > most_bytes else failures + 1
            most_bytes = max(most_bytes, growing.done_bytes)
            if failures > _MAX_FAILURES:
                raise ModelStoreError(
                    f"The download stopped at {growing.done_bytes} of {remote.size_bytes} bytes: "
                    f"{problem}. {_KEPT.text}",
                    f"Le téléchargement s’est arrêté à {growing.done_bytes} octets sur "
                    f"{remote.size_bytes}\N{NO-BREAK SPACE}: {problem.french}. {_KEPT.text_fr}",
                    problem=ModelProblem.INTERRUPTED,
                ) from problem
            pace.sleep(min(max(2.0**failures / 2, problem.retry_after_s), _MAX_WAIT_S))
    growing.sync()
    return growing.sha256()


def _receive(remote: RemoteFile, growing: _Growing, pace: Pace, progress: Progress) -> None:
    """Add to the file until it is whole. Raises Interrupted if the line ends first."""
    start = growing.done_bytes if growing.done_bytes < remote.size_bytes else 0
    with opened(remote, start=start) as (position, chunks):
        if position != growing.done_bytes:
            progress(-growing.done_bytes)
            growing.start_over()
        for chunk in chunks:
            if growing.done_bytes + len(chunk) > remote.size_bytes:
                raise ModelStoreError(
                    f"{remote.url} is longer than the {remote.size_bytes} bytes that the hub "
                    f"announced. {_KEPT.text}",
                    f"{remote.url} est plus long que les {remote.size_bytes} octets que le hub "
                    f"avait annoncés. {_KEPT.text_fr}",
                    problem=ModelProblem.WRONG_DIGEST,
                )
            growing.append(chunk)
            progress(len(chunk))
            pace.spend(len(chunk))
    if growing.done_bytes < remote.size_bytes:
        raise Interrupted(
            "the hub ended the file too early", "le hub a terminé le fichier trop tôt"
        )
