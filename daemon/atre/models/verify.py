# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections.abc import Callable
from pathlib import Path

from atre.models.manifest import Manifest
from atre.models.store import Store

_CHUNK_BYTES = 2**20


def verify(
    store: Store, manifest: Manifest, *, progress: Callable[[int], None] = lambda _: None
) -> list[str]:
    """Read every file of a model again; a sentence for each that is not what it was."""
    return [
        problem
        for file in manifest.files
        if (problem := _problem(store.blob(file.sha256), file.sha256, progress))
    ]


def _problem(blob: Path, sha256: str, progress: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    try:
        with blob.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                progress(len(chunk))
    except FileNotFoundError:
        return f"{blob} is missing."
    except OSError as error:
        return f"{blob} cannot be read ({error.strerror}): the disk may be failing."
    if digest.hexdigest() != sha256:
        return f"{blob} has changed on the disk: its sha256 is {digest.hexdigest()} now."
    return ""
