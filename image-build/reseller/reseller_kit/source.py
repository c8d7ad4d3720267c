# SPDX-License-Identifier: Apache-2.0
"""The image, as its bytes come out of its compression."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from atre.errors import ConfigError

PIECE_BYTES = 4 * 2**20
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_NBSP = "\N{NO-BREAK SPACE}"


def is_compressed(image: Path) -> bool:
    """Whether the file is Zstandard's. Raises ConfigError if it cannot be read."""
    return _head(image, len(_ZSTD_MAGIC)) == _ZSTD_MAGIC


def raw_bytes(image: Path) -> int | None:
    """How large the image is on a disk; None where its compression does not say."""
    return content_bytes(_head(image, 18)) if is_compressed(image) else image.stat().st_size


def content_bytes(head: bytes) -> int | None:
    """Frame_Content_Size of a Zstandard frame's header (RFC 8878, 3.1.1.1)."""
    if len(head) < 6 or not head.startswith(_ZSTD_MAGIC):  # noqa: PLR2004 -- magic, descriptor, window
        return None
    descriptor = head[4]
    is_single_segment = bool(descriptor & 0x20)
    size_flag = descriptor >> 6
    size_bytes = (int(is_single_segment), 2, 4, 8)[size_flag]
    start = 5 + (not is_single_segment) + (0, 1, 2, 4)[descriptor & 3]
    field = head[start : start + size_bytes]
    if not size_bytes or len(field) < size_bytes:
        return None
    # A field of two bytes counts from 256 on.
    return int.from_bytes(field, "little") + (256 if size_flag == 1 else 0)


def expected_sha256(image: Path) -> str | None:
    """What the list beside the image says of it; None if there is no such list.

    ``SHA256SUMS`` or ``NAME.sha256``, as sha256sum(1) writes them.
    """
    for listing in (image.with_name("SHA256SUMS"), image.with_name(f"{image.name}.sha256")):
        if listing.is_file():
            for line in listing.read_text("utf-8", "replace").splitlines():
                found = _SUM.fullmatch(line)
                if found and Path(found[2]).name == image.name:
                    return found[1]
    return None


def check_sha256(image: Path, expected: str) -> None:
    """Raises ConfigError if the file is not the one that was published."""
    with image.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.lower():
        raise ConfigError(
            f"{image} is damaged or another one: its sha256 is {found}, not {expected}. Get it "
            "again; nothing was written.",
            f"{image} est abîmé ou n’est pas le bon{_NBSP}: son sha256 est {found}, et non "
            f"{expected}. Téléchargez-le de nouveau{_NBSP}; rien n’a été écrit.",
        )


def pieces(image: Path) -> Iterator[bytes]:
    """The image in pieces of ``PIECE_BYTES``, the last one shorter. Raises ConfigError."""
    if not is_compressed(image):
        with image.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
        return
    program = shutil.which("zstd")
    if program is None:
        raise ConfigError(
            "The image is compressed: install zstd (apt install zstd), then try again.",
            f"L’image est compressée{_NBSP}: installez zstd (apt install zstd), puis recommencez.",
        )
    process = subprocess.Popen(
        [program, "--decompress", "--stdout", "--quiet", str(image)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    try:
        while piece := process.stdout.read(PIECE_BYTES):
            yield piece
        if process.wait() != 0:
            raise ConfigError(
                f"{image} cannot be decompressed to its end. Get it again.",
                f"{image} ne peut pas être décompressé jusqu’au bout. Téléchargez-le de nouveau.",
            )
    finally:
        process.stdout.close()
        if process.poll() is None:
            process.kill()
            process.wait()


def _head(image: Path, count: int) -> bytes:
    try:
        with image.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise ConfigError(
            f"The image {image} cannot be read ({error.strerror}).",
            f"L’image {image} ne peut pas être lue ({error.strerror}).",
        ) from error
