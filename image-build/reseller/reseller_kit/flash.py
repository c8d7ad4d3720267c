# SPDX-License-Identifier: Apache-2.0
"""Writing one image to many disks at once, and believing none of them before it was read back.

The first piece, which holds the partition table, is written last: a disk whose writing was cut off
starts nothing, so that nobody takes it for a finished unit.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reseller_kit.source import PIECE_BYTES

Step = Literal["write", "read back"]
# Hears which target does what, and how many bytes of it are done.
Progress = Callable[[Path, Step, int], None]


@dataclass(slots=True)
class Written:
    """What became of one target; ``is_done`` only after it was read back. The rest is why not."""

    target: Path
    num_bytes: int = 0
    sha256: str = ""
    is_done: bool = False
    problem: str = ""
    _fd: int = field(default=-1, repr=False)


def flash(pieces: Iterable[bytes], targets: Sequence[Path], on_progress: Progress) -> list[Written]:
    """Write the pieces to every target and read them back, all targets at once.

    A target that fails is left behind, the others go on. Raises what ``pieces`` raises, and then no
    target is done.
    """
    writings = [Written(target) for target in targets]
    with ThreadPoolExecutor(max(1, len(targets))) as pool:
        try:
            for written in writings:
                _guarded(written, _open)
            head, digest, num_bytes = b"", hashlib.sha256(), 0
            for piece in pieces:
                digest.update(piece)
                head = head or piece
                offset, content = num_bytes, piece if num_bytes else bytes(len(piece))
                num_bytes += len(piece)
                _each(pool, writings, lambda w: _write(w, offset, content, on_progress))  # noqa: B023
            for written in writings:
                written.num_bytes, written.sha256 = num_bytes, digest.hexdigest()
            _each(pool, writings, lambda w: _finish(w, head))
            _each(pool, writings, lambda w: _read_back(w, on_progress))
        finally:
            for written in writings:
                if written._fd >= 0:  # noqa: SLF001 -- its own module
                    os.close(written._fd)  # noqa: SLF001
    return writings


def _each(
    pool: ThreadPoolExecutor, writings: list[Written], act: Callable[[Written], None]
) -> None:
    sound = [written for written in writings if not written.problem]
    list(pool.map(lambda written: _guarded(written, act), sound))


def _guarded(written: Written, act: Callable[[Written], None]) -> None:
    try:
        act(written)
    except OSError as error:
        written.problem = error.strerror or str(error)


def _open(written: Written) -> None:
    is_device = written.target.is_block_device()
    # O_EXCL on a block device: the kernel refuses one that is mounted or otherwise held (open(2)).
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_EXCL if is_device else 0)
    written._fd = os.open(written.target, flags)  # noqa: SLF001
    size = os.lseek(written._fd, 0, os.SEEK_END)  # noqa: SLF001
    # Another system's spare partition table at the very end must not be found again.
    tail = min(size, PIECE_BYTES)
    _write_all(written, size - tail, bytes(tail))


def _write(written: Written, offset: int, piece: bytes, on_progress: Progress) -> None:
    _write_all(written, offset, piece)
    on_progress(written.target, "write", offset + len(piece))


def _finish(written: Written, head: bytes) -> None:
    os.fsync(written._fd)  # noqa: SLF001
    _write_all(written, 0, head)
    os.fsync(written._fd)  # noqa: SLF001
    # Else the copy in memory would be compared with itself.
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(written._fd, 0, 0, os.POSIX_FADV_DONTNEED)  # noqa: SLF001


def _read_back(written: Written, on_progress: Progress) -> None:
    digest, offset = hashlib.sha256(), 0
    while offset < written.num_bytes:
        count = min(PIECE_BYTES, written.num_bytes - offset)
        piece = os.pread(written._fd, count, offset)  # noqa: SLF001
        if not piece:
            break
        digest.update(piece)
        offset += len(piece)
        on_progress(written.target, "read back", offset)
    if offset == written.num_bytes and digest.hexdigest() == written.sha256:
        written.is_done = True
    else:
        written.problem = "it gave back something else than was written"


def _write_all(written: Written, offset: int, content: bytes) -> None:
    view = memoryview(content)
    size = os.lseek(written._fd, 0, os.SEEK_END)  # noqa: SLF001
    if offset + len(view) > size:  # a file would grow and pose as a large enough disk
        raise OSError(f"it holds {size} bytes, which is too few")
    while view:
        count = os.pwrite(written._fd, view, offset)  # noqa: SLF001
        view, offset = view[count:], offset + count
