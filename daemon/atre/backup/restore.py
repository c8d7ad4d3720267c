# SPDX-License-Identifier: Apache-2.0
"""A fetched snapshot made ready beside the box's data: checked, without what is not for here."""

import shutil
from pathlib import Path

import msgspec

from atre import __version__
from atre.backup.contents import FOLDERS, MACHINE_STATE, MODELS, databases
from atre.backup.drill import inspect, restored_manifest
from atre.backup.manifest import NAME, BackupManifest, check_version
from atre.backup.models_wanted import missing, note_wanted
from atre.backup.place import Place
from atre.backup.swap import STAGED, Swap, begin, drop
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_replies import RestorePhase, RestorePreview
from atre.system.durable import write_durably


def preview(manifest: BackupManifest, place: Place, snapshot: str) -> RestorePreview:
    """What the snapshot brings, and why not, if it may not."""
    refusal, refusal_fr = "", ""
    try:
        check_version(manifest, __version__)
    except BackupError as error:
        refusal, refusal_fr = str(error), error.french
    return RestorePreview(
        snapshot=snapshot,
        at=manifest.at,
        unit=manifest.unit,
        version=manifest.version,
        architecture=manifest.architecture,
        # The box itself is a row among them, for keys that are nobody's.
        num_people=max(0, manifest.rows("people") - 1),
        num_conversations=manifest.rows("conversations"),
        num_messages=manifest.rows("messages"),
        size_bytes=manifest.size_bytes,
        models=missing(manifest, place.store),
        refusal=refusal,
        refusal_fr=refusal_fr,
    )


def stage(place: Place, fetched: Path, *, snapshot: str, at: float) -> Swap:
    """Make a fetched snapshot the one that waits to be applied.

    Raises BackupError if it is damaged, newer, or not whole, and OSError; then nothing waits.
    """
    manifest = restored_manifest(fetched)
    check_version(manifest, __version__)
    problems, _ = inspect(fetched, manifest)
    if problems:
        raise BackupError(
            "This backup is not whole, and nothing was changed: "
            + " ".join(each.text for each in problems[:3]),
            "Cette sauvegarde n’est pas entière, et rien n’a changé\u00a0: "
            + " ".join(each.text_fr for each in problems[:3]),
            problem=BackupProblem.UNPROVEN,
        )
    drop(place)
    staged = place.restore_dir / STAGED
    staged.mkdir(mode=0o700, parents=True)
    for name in (*FOLDERS, MODELS, *(path.name for path in databases(fetched))):
        if (fetched / name).exists():
            (fetched / name).replace(staged / name)
    (staged / "state").mkdir(mode=0o700, exist_ok=True)
    for name in MACHINE_STATE:
        _keep(place.state_dir / name, staged / "state" / name)
    note_wanted(staged / "state", manifest)
    write_durably(staged / NAME, msgspec.json.encode(manifest))
    swap = Swap(
        phase=RestorePhase.STAGED,
        snapshot=snapshot,
        snapshot_at=manifest.at,
        unit=manifest.unit,
        at=at,
        items=tuple(sorted(_items(place, staged))),
    )
    begin(place, swap)
    return swap


def _items(place: Place, staged: Path) -> set[str]:
    """Every name that the two states differ in; models are added to, never replaced."""
    names = set(FOLDERS)
    for folder in (place.data_dir, staged):
        for path in databases(folder):
            # A log of the replaced database must not be played into the restored one.
            names |= {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    return names


def _keep(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    if source.is_file():
        shutil.copy2(source, copy)
