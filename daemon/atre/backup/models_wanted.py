# SPDX-License-Identifier: Apache-2.0
"""The models that a restored box had and this one has not yet, in ``state/models-wanted.json``."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from atre.backup.manifest import BackupManifest, ModelEntry
from atre.errors import ModelStoreError
from atre.ipc.backup_replies import WantedModel
from atre.models.manifest import Manifest
from atre.models.store import Store
from atre.system.durable import write_durably

_FILE = "models-wanted.json"
_HUB = re.compile(r"hub:(?P<address>[^@]+\.gguf)(@.*)?$")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to fetch, and which one shall answer."""

    models: tuple[ModelEntry, ...] = ()
    chosen: str | None = None


def note_wanted(state_dir: Path, manifest: BackupManifest) -> None:
    """Remember a backup's models for the box that it becomes. Raises OSError."""
    wanted = Wanted(models=manifest.models, chosen=manifest.chosen_model)
    write_durably(state_dir / _FILE, msgspec.json.encode(wanted))


def read_wanted(state_dir: Path) -> Wanted:
    """Nothing, if nothing was restored or the file is damaged."""
    try:
        return msgspec.json.decode((state_dir / _FILE).read_bytes(), type=Wanted)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Wanted()


def forget_wanted(state_dir: Path) -> None:
    """Raises OSError."""
    (state_dir / _FILE).unlink(missing_ok=True)


def lacking(models: Sequence[ModelEntry], store: Store) -> list[ModelEntry]:
    """Those of the models whose files this store has not."""
    return [each for each in models if not _is_stored(each, store)]


def missing(manifest: BackupManifest, store: Store) -> list[WantedModel]:
    """What would have to come from elsewhere: neither here nor in the backup."""
    return told([m for m in lacking(manifest.models, store) if not m.is_included])


def told(models: Sequence[ModelEntry]) -> list[WantedModel]:
    """What people may see of them."""
    return [
        WantedModel(
            name=each.name,
            sha256=each.sha256[0],
            size_bytes=each.size_bytes,
            is_fetchable=address_of(each) is not None,
        )
        for each in models
    ]


def address_of(model: ModelEntry) -> str | None:
    """OWNER/REPOSITORY/FILE.gguf on the hub, None for one that was imported from a medium."""
    match = _HUB.match(model.source)
    return match["address"] if match else None


def take_in(staged: Path, store: Store) -> None:
    """Move the weights of a backup into the store; what is there already stays."""
    folder = staged / "models"
    for path in sorted((folder / "manifests").glob("*.json")):
        with suppress(ModelStoreError, OSError, msgspec.DecodeError):
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
            if store.has(manifest.name):
                continue
            with store.lease() as lease:
                for file in manifest.files:
                    written = folder / "blobs" / store.blob(file.sha256).name
                    if not store.holds(lease, file) and written.is_file():
                        store.add(lease, file, written)
                store.publish(manifest)


def _is_stored(model: ModelEntry, store: Store) -> bool:
    return all(store.blob(sha256).is_file() for sha256 in model.sha256)
