# SPDX-License-Identifier: Apache-2.0
"""Models from a USB stick or a folder into the store."""

import datetime as dt
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from atre.errors import ModelLoadError, ModelProblem, ModelStoreError
from atre.models.disk import RESERVE_BYTES, require_room, write_failure
from atre.models.examine import examine
from atre.models.lease import Lease
from atre.models.limit import require_within_limit
from atre.models.manifest import Manifest, StoredFile, name_of_file
from atre.models.split import Part, part_of
from atre.models.store import Store
from atre.sentence import Sentence

_CHUNK_BYTES = 2**20

Progress = Callable[[int], None]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One model to import: its files in order, and the name that it would get."""

    name: str
    files: tuple[Path, ...]

    def size_bytes(self) -> int:
        """Raises OSError."""
        return sum(file.stat().st_size for file in self.files)


def candidates(source: Path) -> list[Candidate]:
    """The models in a file's place or in a folder, not in the folders below it.

    Raises ModelStoreError for nothing there, or a model in parts of which some are missing.
    """
    if not source.is_dir():
        part = part_of(source.name)
        return [_candidate(source, part)] if part else [_candidate(source, None)]
    try:
        files = sorted(path for path in source.iterdir() if path.name.endswith(".gguf"))
    except OSError as error:
        raise ModelStoreError(
            f"{source} cannot be read ({error.strerror}).",
            f"{source} est illisible ({error.strerror}).",
            problem=ModelProblem.PATH_UNKNOWN,
        ) from error
    firsts = [(file, part_of(file.name)) for file in files if not file.name.startswith(".")]
    found = [_candidate(file, part) for file, part in firsts if not part or _leads(part, firsts)]
    if not found:
        raise ModelStoreError(
            f"{source} holds no .gguf file. Name a model's file or its folder.",
            f"{source} ne contient aucun fichier .gguf. Nommez le fichier d’un modèle ou son "
            "dossier.",
            problem=ModelProblem.PATH_UNKNOWN,
        )
    return found


def _leads(part: Part, files: Sequence[tuple[Path, Part | None]]) -> bool:
    """Whether no earlier part of the same model is in the folder, so that each counts once."""
    return not any(
        other
        and (other.prefix, other.count) == (part.prefix, part.count)
        and other.number < part.number
        for _, other in files
    )


def _candidate(file: Path, part: Part | None) -> Candidate:
    if part is None:
        return Candidate(name=name_of_file(file.name), files=(file,))
    parts = [file.with_name(part.sibling(number)) for number in range(1, part.count + 1)]
    missing = [path.name for path in parts if not path.exists()]
    if missing:
        raise ModelStoreError(
            f"{file.name} is one of {part.count} parts, and {missing[0]} is not beside it. Copy "
            "all parts into one folder.",
            f"{file.name} est une partie sur {part.count}, et {missing[0]} n’est pas à côté. "
            "Copiez toutes les parties dans un même dossier.",
            problem=ModelProblem.PATH_UNKNOWN,
        )
    return Candidate(name=name_of_file(file.name), files=tuple(parts))


def import_model(
    store: Store,
    candidate: Candidate,
    *,
    base: str | None = None,
    expected: Mapping[str, str] | None = None,
    signer: str | None = None,
    reserve_bytes: int = RESERVE_BYTES,
    progress: Progress = lambda _: None,
) -> Manifest:
    """Copy a model into the store and check it; it exists only once everything is right.

    ``expected`` gives digests by file name, from a manifest that ``signer`` signed. ``progress`` is
    told how many more bytes were copied. Raises ModelLoadError for a file that is no usable model,
    ModelStoreError for a name that is taken, a wrong digest, or a disk without room; nothing of it
    stays then.
    """
    if store.has(candidate.name):
        raise ModelStoreError(
            f"A model {candidate.name!r} is stored already. Remove it first, or give this one "
            "another name with --name.",
            f"Un modèle {candidate.name!r} est déjà installé. Retirez-le d’abord, ou donnez un "
            "autre nom à celui-ci avec --name.",
            problem=ModelProblem.TAKEN,
        )
    base_files = store.blobs(store.manifest(base)) if base else []
    examine(candidate.files, base=base_files, base_name=base or "")
    with store.lease() as lease:
        try:
            require_room(store.root, candidate.size_bytes(), reserve_bytes=reserve_bytes)
            require_within_limit(store, candidate.size_bytes())
        except OSError as error:
            raise _unreadable(candidate.files[0], error) from error
        files = tuple(
            _copy(store, lease, file, _wanted(expected, file), progress) for file in candidate.files
        )
        # The stick may have changed since it was first looked at; what counts is what was copied.
        copies = [store.blob(file.sha256) for file in files]
        facts = examine(copies, base=base_files, base_name=base or "")
        manifest = Manifest(
            name=candidate.name,
            files=files,
            facts=facts,
            source="import",
            added=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            base=base if facts.kind == "adapter" else None,
            signer=signer,
        )
        store.publish(manifest)
        return manifest


def _wanted(expected: Mapping[str, str] | None, file: Path) -> str | None:
    if expected is None:
        return None
    if file.name not in expected:
        raise ModelStoreError(
            f"The signed manifest does not name {file.name}, so it is not imported.",
            f"Le manifeste signé ne nomme pas {file.name}, qui n’est donc pas importé.",
        )
    return expected[file.name]


def _copy(
    store: Store, lease: Lease, source: Path, wanted: str | None, progress: Progress
) -> StoredFile:
    target = lease.new_file()
    digest, size_bytes = hashlib.sha256(), 0
    try:
        reading = source.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from error
    with reading:
        try:
            with target.open("xb") as writing:
                while chunk := _read(reading.read, source):
                    writing.write(chunk)
                    digest.update(chunk)
                    size_bytes += len(chunk)
                    progress(len(chunk))
                writing.flush()
                os.fsync(writing.fileno())
        except OSError as error:
            target.unlink(missing_ok=True)
            raise write_failure(
                error,
                kept=Sentence(
                    "The copy was thrown away; every other model is as it was.",
                    "La copie a été jetée\N{NO-BREAK SPACE}; les autres modèles sont intacts.",
                ),
            ) from error
    if wanted is not None and digest.hexdigest() != wanted:
        raise ModelStoreError(
            f"{source} is not the file that the manifest names: its sha256 is "
            f"{digest.hexdigest()}, not {wanted}. Copy it again from where it came.",
            f"{source} n’est pas le fichier que nomme le manifeste\N{NO-BREAK SPACE}: son sha256 "
            f"est {digest.hexdigest()}, et non {wanted}. Copiez-le de nouveau depuis sa source.",
            problem=ModelProblem.WRONG_DIGEST,
        )
    file = StoredFile(sha256=digest.hexdigest(), size_bytes=size_bytes)
    store.add(lease, file, target)
    return file


def _read(read: Callable[[int], bytes], source: Path) -> bytes:
    try:
        return read(_CHUNK_BYTES)
    except OSError as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Path, error: OSError) -> ModelLoadError:
    return ModelLoadError(
        f"{source} cannot be read ({error.strerror}). Check that the disk is still plugged in.",
        f"{source} est illisible ({error.strerror}). Vérifiez que le disque est toujours branché.",
    )
