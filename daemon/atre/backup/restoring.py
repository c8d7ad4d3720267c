# SPDX-License-Identifier: Apache-2.0
import time

from atre import __version__
from atre.backup import space
from atre.backup.manifest import NAME, check_version, read_manifest
from atre.backup.restore import stage
from atre.backup.session import Session
from atre.backup.swap import check_free
from atre.ipc.backup_messages import StageRestore
from atre.ipc.backup_replies import Stage


def fetch(session: Session, order: StageRestore) -> None:
    """Fetch a snapshot of any unit and have it wait. Raises BackupError, OSError."""
    check_free(session.place)
    repository = session.repository(order.unit, order.key)
    manifest = read_manifest(repository.read(order.snapshot, f"/{NAME}"))
    check_version(manifest, __version__)
    space.require_room(session.scratch, manifest.size_bytes)
    folder = session.scratch / "restored"
    folder.mkdir(mode=0o700)
    session.reached(Stage.FETCHING)
    repository.restore(order.snapshot, folder, session.moved)
    session.reached(Stage.PROVING)
    stage(session.place, folder, snapshot=order.snapshot, at=time.time())
