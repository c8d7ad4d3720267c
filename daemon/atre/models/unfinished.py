# SPDX-License-Identifier: Apache-2.0
"""Downloads that stopped: files under the digest that they will have, with a note beside each."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from atre.errors import ModelProblem, ModelStoreError
from atre.models.disk import write_failure
from atre.sentence import NOTHING

_PREFIX = "sha256-"


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A download that stopped: what it was, and how much of it is here."""

    address: str
    size_bytes: int
    done_bytes: int = 0


def partial_path(partial_dir: Path, sha256: str) -> Path:
    """Where a file is written until it is whole: under the digest that it will have."""
    return partial_dir / f"{_PREFIX}{sha256}"


def fetched_bytes(partial_dir: Path, sha256: str) -> int:
    """How much of a file an earlier download left."""
    try:
        return partial_path(partial_dir, sha256).stat().st_size
    except FileNotFoundError:
        return 0


def unfinished(partial_dir: Path) -> list[Unfinished]:
    """Downloads that stopped, or that run now."""
    found = []
    for note in sorted(partial_dir.glob(f"{_PREFIX}*.json")):
        try:
            known = msgspec.json.decode(note.read_bytes(), type=Unfinished)
        except (OSError, msgspec.DecodeError):
            continue
        done_bytes = fetched_bytes(partial_dir, note.stem.removeprefix(_PREFIX))
        found.append(msgspec.structs.replace(known, done_bytes=done_bytes))
    return found


def forget_unfinished(partial_dir: Path) -> int:
    """Throw away downloads that stopped, not those that run; how many bytes that gave."""
    freed_bytes = 0
    for path in list(partial_dir.glob(f"{_PREFIX}*")):
        if path.suffix == ".json":
            continue
        try:
            with held(path) as file:
                freed_bytes += os.fstat(file.fileno()).st_size
                forget(path)
        except ModelStoreError:
            continue
    return freed_bytes


@contextmanager
def held(path: Path) -> Iterator[BinaryIO]:
    """The file, open for one process at a time. Raises ModelStoreError if another has it."""
    try:
        file = path.open("r+b" if path.exists() else "w+b")
    except OSError as error:
        raise write_failure(error, kept=NOTHING) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ModelStoreError(
                "Another command is fetching the same file. Wait for it, or stop it.",
                "Une autre commande télécharge le même fichier. Attendez-la, ou arrêtez-la.",
                problem=ModelProblem.BUSY,
            ) from error
        yield file


def forget(path: Path) -> None:
    """Throw away a partial file and what is known of it."""
    path.unlink(missing_ok=True)
    Path(f"{path}.json").unlink(missing_ok=True)
