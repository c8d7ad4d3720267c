# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections.abc import Callable
from pathlib import Path

from atre.models.manifest import Manifest
from atre.models.store import Store
from atre.sentence import NOTHING, Sentence

_CHUNK_BYTES = 2**20


def verify(
    store: Store, manifest: Manifest, *, progress: Callable[[int], None] = lambda _: None
) -> list[Sentence]:
    """Read every file of a model again; a sentence for each that is not what it was."""
    return [
        problem
        for file in manifest.files
        if (problem := _problem(store.blob(file.sha256), file.sha256, progress)) != NOTHING
    ]


def _problem(blob: Path, sha256: str, progress: Callable[[int], None]) -> Sentence:
    digest = hashlib.sha256()
    try:
        with blob.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                progress(len(chunk))
    except FileNotFoundError:
        return Sentence(f"{blob} is missing.", f"{blob} manque.")
    except OSError as error:
        return Sentence(
            f"{blob} cannot be read ({error.strerror}): the disk may be failing.",
            f"{blob} est illisible ({error.strerror})\N{NO-BREAK SPACE}: le disque lâche "
            "peut-être.",
        )
    if digest.hexdigest() != sha256:
        return Sentence(
            f"{blob} has changed on the disk: its sha256 is {digest.hexdigest()} now.",
            f"{blob} a changé sur le disque\N{NO-BREAK SPACE}: son sha256 est maintenant "
            f"{digest.hexdigest()}.",
        )
    return NOTHING
