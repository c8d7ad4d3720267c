# SPDX-License-Identifier: Apache-2.0
"""What a backup holds, gathered in a folder as of one moment.

Never what only this machine or this run can use: sockets, logs, the models' unfinished downloads,
and measurements of this hardware.
"""

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from atre import __version__
from atre.backup.database import copy_database, count_rows, is_database
from atre.backup.manifest import FORMAT, NAME, BackupManifest, ModelEntry, file_entry
from atre.backup.place import Place
from atre.errors import ModelStoreError
from atre.models.manifest import Manifest
from atre.system.durable import write_durably

FOLDERS = ("state", "secrets", "tls", "documents", "adapters")
MODELS = "models"
# Found by measuring this machine, or said of this run: another machine must find its own.
MACHINE_STATE = frozenset(
    {
        "power-baseline.json",
        "power-calibration.json",
        "race-attempt.json",
        "race.json",
        "speed.json",
        "waits-for-owner",
    }
)


def databases(data_dir: Path) -> list[Path]:
    """The databases of a box: the accounts and conversations, the meter's history, any other."""
    return sorted(path for path in data_dir.glob("*.db") if is_database(path))


def size_bytes(place: Place, *, with_models: bool) -> int:
    """How much room ``gather`` takes, and the first backup at most."""
    total = sum(
        _size(path) + _size(path.with_name(f"{path.name}-wal"))
        for path in databases(place.data_dir)
    )
    for folder in FOLDERS:
        total += sum(_size(path) for path in _files(place.data_dir / folder))
    return total + (weights_bytes(place, with_models=with_models))


def weights_bytes(place: Place, *, with_models: bool) -> int:
    """How many bytes of models a backup holds; ``gather`` links those, it copies none."""
    return sum(m.size_bytes for m in _manifests(place) if _is_included(m, with_models=with_models))


def gather(
    place: Place, folder: Path, *, unit: str, at: float, config: Path, with_models: bool
) -> BackupManifest:
    """Fill the empty ``folder``, its manifest last. Raises OSError, StorageError."""
    for source in databases(place.data_dir):
        copy_database(source, folder / source.name)
    for name in FOLDERS:
        _copy_tree(place.data_dir / name, folder / name)
    if config.is_file():
        shutil.copyfile(config, folder / "config.json")
    models = [
        _keep_model(place, manifest, folder / MODELS, with_models=with_models)
        for manifest in _manifests(place)
    ]
    manifest = BackupManifest(
        format=FORMAT,
        unit=unit,
        version=__version__,
        architecture=platform.machine(),
        at=at,
        files=tuple(file_entry(folder, path) for path in _files(folder)),
        tables=tuple(entry for path in databases(folder) for entry in count_rows(path)),
        models=tuple(models),
        chosen_model=place.store.chosen(),
    )
    write_durably(folder / NAME, msgspec.json.encode(manifest))
    return manifest


def _keep_model(place: Place, manifest: Manifest, folder: Path, *, with_models: bool) -> ModelEntry:
    is_included = _is_included(manifest, with_models=with_models)
    if is_included:
        (folder / "blobs").mkdir(mode=0o700, parents=True, exist_ok=True)
        for blob in place.store.blobs(manifest):
            copy = folder / "blobs" / blob.name
            if not copy.exists():
                copy.hardlink_to(blob)  # a blob never changes, and takes no room twice
        write_durably(folder / "manifests" / f"{manifest.name}.json", msgspec.json.encode(manifest))
    return ModelEntry(
        name=manifest.name,
        sha256=tuple(file.sha256 for file in manifest.files),
        size_bytes=manifest.size_bytes,
        source=manifest.source,
        kind=manifest.facts.kind,
        is_included=is_included,
    )


def _is_included(manifest: Manifest, *, with_models: bool) -> bool:
    # An office's own adapter is small, and nobody else has it.
    return with_models or manifest.facts.kind == "adapter"


def _manifests(place: Place) -> list[Manifest]:
    """The models that are whole; a damaged manifest is the store's to complain of."""
    found = []
    for name in place.store.names():
        with suppress(ModelStoreError):
            manifest = place.store.manifest(name)
            if all(blob.is_file() for blob in place.store.blobs(manifest)):
                found.append(manifest)
    return found


def _copy_tree(source: Path, copy: Path) -> None:
    for path in _files(source):
        relative = path.relative_to(source)
        if source.name == "state" and relative.as_posix() in MACHINE_STATE:
            continue
        place = copy / relative
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # written anew at this moment: a rename away
            shutil.copy2(path, place, follow_symlinks=False)


def _files(folder: Path) -> Iterator[Path]:
    """Every ordinary file below; links are not followed, and half-written ones are left out."""
    for root, below, names in os.walk(folder):
        below.sort()
        for name in sorted(names):
            path = Path(root) / name
            if path.is_file() and not path.is_symlink() and not name.startswith("."):
                yield path


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
