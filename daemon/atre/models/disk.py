# SPDX-License-Identifier: Apache-2.0
"""Room for models: asked before writing, and what is said when it runs out all the same."""

import errno
import os
from pathlib import Path

from atre.errors import ModelProblem, ModelStoreError
from atre.sentence import Sentence
from atre.space.words import in_words

# The box's database, its logs and an update must never find the disk full of models.
RESERVE_BYTES = 2**30
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REMEDY = Sentence(
    "`atre model list` shows what each model takes; free room with `atre model remove NAME`, or "
    "give the box a larger disk with --data-dir.",
    "`atre model list` montre ce que prend chaque modèle\N{NO-BREAK SPACE}; faites de la place "
    "avec `atre model remove NOM`, ou donnez au boîtier un plus grand disque avec --data-dir.",
)


def require_room(directory: Path, needed_bytes: int, *, reserve_bytes: int = RESERVE_BYTES) -> None:
    """Raises ModelStoreError, with the numbers, unless so much can be written there."""
    status = os.statvfs(directory)
    free_bytes = status.f_bavail * status.f_frsize
    if free_bytes - needed_bytes < reserve_bytes:
        raise ModelStoreError(
            f"The disk has {in_words(free_bytes)} free, and {in_words(needed_bytes)} are needed "
            f"beside the {in_words(reserve_bytes)} that the box keeps for itself. Nothing was "
            f"written. {_REMEDY.text}",
            f"Le disque a {in_words(free_bytes, french=True)} de libre, et il en faut "
            f"{in_words(needed_bytes, french=True)} en plus des "
            f"{in_words(reserve_bytes, french=True)} que le boîtier garde pour lui. Rien n’a été "
            f"écrit. {_REMEDY.text_fr}",
            problem=ModelProblem.DISK_FULL,
        )


def write_failure(error: OSError, *, kept: Sentence) -> ModelStoreError:
    """The error for a write that failed; ``kept`` says what became of what was written."""
    if error.errno in _FULL:
        return ModelStoreError(
            f"The disk is full. {kept.text} {_REMEDY.text}",
            f"Le disque est plein. {kept.text_fr} {_REMEDY.text_fr}",
            problem=ModelProblem.DISK_FULL,
        )
    return ModelStoreError(
        f"The disk cannot be written ({error.strerror or error}). {kept.text} Check the disk and "
        "its permissions.",
        f"Le disque refuse l’écriture ({error.strerror or error}). {kept.text_fr} Vérifiez le "
        "disque et ses permissions.",
        problem=ModelProblem.DISK_FAILED,
    )
