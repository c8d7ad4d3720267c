# SPDX-License-Identifier: Apache-2.0
import time

from atre.backup import space
from atre.backup.drill import prove
from atre.backup.manifest import NAME, read_manifest
from atre.backup.session import Session
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_replies import Stage


def drill(session: Session, snapshot: str) -> None:
    """Bring a backup back into scratch room and prove it; the report is kept, whatever it says.

    Raises BackupError if the backup is not proven, and OSError.
    """
    began_s = time.monotonic()
    repository = session.own_repository()
    snapshots = repository.snapshots(session.unit)
    wanted = next((s for s in snapshots if snapshot == "latest" or s.id.startswith(snapshot)), None)
    if wanted is None:
        raise BackupError(
            "There is no such backup at that place.",
            "Il n’y a pas de telle sauvegarde à cet endroit.",
            problem=BackupProblem.EMPTY,
        )
    manifest = read_manifest(repository.read(wanted.id, f"/{NAME}"))
    space.require_room(session.scratch, manifest.size_bytes)
    folder = session.scratch / "restored"
    folder.mkdir(mode=0o700)
    session.reached(Stage.FETCHING)
    repository.restore(wanted.id, folder, session.moved)
    session.reached(Stage.PROVING)
    report = prove(
        folder,
        snapshot=wanted.id,
        ended_at=time.time,
        duration_s=lambda: time.monotonic() - began_s,
    )
    session.note(last_drill=report)
    if not report.is_proven:
        raise BackupError(
            "The drill failed: " + " ".join(report.problems[:3]),
            "L’exercice a échoué\u00a0: " + " ".join(report.problems_fr[:3]),
            problem=BackupProblem.UNPROVEN,
        )
    session.note(last_proven=report)
